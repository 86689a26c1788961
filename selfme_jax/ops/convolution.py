"""2-D convolution that is fast on CPU as well, gradients included.

Three things are slow in XLA's own there, up to 50 times as slow as they need be:

- The kernel's gradient where frames are large, or where there is one output channel: it
  convolves with the output as a kernel of its full extent.
- Everything where an image has few pixels and many channels, as at the bottom of an
  hourglass.
- Convolution after nearest-neighbour upsampling, on any platform: neighbours are copies
  of one another, and a 3x3 kernel sees 2x2 different pixels (`doubled`).

The first two are matrix products here, on CPU alone; elsewhere XLA's are used.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp

from selfme_jax.types import Shape

LAYOUT = ("NHWC", "HWIO", "NHWC")
# Multiplications per image above which matrix products are faster on CPU; below,
# XLA's gradient is no slower and compiles sooner.
LARGE = 2**26
# An image has few pixels where so many times them are no more than the output channels.
FEW = 4
# Pixels of an image from which on folded kernels, which are larger, pay.
FOLD = 128


def convolve(image: jax.Array, kernel: jax.Array, *, stride: int = 1) -> jax.Array:
    """Cross-correlation with 'SAME' padding by zeros, as flax.linen.Conv.

    Reverse-mode derivatives only.

    Args:
      image: [b, h, w, c].
      kernel: [kh, kw, c, d], dtype of the image.
      stride: along both axes.

    Returns:
      [b, h / stride, w / stride, d] (rounded up), dtype of the image.
    """
    forward = functools.partial(_forward, stride)
    function = jax.custom_vjp(forward)
    function.defvjp(
        lambda image, kernel: (forward(image, kernel), (image, kernel)),
        functools.partial(_backward, stride),
    )
    return function(image, kernel)


def doubled(image: jax.Array, kernel: jax.Array) -> jax.Array:
    """`convolve` of an image that is repeated twice along both axes.

    Output pixel 2 i + a reads rows i - 1, i, i (a = 0) or i, i, i + 1 (a = 1) of the
    image. So do two rows of a kernel whose rows for equal pixels are summed; likewise
    columns. The four phases (a, of rows; of columns) are channels of one convolution.

    Args:
      image: [b, h, w, c].
      kernel: [3, 3, c, d]; its taps are summed in its own dtype.

    Returns:
      [b, 2 h, 2 w, d], dtype of the image.
    """
    b, h, w, c = image.shape
    d = kernel.shape[-1]
    if h * w < FOLD:
        each = jnp.broadcast_to(image[:, :, None, :, None], (b, h, 2, w, 2, c))
        each = each.reshape(b, 2 * h, 2 * w, c)
        return convolve(each, kernel.astype(image.dtype))
    phases = [
        columns.swapaxes(0, 1)
        for rows in _halves(kernel)
        for columns in _halves(rows.swapaxes(0, 1))
    ]
    # Of a kernel of two, 'SAME' pads the end alone.
    image = jnp.pad(image, ((0, 0), (1, 0), (1, 0), (0, 0)))
    both = convolve(image, jnp.concatenate(phases, axis=-1).astype(image.dtype))
    both = both.reshape(b, h + 1, w + 1, 2, 2, d)
    rows = [
        jnp.stack([both[:, i : i + h, j : j + w, i, j] for j in (0, 1)], axis=3)
        for i in (0, 1)
    ]
    return jnp.stack(rows, axis=2).reshape(b, 2 * h, 2 * w, d)


def _halves(kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[3, ...] -> [2, ...] twice: taps of the even and of the odd output pixels."""
    one, two, three = kernel
    return jnp.stack([one, two + three]), jnp.stack([one + two, three])


