"""The coordinate law, and the only converters between grid units and pixels.

A position is (x, y), x first, in [-1, 1] along either axis, and the corners of the
frame are pixel *centres*: x = -1 is the centre of column 0, x = +1 that of column
w - 1 (align_corners=True elsewhere). A `grid` holds absolute positions to sample at;
a `flow` is a displacement, grid - identity; in grid units one pixel is 2 / (size - 1).

`shape` is always (h, w). An axis of one pixel has its centre at 0 and spans no
distance: positions and displacements along it are 0 in either unit.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.types import Shape


@functools.partial(jax.jit, static_argnames="shape")
def identity(shape: Shape) -> jax.Array:
    """Position of every pixel: [h, w, 2] float32 in [-1, 1], (x, y)."""
    h, w = shape
    x, y = jnp.meshgrid(axis(w), axis(h))
    return jnp.stack([x, y], axis=-1)


@functools.lru_cache(maxsize=64)
def axis(size: int) -> np.ndarray:
    """Positions of the pixels along one axis: [size] float32, -1 to 1.

    Nearest to the true ones, and symmetric to the last bit: a mirrored frame has
    exactly mirrored positions.
    """
    if size == 1:
        return np.zeros(1, np.float32)
    steps = np.arange(1 - size, size, 2)
    positions = (steps / (size - 1)).astype(np.float32)
    positions.flags.writeable = False
    return positions


def points_to_pixels(points: jax.Array, shape: Shape) -> jax.Array:
    """[..., 2] positions in [-1, 1], (x, y) -> column and row, [0, size - 1]."""
    half = _half(shape)
    # Scaled, then shifted: nearer to the true pixel than (points + 1) * half.
    return points * half + half


def pixels_to_points(pixels: jax.Array, shape: Shape) -> jax.Array:
    """[..., 2] column and row -> positions in [-1, 1], (x, y)."""
    half = _half(shape)
    return (pixels - half) * _inverse(half)


def flow_to_pixels(flow: jax.Array, shape: Shape) -> jax.Array:
    """[..., 2] displacements, grid units -> pixels of a frame of that shape."""
    return flow * _half(shape)


def pixels_to_flow(flow: jax.Array, shape: Shape) -> jax.Array:
    """[..., 2] displacements, pixels of a frame of that shape -> grid units."""
    return flow * _inverse(_half(shape))


def _half(shape: Shape) -> jax.Array:
    """[2] half the extent of the frame in pixels, (x, y)."""
    h, w = shape
    return jnp.array([(w - 1) / 2, (h - 1) / 2], jnp.float32)


def _inverse(half: jax.Array) -> jax.Array:
    """1 / half, and 0 along an axis of one pixel."""
    return jnp.where(half > 0, 1 / jnp.maximum(half, 0.5), 0)
