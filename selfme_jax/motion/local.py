"""Flow from brightness constancy (Lucas and Kanade 1981): local candidates, tracking.

Our addition, off by default: keypoints found in each frame alone are slow to learn
motion well below a pixel, while its first-order effect on the frames is linear and can
be solved for. At every place the flow d minimises sum w (Ix dx + Iy dy + It)^2 +
ridge |d|^2 over a Gaussian window; one candidate per window width. How far each place
is to be trusted (w, ridge) and which candidate to take are learned, as all else, by
reconstruction.
Tracking reads the same flow at the keypoints of the driving frame only; the sparse
motions go on from there.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion.losses import blur, level_light
from selfme_jax.ops import grid, pyramid, warp
from selfme_jax.types import Shape

BLUR = 0.7  # pixels; takes the edge off sensor noise before derivatives
RIDGE = 1e-5  # squared slopes, grey levels per pixel: about the noise of them
LIGHT_BLOCKS = 8  # change of light is what survives at 8 x 8 pixels


def evidence(source: jax.Array, driving: jax.Array, shape: Shape) -> jax.Array:
    """Products of derivatives, averaged over the channels and the cells of a grid.

    Args:
      source, driving: [b, H, W, 3] in [0, 1].
      shape: (h, w) of the grid.

    Returns:
      [b, h, w, 5]: Ix Ix, Ix Iy, Iy Iy, Ix It, Iy It per pixel of the frame. Here
      It = driving - source, less what changes slowly over the frame (light).
    """
    source, driving = (blur(x, sigma=BLUR) for x in (source, driving))
    change = level_light(driving, source, blocks=LIGHT_BLOCKS) - source
    iy, ix = jnp.gradient((source + driving) / 2, axis=(1, 2))
    products = (ix * ix, ix * iy, iy * iy, ix * change, iy * change)
    means = jnp.stack([x.mean(-1) for x in products], axis=-1)
    return pyramid.resize(means, shape, antialias=True)


def inputs(evidence: jax.Array, *, ridge: float) -> jax.Array:
    """The evidence in proportion to the local contrast: [b, h, w, 5] -> [.., 6]."""
    energy = evidence[..., :1] + evidence[..., 2:3]
    scaled = evidence / (energy + ridge)
    return jnp.concatenate([scaled, energy / (energy + ridge)], axis=-1)


def candidates(
    evidence: jax.Array,
    confidence: jax.Array,
    ridges: jax.Array,
    frame: Shape,
    *,
    windows: Sequence[float],
) -> jax.Array:
    """Solve for the flow in Gaussian windows.

    Args:
      evidence: [b, h, w, 5] of `evidence`.
      confidence: [b, h, w, 1] > 0, w above.
      ridges: [s] > 0, in squared grey levels per pixel.
      frame: (H, W) of the frames.
      windows: s standard deviations, in cells of the grid.

    Returns:
      [b, s, h, w, 2] flows driving -> source, grid units.
    """
    weighted = evidence * confidence
    flows = []
    for ridge, sigma in zip(ridges, windows, strict=True):
        xx, xy, yy, xt, yt = jnp.moveaxis(_smooth(weighted, sigma), -1, 0)
        xx, yy = xx + ridge, yy + ridge
        determinant = xx * yy - xy * xy
        # driving = source + Ix dx + Iy dy to first order.
        flow = jnp.stack([yy * xt - xy * yt, xx * yt - xy * xt], axis=-1)
        flows.append(flow / determinant[..., None])
    return grid.pixels_to_flow(jnp.stack(flows, axis=1), frame)


def track(
    source: jax.Array,
    driving: jax.Array,
    points: jax.Array,
    shape: Shape,
    *,
    window: float,
) -> jax.Array:
    """Where points of the driving frame are in the source frame.

    One step of Lucas and Kanade at every point.

    Args:
      source, driving: [b, H, W, 3] in [0, 1].
      points: [b, k, n, 2] in [-1, 1], (x, y), of the driving frame.
      shape: (h, w) of the grid that evidence is gathered on.
      window: its standard deviation, in cells of the grid.

    Returns:
      [b, k, n, 2], grid units.
    """
    found = evidence(source, driving, shape)
    flows = candidates(
        found,
        jnp.ones_like(found[..., :1]),
        jnp.array([RIDGE]),
        source.shape[1:3],
        windows=(window,),
    )
    return points + warp.sample(flows[:, 0], points)


def _smooth(x: jax.Array, sigma: float) -> jax.Array:
    """Gaussian window mean of [b, h, w, c], cut off at the border."""
    rows, columns = (_window(size, sigma) for size in x.shape[1:3])
    x = jnp.einsum("yh,bhwc->bywc", rows, x, precision="highest")
    return jnp.einsum("xw,bywc->byxc", columns, x, precision="highest")


@functools.lru_cache(maxsize=64)
def _window(size: int, sigma: float) -> np.ndarray:
    """[size, size] float32, rows sum to one."""
    index = np.arange(size)
    weights = np.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
