"""HTNet: hierarchical transformer over face regions (Wang et al. 2024).

Known, from the authors' code: 28x28 flow images (u, v, strain), patches of 7x7, width
256, 3 heads, 3 levels with 2, 2 and 10 transformer blocks, MLP of 4 times the width,
no dropout; width and heads double from level to level. The map is cut into 4x4, 2x2
and 1x1 regions, attention stays within a region, and between levels a 3x3 convolution,
a layer norm and a 3x3 max-pool of stride 2 bring four regions together. Adam at 5e-5,
800 epochs, batches of 256. It follows from these sizes that 4x4 patches are cut into
4x4 regions and every region is one token: attention then mixes nothing, only the
convolutions do. 139,582,982 weights (our sum over the authors' layers).

From memory, not checked: in the paper the four regions are cut around eyes and lip
corners by landmarks and put together to one image. There are no landmarks of flow
images here: the regions are the four quarters of the aligned face, our choice. The
authors report the best epoch on the test subject; here it is the last.

Weights and their two Adam moments take 1.7 GB a run: set
--config.engine.classifier.runs_per_device=1 or a few.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers
from selfme_jax.ops import pooling


class HTNet(nn.Module):
    """Flow [b, h, w, c] -> logits [b, classes].

    The flow is resized to ``size``, a multiple of patch * 2 ** (levels - 1). repeats:
    transformer blocks of each level.
    """

    classes: int
    dropout: float
    size: int
    patch: int
    width: int
    heads: int
    repeats: Sequence[int]

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        levels = len(self.repeats)
        if self.size % (self.patch * 2 ** (levels - 1)):
            raise ValueError(
                f"size {self.size} must divide by patch {self.patch} times "
                f"2 ** {levels - 1}"
            )
        x = cut(layers.resize(flow, self.size), self.size // self.patch)
        x = nn.Dense(self.width, name="embed")(x.reshape(*x.shape[:3], -1))
        for i, blocks in enumerate(self.repeats):
            regions = 2 ** (levels - 1 - i)
            level = Level(blocks, self.heads * 2**i, self.dropout, name=f"level_{i}")
            x = join(level(cut(x, regions), train=train))
            if i < levels - 1:
                x = layers.SmallConv(2 * x.shape[-1], 3, name=f"merge_{i}")(x)
                x = nn.LayerNorm(epsilon=1e-5, name=f"merge_norm_{i}")(x)
                x = pooling.max_pool(x, size=3, stride=2, padding=((1, 1), (1, 1)))
        x = nn.LayerNorm(epsilon=1e-5, name="norm")(x).mean((1, 2))
        return nn.Dense(self.classes, name="logits")(x)


class Level(nn.Module):
    """Pre-norm transformer blocks within regions.

    [b, r, r, s, s, d] -> the same shape: r x r regions of s x s tokens. A place in a
    region has one learned number, added to all its channels, as published.
    """

    blocks: int
    heads: int
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        shape = x.shape
        x = x.reshape(*shape[:3], -1, shape[-1])
        place = self.param("place", nn.initializers.normal(1.0), (x.shape[-2],))
        x = x + place[:, None]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        for i in range(self.blocks):
            y = nn.LayerNorm(epsilon=1e-5, name=f"norm_attention_{i}")(x)
            x = x + drop(Attention(self.heads, name=f"attention_{i}")(y))
            y = nn.LayerNorm(epsilon=1e-5, name=f"norm_mlp_{i}")(x)
            y = nn.Dense(4 * shape[-1], name=f"mlp_in_{i}")(y)
            y = drop(nn.gelu(y, approximate=False))
            x = x + drop(nn.Dense(shape[-1], name=f"mlp_out_{i}")(y))
        return x.reshape(shape)


class Attention(nn.Module):
    """Self-attention, [..., n, d] -> [..., n, d]; a head is d // heads wide.

    bias: of queries, keys and values.
    """

    heads: int
    bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        d = x.shape[-1]
        width = d // self.heads
        qkv = nn.Dense(3 * width * self.heads, use_bias=self.bias, name="qkv")(x)
        qkv = qkv.reshape(*x.shape[:-1], 3, self.heads, width)
        q, k, v = jnp.moveaxis(qkv, -3, 0)
        scores = jnp.einsum("...qhd,...khd->...hqk", q, k) * width**-0.5
        mixed = jnp.einsum("...hqk,...khd->...qhd", jax.nn.softmax(scores), v)
        return nn.Dense(d, name="out")(mixed.reshape(*x.shape[:-1], -1))


def cut(x: jax.Array, regions: int) -> jax.Array:
    """[b, h, w, d] -> [b, regions, regions, h / regions, w / regions, d]."""
    b, h, w, d = x.shape
    x = x.reshape(b, regions, h // regions, regions, w // regions, d)
    return x.swapaxes(2, 3)


def join(x: jax.Array) -> jax.Array:
    """Opposite of ``cut``."""
    b, r, _, h, w, d = x.shape
    return x.swapaxes(2, 3).reshape(b, r * h, r * w, d)
