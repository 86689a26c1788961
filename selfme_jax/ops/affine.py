"""Affine maps of the plane: matrices [..., 2, 3] that act on (x, y, 1).

Written out in products and sums of 2 x 2 entries: exact in float32 on every device,
where a matrix unit would round to bfloat16 unless told not to.
"""

import functools

import jax
import jax.numpy as jnp

from selfme_jax.ops import grid
from selfme_jax.types import Shape


@jax.jit
def apply(matrix: jax.Array, points: jax.Array) -> jax.Array:
    """A p + t: [..., 2, 3], [..., n, 2] -> [..., n, 2]; leading axes broadcast."""
    matrix = matrix[..., None, :, :]
    x, y = points[..., 0, None], points[..., 1, None]
    return matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2]


@jax.jit
def compose(a: jax.Array, b: jax.Array) -> jax.Array:
    """The map "a after b", p -> a(b(p)): [..., 2, 3] twice -> [..., 2, 3]."""
    columns = a[..., :, 0, None] * b[..., None, 0, :]
    product = columns + a[..., :, 1, None] * b[..., None, 1, :]
    return product.at[..., 2].add(a[..., 2])


@jax.jit
def invert(matrix: jax.Array) -> jax.Array:
    """The inverse map, [..., 2, 3]; infinite or NaN where there is none."""
    linear = _inverse(matrix[..., :2])
    x, y = matrix[..., 0, 2, None], matrix[..., 1, 2, None]
    shift = -(linear[..., 0] * x + linear[..., 1] * y)
    return jnp.concatenate([linear, shift[..., None]], axis=-1)


@jax.jit
def from_parts(
    rotation: jax.Array, scale: jax.Array, translation: jax.Array
) -> jax.Array:
    """Scale, then rotate (radians, x towards y), then translate.

    Args:
      rotation: [...]. scale: [..., 2] factors along x and y. translation: [..., 2].

    Returns:
      [..., 2, 3].
    """
    cos, sin = jnp.cos(rotation), jnp.sin(rotation)
    turn = jnp.stack([jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)], -2)
    linear = turn * scale[..., None, :]
    return jnp.concatenate([linear, translation[..., None]], axis=-1)


@functools.partial(jax.jit, static_argnames="shape")
def field(matrix: jax.Array, shape: Shape) -> jax.Array:
    """Flow of the map, A z + t - z: [..., 2, 3] -> [..., h, w, 2] grid units."""
    h, w = shape
    # (A - I) z, not A z - z: small motion must not drown in the rounding of z.
    matrix = (matrix - jnp.eye(2, 3, dtype=jnp.float32))[..., None, None, :, :]
    x, y = grid.axis(w)[:, None], grid.axis(h)[:, None, None]
    return matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2]


@jax.jit
def fit(
    points: jax.Array, targets: jax.Array, *, smoothness: float = 1e-4
) -> jax.Array:
    """The affine map that takes points to targets, by ridge regression to identity.

    Minimises sum_i |A p_i + t - q_i|^2 + smoothness * |A - I|^2 over A and t (our
    choice of penalty). Translation is free. With smoothness > 0 any number and any
    position of points will do: one point, or coincident ones, give a translation.

    Args:
      points, targets: [..., n, 2], n >= 1.
      smoothness: >= 0; at 0 three points not on a line are needed.

    Returns:
      [..., 2, 3]; exactly the identity where targets equal points.
    """
    moved = targets - points
    centre = points.mean(-2, keepdims=True)
    mean = moved.mean(-2, keepdims=True)
    # The normal equations of A - I about the centroids, where t drops out.
    spread = _gram(points - centre, points - centre)
    ridge = smoothness * jnp.eye(2, dtype=jnp.float32)
    cross = _gram(moved - mean, points - centre)
    change = _gram(jnp.swapaxes(cross, -1, -2), _inverse(spread + ridge))
    shift = mean - _gram(jnp.swapaxes(centre, -1, -2), jnp.swapaxes(change, -1, -2))
    linear = jnp.eye(2, dtype=jnp.float32) + change
    return jnp.concatenate([linear, jnp.swapaxes(shift, -1, -2)], axis=-1)


def _gram(a: jax.Array, b: jax.Array) -> jax.Array:
    """a^T b: [..., n, i], [..., n, j] -> [..., i, j]."""
    return jnp.sum(a[..., :, None] * b[..., None, :], axis=-3)


def _inverse(matrix: jax.Array) -> jax.Array:
    """Inverse of [..., 2, 2]."""
    a, b = matrix[..., 0, 0], matrix[..., 0, 1]
    c, d = matrix[..., 1, 0], matrix[..., 1, 1]
    adjugate = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
    return adjugate / (a * d - b * c)[..., None, None]
