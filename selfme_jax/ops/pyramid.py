"""Resizing on the coordinate law: corners stay at corners, (h - 1) / (h' - 1) apart.

Every step is one constant matrix an axis, made in float64, so that resizing is two
matrix products. Values beyond the border are those of the border.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.ops import filters
from selfme_jax.types import Shape


@functools.partial(jax.jit, static_argnames=("shape", "antialias"))
def resize(image: jax.Array, shape: Shape, *, antialias: bool = False) -> jax.Array:
    """Bilinear, corner-aligned: what `warp.sample` gives on `grid.identity(shape)`.

    Args:
      image: [..., h, w, c] float. A flow in grid units keeps its values; for one in
        pixels see `flow.resize`.
      shape: (h', w').
      antialias: blur an axis that shrinks beforehand (see `downsample`).

    Returns:
      [..., h', w', c], dtype of the image.
    """
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(f"image is {image.dtype}: convert it to float first")
    old = image.shape[-3:-1]
    if old == tuple(shape):
        return image
    rows, columns = (
        _matrix(*sizes, antialias) for sizes in zip(old, shape, strict=True)
    )
    return _resampled(image, rows, columns)


@functools.partial(jax.jit, static_argnames="factor")
def downsample(image: jax.Array, *, factor: int) -> jax.Array:
    """Anti-aliased: Gaussian blur of sigma factor / 3 pixels, then `resize`.

    The blur is that of scikit-image's pyramids: 2 sigma is a third of a new pixel
    on either side.

    Args:
      image: [..., h, w, c] float.
      factor: >= 1, whole.

    Returns:
      [..., h // factor, w // factor, c] (at least one pixel), dtype of the image.
    """
    h, w = image.shape[-3:-1]
    shape = max(h // factor, 1), max(w // factor, 1)
    return resize(image, shape, antialias=True)


@functools.partial(jax.jit, static_argnames="levels")
def gaussian_pyramid(image: jax.Array, *, levels: int) -> tuple[jax.Array, ...]:
    """The image [..., h, w, c] and levels - 1 halvings of it, fine to coarse."""
    pyramid = [image]
    for _ in range(levels - 1):
        pyramid.append(downsample(pyramid[-1], factor=2))
    return tuple(pyramid)


@functools.partial(jax.jit, static_argnames="factor")
def upsample(image: jax.Array, *, factor: int) -> jax.Array:
    """Natural cubic splines through the pixels, `factor` points for each step.

    Bilinear samples of the result miss the curvature of an image by 1 / factor^2 of
    what they miss of the image itself.

    Args:
      image: [..., h, w, c] float.
      factor: >= 1, whole; with 1 the image itself.

    Returns:
      [..., factor (h - 1) + 1, factor (w - 1) + 1, c], dtype of the image; every
      factor-th point is a pixel of it. Beside edges it may leave the image's range.
    """
    if factor == 1:
        return image
    rows, columns = (_splines(size, factor) for size in image.shape[-3:-1])
    return _resampled(image, rows, columns)


def _resampled(image: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """[..., h, w, c] by a matrix [h', h] and one [w', w] -> [..., h', w', c]."""
    tall = jnp.einsum("vh,...hwc->...vwc", rows, image, precision="highest")
    wide = jnp.einsum("xw,...vwc->...vxc", columns, tall, precision="highest")
    return wide.astype(image.dtype)


@functools.lru_cache(maxsize=128)
def _splines(size: int, factor: int) -> np.ndarray:
    """[factor (size - 1) + 1, size] float32 along one axis, rows sum to one."""
    from scipy.interpolate import CubicSpline

    if size == 1:
        return np.ones((1, 1), np.float32)
    fine = np.arange(factor * (size - 1) + 1) / factor
    matrix = CubicSpline(np.arange(size), np.eye(size), bc_type="natural")(fine)
    matrix = matrix.astype(np.float32)
    matrix.flags.writeable = False
    return matrix


@functools.lru_cache(maxsize=128)
def _matrix(size: int, samples: int, antialias: bool) -> np.ndarray:
    """Resampling along one axis: [samples, size] float32, rows sum to one."""
    matrix = _bilinear(size, samples)
    if antialias and samples < size:
        sigma = size / samples / 3
        matrix = matrix @ filters.repeated(size, sigma, int(4 * sigma + 0.5))
    matrix = matrix.astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def _bilinear(size: int, samples: int) -> np.ndarray:
    if samples == 1:
        place = np.array([(size - 1) / 2])
    else:
        place = np.arange(samples) * (size - 1) / (samples - 1)
    index = np.arange(size)
    return np.maximum(1 - np.abs(place[:, None] - index), 0)
