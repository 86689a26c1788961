"""Bilinear sampling and backward warping; outside the frame the border goes on.

Two forms with the same values and the same gradients: `sample` gathers four
neighbours, `sample_matmul` multiplies by their weights (gathers are slow on TPU).
Positions are float32 whatever the image, whose dtype is that of the result. At a
position exactly on a pixel centre the derivative is that of the cell to its right
and below; beyond the border it is zero.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.ops import grid as law


@jax.jit
def sample(image: jax.Array, grid: jax.Array) -> jax.Array:
    """Bilinear samples of an image, border-clamped.

    Args:
      image: [..., h, w, c] float.
      grid: [..., h', w', 2] positions in [-1, 1], (x, y), corners at pixel centres.

    Returns:
      [..., h', w', c], dtype of the image; leading axes broadcast.
    """
    return _at_pixels(_gather, image, _pixels(image, grid))


@jax.jit
def sample_matmul(image: jax.Array, grid: jax.Array) -> jax.Array:
    """Same as `sample`, as matrix products without a gather.

    Rows are weighted first, [h' w', h] @ [h, w c], then columns: h' w' h w c
    multiplications and h' w' w c numbers in between, so for small frames only.
    """
    return _at_pixels(_matmul, image, _pixels(image, grid))


@jax.jit
def warp(image: jax.Array, flow: jax.Array) -> jax.Array:
    """Backward warp, image(z + flow(z)): `sample` at identity + flow.

    Added up in pixels, where the identity is a whole number: float32 then keeps a
    displacement of 1e-6 pixel, and zero flow gives the image itself, bit for bit.

    Args:
      image: [..., h, w, c] float.
      flow: [..., h', w', 2] grid units, (x, y).

    Returns:
      [..., h', w', c], dtype of the image; leading axes broadcast.
    """
    _check(image, flow)
    h, w = image.shape[-3:-1]
    flow = flow.astype(jnp.promote_types(flow.dtype, jnp.float32))
    x, y = jnp.meshgrid(_ends(w, flow.shape[-2]), _ends(h, flow.shape[-3]))
    pixels = jnp.stack([x, y], axis=-1) + law.flow_to_pixels(flow, (h, w))
    return _at_pixels(_gather, image, pixels)


def _ends(size: int, samples: int) -> np.ndarray:
    """[samples] float32 pixel positions of a corner-aligned identity."""
    if samples == 1:
        return np.array([(size - 1) / 2], np.float32)
    return np.linspace(0, size - 1, samples).astype(np.float32)


def _pixels(image: jax.Array, grid: jax.Array) -> jax.Array:
    _check(image, grid)
    grid = grid.astype(jnp.promote_types(grid.dtype, jnp.float32))
    return law.points_to_pixels(grid, image.shape[-3:-1])


def _check(image: jax.Array, grid: jax.Array) -> None:
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(f"image is {image.dtype}: convert it to float first")
    if image.ndim < 3 or grid.ndim < 3 or grid.shape[-1] != 2:
        raise ValueError(
            f"expected image [..., h, w, c] and grid [..., h', w', 2], got "
            f"{image.shape} and {grid.shape}"
        )


def _at_pixels(form, image: jax.Array, pixels: jax.Array) -> jax.Array:
    single = functools.partial(jnp.vectorize, signature="(h,w,c),(y,x,d)->(y,x,c)")
    return single(form)(image, pixels).astype(image.dtype)


def _gather(image: jax.Array, pixels: jax.Array) -> jax.Array:
    """[h, w, c] and [h', w', 2] (column, row) -> [h', w', c]."""
    h, w, _ = image.shape
    left, right, x = _neighbours(pixels[..., 0], w)
    top, bottom, y = _neighbours(pixels[..., 1], h)
    x, y = x[..., None], y[..., None]

    def at(row, column):
        return image.at[row, column].get(mode="promise_in_bounds")

    upper = at(top, left) * (1 - x) + at(top, right) * x
    lower = at(bottom, left) * (1 - x) + at(bottom, right) * x
    return upper * (1 - y) + lower * y


def _matmul(image: jax.Array, pixels: jax.Array) -> jax.Array:
    """Like `_gather`, with the interpolation weights as matrices."""
    h, w, _ = image.shape
    columns = _weights(pixels[..., 0], w)
    rows = _weights(pixels[..., 1], h)
    image = image.astype(rows.dtype)
    mixed = jnp.einsum("yxh,hwc->yxwc", rows, image, precision="highest")
    return jnp.einsum("yxw,yxwc->yxc", columns, mixed, precision="highest")


def _weights(position: jax.Array, size: int) -> jax.Array:
    """[...] pixel positions -> [..., size] weights, at most two of them not 0."""
    low, high, fraction = _neighbours(position, size)
    index = jnp.arange(size)
    fraction = fraction[..., None]
    lower = jnp.where(index == low[..., None], 1 - fraction, 0)
    return lower + jnp.where(index == high[..., None], fraction, 0)


def _neighbours(
    position: jax.Array, size: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Index below, index above, and the part of the way from one to the other."""
    position = jnp.clip(position, 0, size - 1)
    # The last pixel is the end of the last cell, not the start of one beyond it.
    low = jnp.clip(jnp.floor(position), 0, max(size - 2, 0))
    fraction = position - jax.lax.stop_gradient(low)
    low = low.astype(jnp.int32)
    return low, jnp.minimum(low + 1, size - 1), fraction
