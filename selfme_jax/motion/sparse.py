"""Sparse motion: keypoint pairs -> K + 1 candidate flows, one call for all kinds."""

import jax
import jax.numpy as jnp

from selfme_jax.ops import affine, bspline, tps
from selfme_jax.types import Keypoints, Shape

KINDS = ("bspline", "tps", "affine")


def candidates(
    source: Keypoints,
    driving: Keypoints,
    shape: Shape,
    *,
    kind: str,
    cells: tuple[int, int],
    smoothness: float,
) -> jax.Array:
    """Candidate flows of all groups, driving -> source, before their mixture.

    Args:
      source, driving: points [..., k, n, 2] in [-1, 1], (x, y); Jacobians
        [..., k, 2, 2] on both or on neither.
      shape: (h, w) of the fields.
      kind: 'bspline' (cubic free-form deformation, dual-form fit), 'tps'
        (thin-plate spline) or 'affine'. With Jacobians 'affine' is the first-order
        motion p_s + J_s J_d^-1 (z - p_d) (Siarohin et al. 2019, equation 4); else
        it is the least-squares affine map of the points.
      cells: (gy, gx) lattice cells of 'bspline'.
      smoothness: the regularisation of 'bspline' and 'tps', >= 0.

    Returns:
      [..., k + 1, h, w, 2] float32 flows in grid units; number 0 is the identity,
      i.e. zero flow. A group whose points agree gives zero flow (exactly, but for
      the rounding of J_s J_d^-1).
    """
    start = driving.points.astype(jnp.float32)
    shift = source.points.astype(jnp.float32) - start
    if kind == "bspline":
        control = bspline.fit(start, shift, cells=cells, smoothness=smoothness)
        flows = bspline.field(control, shape)
    elif kind == "tps":
        flows = tps.field(tps.fit(start, shift, smoothness=smoothness), start, shape)
    elif kind == "affine":
        flows = affine.field(_affine(source, driving), shape)
    else:
        raise ValueError(f"sparse kind {kind!r}: know {', '.join(KINDS)}")
    zero = jnp.zeros_like(flows[..., :1, :, :, :])
    return jnp.concatenate([zero, flows], axis=-4)


def _affine(source: Keypoints, driving: Keypoints) -> jax.Array:
    """[..., k, 2, 3] affine maps of positions, driving -> source."""
    if source.jacobians is None or driving.jacobians is None:
        return affine.fit(driving.points, source.points)

    def local(keypoints):  # [..., k, 2, 3]: the frame of reference of each point
        point = keypoints.points[..., 0, :, None]
        return jnp.concatenate([keypoints.jacobians, point], axis=-1)

    return affine.compose(local(source), affine.invert(local(driving)))
