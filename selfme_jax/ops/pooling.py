"""Max-pooling with a gradient that is fast on CPU as well.

There XLA walks the windows one by one, on one thread, to send each slope where the
largest value was. Elsewhere XLA's own gradient is used.
"""

import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

Pads = Sequence[tuple[int, int]]  # (top, bottom), (left, right)


def max_pool(
    images: jax.Array, *, size: int, stride: int = 1, padding: str | Pads = "SAME"
) -> jax.Array:
    """Largest value in each window, as flax.linen.max_pool.

    Reverse-mode derivatives only; among equal values the first one (row by row) has
    the slope.

    Args:
      images: [b, h, w, c].
      size: of the window, along both axes.
      stride: along both axes.
      padding: 'SAME', 'VALID' or ((top, bottom), (left, right)); never the largest.

    Returns:
      [b, h', w', c]; with 'SAME' h' = h / stride, rounded up.
    """
    shape, strides = images.shape[1:3], (stride, stride)
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(shape, (size, size), strides, padding)
    pads = tuple(padding)
    plain = functools.partial(_plain, size, stride, pads)
    function = jax.custom_vjp(plain)

    def forward(images):
        largest = plain(images)
        return largest, (images, largest)

    def backward(inputs, slope):
        taps = functools.partial(_slopes, size, stride, pads)

        def own(images, _, slope):
            return jax.vjp(plain, images)[1](slope)[0]

        return (jax.lax.platform_dependent(*inputs, slope, cpu=taps, default=own),)

    function.defvjp(forward, backward)
    return function(images)


def _plain(size: int, stride: int, pads: Pads, images: jax.Array) -> jax.Array:
    return jax.lax.reduce_window(
        images,
        -jnp.inf,
        jax.lax.max,
        (1, size, size, 1),
        (1, stride, stride, 1),
        ((0, 0), *pads, (0, 0)),
    )


def _slopes(
    size: int,
    stride: int,
    pads: Pads,
    images: jax.Array,
    largest: jax.Array,
    slope: jax.Array,
) -> jax.Array:
    """Slope of the images from that of the largest values, a tap of the window a term.

    What is at a tap lies a stride apart, so is spread by padding between its values.
    """
    (h, w), (rows, columns) = images.shape[1:3], largest.shape[1:3]
    low = jnp.array(-jnp.inf, images.dtype)
    padded = jax.lax.pad(images, low, ((0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)))
    free = jnp.ones(largest.shape, bool)  # windows whose largest value is not found
    total = jnp.zeros(padded.shape, slope.dtype)
    for i, j in itertools.product(range(size), repeat=2):
        ends = i + (rows - 1) * stride + 1, j + (columns - 1) * stride + 1
        found = free & (
            padded[:, i : ends[0] : stride, j : ends[1] : stride] == largest
        )
        free &= ~found
        spread = [
            (begin, whole - end, stride - 1)
            for begin, end, whole in zip((i, j), ends, padded.shape[1:3], strict=True)
        ]
        part = jnp.where(found, slope, 0)
        zero = jnp.array(0, slope.dtype)
        total += jax.lax.pad(part, zero, ((0, 0, 0), *spread, (0, 0, 0)))
    (top, _), (left, _) = pads
    return total[:, top : top + h, left : left + w]
