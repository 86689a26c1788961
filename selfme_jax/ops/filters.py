"""Filters of single-channel images, written for XLA: products and selections."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def median(image: jax.Array) -> jax.Array:
    """5x5 median of [b, h, w], the border repeated.

    Forgetful selection by minima and maxima alone, which fuse and vectorise: of any 14
    of the 25 values neither the least nor the greatest is the median; drop both, take
    another one in, and so on.
    """
    _, h, w = image.shape
    padded = jnp.pad(image, ((0, 0), (2, 2), (2, 2)), "edge")
    values = [padded[:, dy : dy + h, dx : dx + w] for dy in range(5) for dx in range(5)]
    held, rest = values[:14], values[14:]
    while True:
        _extremes(held)
        held = held[1:-1]
        if not rest:
            return held[0]
        held.append(rest.pop())


def blur(image: jax.Array, *, sigma: float) -> jax.Array:
    """Gaussian blur of [b, h, w] as two matrix products, mirrored at the border.

    Args:
      image: the images. sigma: in pixels; the Gaussian is cut at 5 of them.
    """
    rows, columns = (_mirrored(size, sigma) for size in image.shape[1:])
    image = jnp.einsum("yh,bhw->byw", rows, image, precision="highest")
    return jnp.einsum("xw,byw->byx", columns, image, precision="highest")


def _extremes(values: list) -> None:
    """Bring the least to the front and the greatest to the end, in place."""

    def order(i, j):
        low, high = values[i], values[j]
        values[i], values[j] = jnp.minimum(low, high), jnp.maximum(low, high)

    n = len(values)
    for i in range(n // 2):
        order(i, n - 1 - i)
    half = (n + 1) // 2
    for i in range(1, half):
        order(0, i)
    for i in range(n // 2, n - 1):
        order(i, n - 1)


@functools.lru_cache(maxsize=128)
def repeated(size: int, sigma: float, radius: int) -> np.ndarray:
    """``gaussian``, the border pixel repeated beyond it: [size, size] float64."""
    return gaussian(size, sigma, radius, lambda x: np.clip(x, 0, size - 1))


@functools.lru_cache(maxsize=64)
def _mirrored(size: int, sigma: float) -> np.ndarray:
    """[size, size] float32: cut at 5 sigma, beyond the border the mirror image."""

    def mirror(place: np.ndarray) -> np.ndarray:
        place = np.where(place < 0, -1 - place, place)
        return np.where(place >= size, 2 * size - 1 - place, place)

    return gaussian(size, sigma, int(5 * sigma) + 1, mirror).astype(np.float32)


def gaussian(size: int, sigma: float, radius: int, border: Callable) -> np.ndarray:
    """Gaussian blur of a line as a matrix, [size, size] float64, rows sum to one.

    Args:
      size: of the line. sigma: in pixels. radius: whole pixels, where it is cut.
      border: places beyond the line [size] int -> places on it.
    """
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((size, size))
    rows = np.arange(size)
    for offset, weight in zip(offsets, weights / weights.sum(), strict=True):
        np.add.at(matrix, (rows, border(rows + offset)), weight)
    return matrix
