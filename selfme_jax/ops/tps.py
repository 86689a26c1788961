"""Thin-plate splines: u(z) = a + A z + sum_i w_i U(|z - c_i|), U(r) = r^2 log r^2.

Bookstein 1989; Zhao and Zhang 2022 (TPSMM) use it for sparse motion.
"""

import functools

import jax
import jax.numpy as jnp

from selfme_jax.ops import grid
from selfme_jax.types import Shape

# Weight of |a, A|^2. Without it points on a line, or fewer than three, leave the
# affine part undetermined and the system singular. Small enough not to be seen.
_AFFINE_RIDGE = 1e-6


@functools.partial(jnp.vectorize, excluded=(2,), signature="(n,d),(n,d)->(m,d)")
def _fit(points: jax.Array, displacements: jax.Array, smoothness: float) -> jax.Array:
    n = points.shape[0]
    kernel = _kernel(points, points) + smoothness * jnp.eye(n, dtype=points.dtype)
    plane = _plane(points)
    corner = -_AFFINE_RIDGE * jnp.eye(3, dtype=points.dtype)
    system = jnp.block([[kernel, plane], [plane.T, corner]])
    return jnp.linalg.solve(system, jnp.pad(displacements, ((0, 3), (0, 0))))


@jax.jit
def fit(points: jax.Array, displacements: jax.Array, *, smoothness: float) -> jax.Array:
    """Spline of least bending energy through (or, if smoothed, near) displacements.

    Args:
      points: [..., n, 2] in [-1, 1], (x, y): the centres.
      displacements: [..., n, 2] grid units.
      smoothness: >= 0, added to the diagonal of the kernel block only. At 0 the
        spline interpolates and no two points may coincide.

    Returns:
      [..., n + 3, 2] coefficients: n kernel weights, then of 1, x and y.
    """
    dtype = jnp.promote_types(points.dtype, jnp.float32)
    return _fit(points.astype(dtype), displacements.astype(dtype), smoothness)


@jax.jit
def evaluate(
    coefficients: jax.Array, centres: jax.Array, points: jax.Array
) -> jax.Array:
    """Displacements at points.

    Args:
      coefficients: [..., n + 3, 2], of `fit`. centres: [..., n, 2], its points.
      points: [..., m, 2] in [-1, 1], (x, y).

    Returns:
      [..., m, 2] grid units.
    """
    n = centres.shape[-2]
    weights, plane = coefficients[..., :n, :], coefficients[..., n:, :]
    bent = jnp.matmul(_kernel(points, centres), weights, precision="highest")
    return bent + jnp.matmul(_plane(points), plane, precision="highest")


@functools.partial(jax.jit, static_argnames="shape")
def field(coefficients: jax.Array, centres: jax.Array, shape: Shape) -> jax.Array:
    """[..., n + 3, 2], [..., n, 2] -> flow [..., h, w, 2], grid units."""
    flow = evaluate(coefficients, centres, grid.identity(shape).reshape(-1, 2))
    return flow.reshape(*flow.shape[:-2], *shape, 2)


def _kernel(points: jax.Array, centres: jax.Array) -> jax.Array:
    """[..., m, 2], [..., n, 2] -> U [..., m, n]."""
    offset = points[..., :, None, :] - centres[..., None, :, :]
    squared = jnp.sum(offset**2, axis=-1)
    # log(1) at a centre: value and gradient are then 0 there, not 0 * inf.
    return squared * jnp.log(jnp.where(squared > 0, squared, 1))


def _plane(points: jax.Array) -> jax.Array:
    """[..., m, 2] -> (1, x, y), [..., m, 3]."""
    return jnp.concatenate([jnp.ones_like(points[..., :1]), points], axis=-1)
