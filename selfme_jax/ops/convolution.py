"""2-D convolution with a kernel gradient that is fast on CPU as well.

XLA's own takes 10 times as long as the convolution there where frames are large: it
convolves with the output as a kernel of its full extent. Elsewhere XLA's is used.
"""

import functools
import math

import jax
import jax.numpy as jnp

LAYOUT = ("NHWC", "HWIO", "NHWC")
# Multiplications per image above which matrix products are faster on CPU; below,
# XLA's gradient is no slower and compiles sooner.
LARGE = 2**26


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
    plain = functools.partial(_plain, stride)
    function = jax.custom_vjp(plain)
    function.defvjp(
        lambda image, kernel: (plain(image, kernel), (image, kernel)),
        functools.partial(_backward, stride),
    )
    return function(image, kernel)


def _plain(stride: int, image: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        image, kernel, (stride, stride), "SAME", dimension_numbers=LAYOUT
    )


def _backward(
    stride: int, inputs: tuple[jax.Array, jax.Array], slope: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gradients of the image and the kernel from that of the output."""
    image, kernel = inputs
    plain = functools.partial(_plain, stride)

    def products(image, slope):
        return _kernel_gradient(image, slope, kernel.shape[:2], stride)

    def transposed(image, slope):
        pull = jax.linear_transpose(lambda k: plain(image, k), kernel)
        return pull(slope)[0].astype(jnp.float32)

    if math.prod(slope.shape[1:3]) * kernel.size > LARGE:
        to_kernel = jax.lax.platform_dependent(
            image, slope, cpu=products, default=transposed
        )
    else:
        to_kernel = transposed(image, slope)
    (to_image,) = jax.linear_transpose(lambda x: plain(x, kernel), image)(slope)
    return to_image, to_kernel.astype(kernel.dtype)


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
    for i in range(size[0]):
        row = moved[:, i : i + (h - 1) * stride + 1 : stride]
        columns = [
            row[:, :, j : j + (w - 1) * stride + 1 : stride] for j in range(size[1])
        ]
        wide = jnp.concatenate(columns, axis=-1)
        rows.append(
            jnp.einsum("bhwc,bhwd->cd", wide, still, preferred_element_type=jnp.float32)
        )
    return jnp.stack(rows).reshape(*size, moved.shape[-1], d)
