"""MMNet: muscle motion-guided network (Li, Sui, Zhu and Zhao, IJCAI 2022).

Known, from the authors' code (muse1998/MMNet on GitHub, 330551f and 35e4423). Main
branch: the difference of apex and onset at 224x224, a 3x3 convolution of stride 2 to
180 channels, one of 3x3 to 128, and four blocks of continuous attention (128, 128, 256,
512 channels, halved three times): 3x3 and 1x1 convolutions with a shortcut, then a map
of attention from the mean and the largest of the channels, by a 1x1 convolution, batch
norm and sigmoid, times the map of the block before (max-pooled); the block's output is
multiplied by it. Sub-branch (position calibration): the onset at 14x14, a token a
pixel, width 512, three transformer blocks with 4 heads, MLP of twice the width and
stochastic depth to 0.3; its tokens are added to the last 14x14 map. One linear layer on
all of that. AdamW at 8e-4 with a decay of 0.7, batches of 24, 99 epochs, the rate times
0.987 after each of the first 50; images mirrored, turned by up to 4 degrees and
cropped; onset and apex taken a few frames off.

The authors count, for every test subject, the epoch that is best on that subject, one
by accuracy and one by F1; here it is the last.

Different here: the rate is constant; no turning, cropping, or frames off. Their first
convolution is written with two groups of three channels, which cannot be: one group. On
flow (u, v, strain) in place of frames the main branch reads the flow, and as there is
no face there is no calibration: the authors' system without its sub-branch.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers
from selfme_jax.baselines.htnet import Attention
from selfme_jax.ops import pooling

STEM, FILTERS = 180, (128, 128, 256, 512)
BLOCKS, HEADS, DEPTH_DROP = 3, 4, 0.3  # of the transformer
HALVED = 16  # size of the input against that of the last map
# Of ImageNet's photographs, by which the authors normalise frames.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HE = nn.initializers.variance_scaling(2.0, "fan_out", "truncated_normal")


class MMNet(nn.Module):
    """Images [b, h, w, c] -> logits [b, classes].

    c = 3: motion, or c = 6: the difference of apex and onset, then the onset, RGB in
    [0, 1]. size: they are resized to, a multiple of 16. shrink: divides the numbers of
    filters (1 as published).
    """

    classes: int
    size: int
    shrink: int

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        if self.size % HALVED:
            raise ValueError(f"size {self.size} must divide by {HALVED}")
        motion, face = images[..., :3], images[..., 3:]
        if face.shape[-1]:
            motion = motion / jnp.array(DEVIATION)
        x = layers.resize(motion, self.size)
        stem = STEM // self.shrink
        x = nn.relu(Normed(stem, 3, 2, name="stem")(x, train=train))
        filters = [n // self.shrink for n in FILTERS]
        x = nn.relu(Normed(filters[0], 3, name="conv")(x, train=train))
        attention = None
        for i, count in enumerate(filters):
            if attention is not None:
                attention = pooling.max_pool(
                    attention, size=3, stride=2, padding=((1, 1), (1, 1))
                )
            block = Block(count, 1 if i == 0 else 2, name=f"block_{i}")
            x, attention = block(x, attention, train=train)
        if face.shape[-1]:
            face = (face - jnp.array(MEAN)) / jnp.array(DEVIATION)
            small = layers.resize(face, self.size // HALVED)
            x = x + Calibration(filters[-1], name="calibration")(small, train=train)
        return nn.Dense(self.classes, name="logits")(x.reshape(x.shape[0], -1))


class Block(nn.Module):
    """Continuous attention: ([b, h, w, c], map of the block before or None) -> both.

    A map is [b, h, w, 1] in [0, 1].
    """

    filters: int
    stride: int

    @nn.compact
    def __call__(
        self, x: jax.Array, before: jax.Array | None, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        y = nn.relu(Normed(self.filters, 3, self.stride, name="wide")(x, train=train))
        y = Normed(self.filters, 1, name="point")(y, train=train)
        if self.stride > 1 or x.shape[-1] != self.filters:
            x = Normed(self.filters, 1, self.stride, name="shortcut")(x, train=train)
        y = nn.relu(y + x)
        top = largest(y) if train else y.max(-1, keepdims=True)
        both = jnp.concatenate([y.mean(-1, keepdims=True), top], axis=-1)
        attention = nn.sigmoid(Normed(1, 1, name="attention")(both, train=train))
        if before is not None:
            attention = attention * before
        return y * attention, attention


class Calibration(nn.Module):
    """Where what is in a face: pixels [b, s, s, 3] -> [b, s, s, width]."""

    width: int

    @nn.compact
    def __call__(self, face: jax.Array, *, train: bool) -> jax.Array:
        b, s = face.shape[:2]
        normal = nn.initializers.truncated_normal(0.02)
        x = nn.Dense(self.width, name="embed")(face.reshape(b, s * s, 3))
        x = x + self.param("place", normal, (s * s, self.width))
        for i in range(BLOCKS):
            rate = DEPTH_DROP * i / (BLOCKS - 1)
            drop = nn.Dropout(rate, broadcast_dims=(1, 2), deterministic=not train)
            y = nn.LayerNorm(epsilon=1e-6, name=f"norm_attention_{i}")(x)
            x = x + drop(Attention(HEADS, bias=True, name=f"attention_{i}")(y))
            y = nn.LayerNorm(epsilon=1e-6, name=f"norm_mlp_{i}")(x)
            y = nn.Dense(2 * self.width, kernel_init=normal, name=f"mlp_in_{i}")(y)
            y = nn.gelu(y, approximate=False)
            x = x + drop(
                nn.Dense(self.width, kernel_init=normal, name=f"mlp_out_{i}")(y)
            )
        x = nn.LayerNorm(epsilon=1e-6, name="norm")(x)
        return x.reshape(b, s, s, self.width)


def largest(x: jax.Array) -> jax.Array:
    """Largest of the channels, [..., c] -> [..., 1]; the first one has the slope.

    The slope of ``max`` divides by how many values equal the largest: none do where XLA
    computes it again in another order, and 0 / 0 is no number.
    """
    first = jax.nn.one_hot(x.argmax(-1), x.shape[-1])
    return (x * first).sum(-1, keepdims=True)


class Normed(nn.Module):
    """A convolution without bias, and batch norm.

    Its statistics are of the training draws of its own run, so of no held-out sample.
    """

    filters: int
    kernel: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = nn.Conv(
            self.filters,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=self.kernel // 2,
            use_bias=False,
            kernel_init=HE,
            name="taps",
        )(x)
        return nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, name="norm")(x)
