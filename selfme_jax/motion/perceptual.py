"""Perceptual loss: distance of two frames in the features of an ImageNet VGG-19.

As in first-order-motion (Siarohin et al. 2019, after Johnson et al. 2016): the five
feature maps after relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, L1, on a pyramid
of four scales. The weights are the user's file; nothing is ever fetched.
"""

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax import tensor_file
from selfme_jax.ops import pyramid
from selfme_jax.tensor_file import MEAN, SD, Source

# Convolutions by their index in torchvision's vgg19().features: blocks with a max-pool
# between them, up to the one that relu5_1 follows. A feature map is what leaves the
# first convolution of a block.
BLOCKS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28,))
WIDTHS = (64, 128, 256, 512, 512)
LEAST = 2 ** (len(BLOCKS) - 1)  # pixels a side: one is left after the last max-pool
SCALES = 4  # 1, 1/2, 1/4, 1/8

SOURCE = Source(
    kind="VGG-19",
    model="vgg19",
    hub="vgg19.tv_in1k",
    key="motion.loss.vgg",
    reader="motion.loss.perceptual",
)

# Per block, per convolution: kernel [3, 3, in, out] and bias [out], float32.
Weights = tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]


def load(path: str) -> Weights:
    """The weights of a VGG-19 from a safetensors file.

    Args:
      path: tensors 'features.N.weight' [out, in, 3, 3] and 'features.N.bias' [out] as
        torchvision and timm name them; others (the classifier's) are not read.

    Raises:
      UserError: no such file, not safetensors, or tensors missing or misshapen.
    """
    with tensor_file.reading(path, SOURCE) as file:
        channels, blocks = 3, []
        for width, indices in zip(WIDTHS, BLOCKS, strict=True):
            block = []
            for index in indices:
                kernel = file.take(f"features.{index}.weight", (width, channels, 3, 3))
                kernel = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
                block.append((kernel, file.take(f"features.{index}.bias", (width,))))
                channels = width
            blocks.append(tuple(block))
    return tuple(blocks)


def features(
    weights: Weights, images: jax.Array, *, dtype: str = "float32"
) -> tuple[jax.Array, ...]:
    """The five feature maps of a batch of frames.

    Args:
      weights: of `load`.
      images: [b, h, w, 3] RGB in [0, 1], h and w at least LEAST.
      dtype: of the convolutions, 'float32' or 'bfloat16', and of the result.

    Returns:
      [b, h / s, w / s, width] for s = 1, 2, 4, 8, 16 (rounded down), all >= 0.
    """
    if min(images.shape[1:3]) < LEAST:
        raise ValueError(f"VGG-19 needs {LEAST} pixels a side, got {images.shape}")
    x = ((images - np.array(MEAN, np.float32)) / np.array(SD, np.float32)).astype(dtype)
    maps = []
    for number, block in enumerate(weights):
        if number:
            x = jax.lax.reduce_window(
                x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
            )
        for place, (kernel, bias) in enumerate(block):
            x = jax.lax.conv_general_dilated(
                x,
                jnp.asarray(kernel, dtype),
                (1, 1),
                "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = jax.nn.relu(x + jnp.asarray(bias, dtype))
            if place == 0:
                maps.append(x)
    return tuple(maps)


def perceptual(
    weights: Weights, image: jax.Array, target: jax.Array, *, dtype: str = "float32"
) -> jax.Array:
    """Mean |difference| of each feature map, summed over the five.

    The features of the target are held constant, as in first-order-motion.

    Args:
      weights: of `load`.
      image, target: [b, h, w, 3] RGB in [0, 1].
      dtype: of the convolutions; sums are float32.

    Returns:
      [b] float32.
    """
    found = features(weights, image, dtype=dtype)
    wanted = jax.lax.stop_gradient(features(weights, target, dtype=dtype))
    terms = (
        jnp.abs(x.astype(jnp.float32) - y.astype(jnp.float32)).mean((1, 2, 3))
        for x, y in zip(found, wanted, strict=True)
    )
    return sum(terms, jnp.asarray(0.0))


def multiscale(
    weights: Weights, image: jax.Array, target: jax.Array, *, dtype: str = "float32"
) -> jax.Array:
    """`perceptual` summed over a pyramid of SCALES levels: the loss of the paper.

    A level smaller than LEAST pixels is left out, but never the frames themselves.
    [b, h, w, 3] twice -> [b] float32.
    """
    levels = zip(
        pyramid.gaussian_pyramid(image, levels=SCALES),
        pyramid.gaussian_pyramid(target, levels=SCALES),
        strict=True,
    )
    terms = (
        perceptual(weights, x, y, dtype=dtype)
        for level, (x, y) in enumerate(levels)
        if level == 0 or min(x.shape[1:3]) >= LEAST
    )
    return sum(terms, jnp.asarray(0.0))