def _few(stride: int, image: jax.Array, kernel: jax.Array) -> bool:
    """Whether the kernel is what takes the time: it is read once for few pixels."""
    pixels = math.prod(-(-n // stride) for n in image.shape[1:3])
    return pixels * FEW <= kernel.shape[-1]


def _forward(stride: int, image: jax.Array, kernel: jax.Array) -> jax.Array:
    if not _few(stride, image, kernel):
        return _plain(stride, image, kernel)
    forms = {
        "cpu": functools.partial(_product, stride),
        "default": functools.partial(_plain, stride),
    }
    return jax.lax.platform_dependent(image, kernel, **forms)


def _product(stride: int, image: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution as one matrix product with all taps side by side."""
    *size, channels, features = kernel.shape
    strides = (stride, stride)
    pads = jax.lax.padtype_to_pads(image.shape[1:3], size, strides, "SAME")
    h, w = (-(-n // stride) for n in image.shape[1:3])
    padded = jnp.pad(image, ((0, 0), *pads, (0, 0)))
    taps = [tap for row in _taps(padded, size, (h, w), stride) for tap in row]
    flat = kernel.reshape(math.prod(size) * channels, features)
    return jnp.concatenate(taps, axis=-1) @ flat


def _taps(
    padded: jax.Array, size: Sequence[int], shape: Shape, stride: int
) -> Iterator[list[jax.Array]]:
    """What each tap of a kernel sees, [b, *shape, c]; the taps of a row together."""
    down, across = ((n - 1) * stride + 1 for n in shape)
    for i in range(size[0]):
        row = padded[:, i : i + down : stride]
        yield [row[:, :, j : j + across : stride] for j in range(size[1])]


def _plain(stride: int, image: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        image, kernel, (stride, stride), "SAME", dimension_numbers=LAYOUT
    )


def _backward(
    stride: int, inputs: tuple[jax.Array, jax.Array], slope: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gradients of the image and the kernel from that of the output."""
    image, kernel = inputs
    if _few(stride, image, kernel):
        forms = {
            "cpu": functools.partial(_pulled, functools.partial(_product, stride)),
            "default": functools.partial(_pulled, functools.partial(_plain, stride)),
        }
        return jax.lax.platform_dependent(image, kernel, slope, **forms)
    plain = functools.partial(_plain, stride)
    (to_image,) = jax.linear_transpose(lambda x: plain(x, kernel), image)(slope)
    return to_image, _to_kernel(stride, image, kernel, slope)


def _pulled(
    form: Callable, image: jax.Array, kernel: jax.Array, slope: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return tuple(jax.vjp(form, image, kernel)[1](slope))


def _to_kernel(
    stride: int, image: jax.Array, kernel: jax.Array, slope: jax.Array
) -> jax.Array:
    def products(image, slope):
        return _kernel_gradient(image, slope, kernel.shape[:2], stride)

    def transposed(image, slope):
        plain = functools.partial(_plain, stride)
        pull = jax.linear_transpose(lambda k: plain(image, k), kernel)
        return pull(slope)[0].astype(jnp.float32)

    large = math.prod(slope.shape[1:3]) * kernel.size > LARGE
    if large or kernel.shape[-1] == 1:
        found = jax.lax.platform_dependent(
            image, slope, cpu=products, default=transposed
        )
    else:
        found = transposed(image, slope)
    return found.astype(kernel.dtype)


def _kernel_gradient(
    image: jax.Array, slope: jax.Array, size: tuple[int, int], stride: int
) -> jax.Array:
    """[b, h, w, c] and the slope of the output [b, h', w', d] -> [kh, kw, c, d].

    The sum over pixels p of image(stride p + tap) slope(p) is a matrix product. The
    copies that bring the taps together are made of whichever is narrower.
    """
    shape, strides = image.shape[1:3], (stride, stride)
    pads = jax.lax.padtype_to_pads(shape, size, strides, "SAME")
    if stride > 1 or image.shape[-1] <= slope.shape[-1]:
        return _correlate(image, slope, pads, size, stride)
    # image(q) slope(q - tap): the same with the taps in opposite order.
    taps = _correlate(slope, image, [pad[::-1] for pad in pads], size, 1)
    return taps[::-1, ::-1].swapaxes(2, 3)


def _correlate(
    moved: jax.Array,
    still: jax.Array,
    pads: list[tuple[int, int]],
    size: tuple[int, int],
    stride: int,
) -> jax.Array:
    """Sum over p of moved(stride p + tap) still(p): [kh, kw, c, d], one row a product.

    All taps at once would copy kh times as much.
    """
    h, w, d = still.shape[1:]
    moved = jnp.pad(moved, ((0, 0), *pads, (0, 0)))
    rows = []
    for row in _taps(moved, size, (h, w), stride):
        wide = jnp.concatenate(row, axis=-1)
        rows.append(
            jnp.einsum("bhwc,bhwd->cd", wide, still, preferred_element_type=jnp.float32)
        )
    return jnp.stack(rows).reshape(*size, moved.shape[-1], d)
