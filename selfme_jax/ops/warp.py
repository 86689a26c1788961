"""Bilinear sampling and backward warping; outside the frame the border goes on.

Two forms with the same values and the same gradients: one gathers four neighbours,
the other multiplies by their weights. `sample` and `warp` take the second one on TPU
alone, where gathers are slow (known of TPUs; not measured here), in blocks of rows that
bound its memory; `sample_matmul` takes it everywhere.
Positions are float32 whatever the image, whose dtype is that of the result. At a
position exactly on a pixel centre the derivative is that of the cell to its right
and below (on the last one, of the last cell); beyond the border it is zero.
"""

from collections.abc import Callable

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
    return _sample(_chosen, image, grid)


@jax.jit
def sample_matmul(image: jax.Array, grid: jax.Array) -> jax.Array:
    """Same as `sample`, as matrix products without a gather.

    Rows are weighted first, [h' w', h] @ [h, w c], then columns: h' w' h w c
    multiplications and h' w' w c numbers in between, so for small frames only.

    Args:
      image: [..., h, w, c] float.
      grid: [..., h', w', 2] positions in [-1, 1], (x, y), corners at pixel centres.

    Returns:
      [..., h', w', c], dtype of the image; leading axes broadcast.
    """
    return _sample(_matmul, image, grid)


@jax.jit
def warp(image: jax.Array, flow: jax.Array) -> jax.Array:
    """Backward warp, image(z + flow(z)): `sample` at identity + flow.

    Without adding the two up in float32: a displacement of 1e-6 pixel survives, and
    zero flow gives the image itself, bit for bit.

    Args:
      image: [..., h, w, c] float.
      flow: [..., h', w', 2] grid units, (x, y).

    Returns:
      [..., h', w', c], dtype of the image; leading axes broadcast.
    """
    offset = _in_pixels(image, flow)
    h, w = image.shape[-3:-1]
    x, y = jnp.meshgrid(_identity(w, flow.shape[-2]), _identity(h, flow.shape[-3]))
    return _map(_chosen, image, jnp.stack([x, y], axis=-1), offset)


def _sample(form: Callable, image: jax.Array, grid: jax.Array) -> jax.Array:
    offset = _in_pixels(image, grid)
    h, w = image.shape[-3:-1]
    centre = jnp.array([(w - 1) / 2, (h - 1) / 2], jnp.float32)
    return _map(form, image, jnp.broadcast_to(centre, grid.shape[-3:]), offset)


def _identity(size: int, samples: int) -> np.ndarray:
    """[samples] float32 pixel positions of the corner-aligned identity."""
    if samples == 1:
        return np.array([(size - 1) / 2], np.float32)
    return np.linspace(0, size - 1, samples).astype(np.float32)


def _in_pixels(image: jax.Array, grid: jax.Array) -> jax.Array:
    """Grid or flow, scaled from grid units to pixels of the image."""
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(f"image is {image.dtype}: convert it to float first")
    if image.ndim < 3 or grid.ndim < 3 or grid.shape[-1] != 2:
        raise ValueError(
            f"expected image [..., h, w, c] and grid [..., h', w', 2], got "
            f"{image.shape} and {grid.shape}"
        )
    grid = grid.astype(jnp.promote_types(grid.dtype, jnp.float32))
    return law.flow_to_pixels(grid, image.shape[-3:-1])


def _map(
    form: Callable, image: jax.Array, anchor: jax.Array, offset: jax.Array
) -> jax.Array:
    """The form over all leading axes, at pixel positions anchor + offset.

    The sum is left to `_neighbours`: at column 255 float32 rounds it to 8e-6 pixel.
    """
    form = jnp.vectorize(form, signature="(h,w,c),(y,x,d),(y,x,d)->(y,x,c)")
    return form(image, anchor, offset).astype(image.dtype)


def _chosen(image: jax.Array, anchor: jax.Array, offset: jax.Array) -> jax.Array:
    """The form for the platform that is compiled for, which may not be the one here."""
    # Checkpointed: other platforms carry no residuals of what they do not run.
    forms = {"tpu": jax.checkpoint(_blocks), "default": _gather}
    return jax.lax.platform_dependent(image, anchor, offset, **forms)


def _blocks(image: jax.Array, anchor: jax.Array, offset: jax.Array) -> jax.Array:
    """`_matmul`, some rows of the result after the other if they are many."""
    anchor = jnp.broadcast_to(anchor, offset.shape)
    rows, columns, _ = offset.shape
    each = columns * image.shape[1] * image.shape[2]  # numbers in between, per row
    fitting = (n for n in range(rows, 0, -1) if rows % n == 0 and n * each <= _LARGEST)
    size = next(fitting, 1)
    if size == rows:
        return _matmul(image, anchor, offset)

    @jax.checkpoint
    def block(at):
        return _matmul(image, *at)

    at = tuple(x.reshape(-1, size, columns, 2) for x in (anchor, offset))
    return jax.lax.map(block, at).reshape(rows, columns, -1)


_LARGEST = 2**22  # numbers in between of a block: 16 MB


def _gather(image: jax.Array, anchor: jax.Array, offset: jax.Array) -> jax.Array:
    """[h, w, c] at [h', w', 2] pixel positions (column, row) -> [h', w', c]."""
    h, w, _ = image.shape
    left, right, x = _neighbours(anchor[..., 0], offset[..., 0], w)
    top, bottom, y = _neighbours(anchor[..., 1], offset[..., 1], h)
    x, y = x[..., None], y[..., None]

    def at(row, column):
        return image.at[row, column].get(mode="promise_in_bounds")

    upper = at(top, left) * (1 - x) + at(top, right) * x
    lower = at(bottom, left) * (1 - x) + at(bottom, right) * x
    return upper * (1 - y) + lower * y


def _matmul(image: jax.Array, anchor: jax.Array, offset: jax.Array) -> jax.Array:
    """Like `_gather`, with the interpolation weights as matrices."""
    h, w, _ = image.shape
    columns = _weights(*_neighbours(anchor[..., 0], offset[..., 0], w), w)
    rows = _weights(*_neighbours(anchor[..., 1], offset[..., 1], h), h)
    image = image.astype(rows.dtype)
    mixed = jnp.einsum("yxh,hwc->yxwc", rows, image, precision="highest")
    return jnp.einsum("yxw,yxwc->yxc", columns, mixed, precision="highest")


def _weights(
    low: jax.Array, high: jax.Array, fraction: jax.Array, size: int
) -> jax.Array:
    """[...] neighbours -> [..., size] weights, at most two of them not 0."""
    index = jnp.arange(size)
    fraction = fraction[..., None]
    lower = jnp.where(index == low[..., None], 1 - fraction, 0)
    return lower + jnp.where(index == high[..., None], fraction, 0)


def _neighbours(
    anchor: jax.Array, offset: jax.Array, size: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Index below, index above, and the part of the way from one to the other."""
    position = jax.lax.stop_gradient(anchor + offset)
    # The last pixel is the end of the last cell, not the start of one beyond it.
    low = jnp.clip(jnp.floor(position), 0, max(size - 2, 0))
    fraction = offset - (low - anchor)
    # Not jnp.clip, whose gradient at the very border would be a half.
    fraction = jnp.where(position < 0, 0, fraction)
    fraction = jnp.where(position > size - 1, 1, fraction)
    low = low.astype(jnp.int32)
    return low, jnp.minimum(low + 1, size - 1), fraction
