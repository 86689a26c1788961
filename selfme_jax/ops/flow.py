"""What one does with a flow: [..., h, w, 2] displacements in pixels, (u, v) = (x, y).

Every function has a finite gradient at zero flow, where lengths have a kink: there
the gradient is 0.
"""

import functools
from typing import cast

import jax
import jax.numpy as jnp

from selfme_jax.ops import grid, pyramid, warp
from selfme_jax.ops.tvl1 import tvl1 as tvl1
from selfme_jax.types import Shape


@jax.jit
def magnitude(flow: jax.Array) -> jax.Array:
    """Length of the displacements: [..., h, w, 2] -> [..., h, w] >= 0."""
    return _root(jnp.sum(flow[..., :2] ** 2, axis=-1))


@jax.jit
def angle(flow: jax.Array) -> jax.Array:
    """Direction, atan2(v, u): [..., h, w, 2] -> [..., h, w] radians, 0 if no motion.

    In [-pi, pi], 0 to the right and pi / 2 downwards (y points down).
    """
    u, v = flow[..., 0], flow[..., 1]
    still = (u == 0) & (v == 0)
    return jnp.where(still, 0, jnp.arctan2(v, jnp.where(still, 1, u)))


@jax.jit
def strain(flow: jax.Array) -> jax.Array:
    """Optical strain magnitude, |(grad f + grad f^T) / 2| in the Frobenius norm.

    sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2); Liong et al. 2019 (STSTNet), equations
    5 to 7. Derivatives per pixel: central differences, one-sided at the borders.

    Args:
      flow: [..., h, w, 2] pixels.

    Returns:
      [..., h, w] >= 0, without unit.
    """
    u_x, v_x = jnp.moveaxis(_gradient(flow, -2), -1, 0)
    u_y, v_y = jnp.moveaxis(_gradient(flow, -3), -1, 0)
    return _root(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)


@jax.jit
def strain_image(flow: jax.Array) -> jax.Array:
    """Channels (u, v, strain): [..., h, w, 2] -> [..., h, w, 3]."""
    return jnp.concatenate([flow, strain(flow)[..., None]], axis=-1)


@functools.partial(jax.jit, static_argnames=("shape", "antialias"))
def resize(flow: jax.Array, shape: Shape, *, antialias: bool = False) -> jax.Array:
    """The same motion on another grid, in pixels of the new frame.

    `pyramid.resize`, then u times (w' - 1) / (w - 1) and v times (h' - 1) / (h - 1),
    as corners stay at corners.

    Args:
      flow: [..., h, w, 2] pixels.
      shape: (h', w').
      antialias: blur beforehand where it shrinks.

    Returns:
      [..., h', w', 2] pixels.
    """
    units = grid.pixels_to_flow(flow, flow.shape[-3:-1])
    return grid.flow_to_pixels(pyramid.resize(units, shape, antialias=antialias), shape)


@jax.jit
def compose(first: jax.Array, second: jax.Array) -> jax.Array:
    """Flow of going by `first`, then by `second` from there.

    first(p) + second(p + first(p)), bilinear, border-clamped: with backward flows,
    warping by the result is warping by `second`, then that by `first`.

    Args:
      first, second: [..., h, w, 2] pixels.

    Returns:
      [..., h, w, 2] pixels.
    """
    shape = first.shape[-3:-1]
    return first + warp.warp(second, grid.pixels_to_flow(first, shape))


@jax.jit
def endpoint_error(flow: jax.Array, truth: jax.Array) -> jax.Array:
    """Distance of end points: [..., h, w, 2] twice -> [..., h, w] pixels."""
    return magnitude(flow - truth)


@jax.jit
def angular_error(flow: jax.Array, truth: jax.Array) -> jax.Array:
    """Angle between the vectors (u, v, 1): [..., h, w, 2] twice -> [..., h, w] radians.

    Barron et al. 1994. From the cross and the dot product: arc cosine alone loses
    angles below 3e-4 to float32.
    """
    u, v = flow[..., 0], flow[..., 1]
    s, t = truth[..., 0], truth[..., 1]
    cross = _root((v - t) ** 2 + (s - u) ** 2 + (u * t - v * s) ** 2)
    # cross and dot are never both 0: the third component of either vector is 1.
    return jnp.arctan2(cross, u * s + v * t + 1)


def _gradient(values: jax.Array, axis: int) -> jax.Array:
    if values.shape[axis] == 1:
        return jnp.zeros_like(values)
    return cast(jax.Array, jnp.gradient(values, axis=axis))  # a list of several axes


def _root(squared: jax.Array) -> jax.Array:
    """Square root whose gradient at 0 is 0, not infinite."""
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0)
