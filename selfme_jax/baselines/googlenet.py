"""GoogLeNet (Inception v1, Szegedy et al. 2015) on flow images.

Known, from the table of the STSTNet paper: read the same flow images as STSTNet at
224x224x3, 22 layers, 7 million weights (the count for 1000 classes; for three it is
5,976,627), run by those authors. The layer table is the one of Szegedy et al., with
biases, without batch norm and without auxiliary heads; its count agrees.

Inferred: that (u, v, strain) were enlarged from 28x28, here bilinearly; that the local
response normalisation of 2015 does not matter, it is left out here. Unknown: pre-
training, rate, epochs, batch, head. Our choice: from scratch by He's initialisation, or
from ImageNet weights where --config.googlenet.weights names a file of them (all layers
but the last; they are not those of 2015: systems/imagenet.py); Adam at 1e-4, 50 epochs,
batches of 32, dropout 0.4 as in GoogLeNet's own paper.

Set --config.engine.classifier.runs_per_device=1 or a few: its maps are large.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers
from selfme_jax.ops import pooling

HE = nn.initializers.he_normal()
# Filters: 1x1; before 3x3, 3x3; before 5x5, 5x5; after the pool. Stages are parted by
# a pool.
STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class GoogLeNet(nn.Module):
    """Flow [b, h, w, c], enlarged to ``size`` -> logits [b, classes].

    shrink: divides the number of filters (1 as published). stages: filters of its
    inception blocks. last_pool: side of the max-pool before the last stage (3 as
    published).
    """

    classes: int
    dropout: float
    size: int
    shrink: int
    stages: Sequence[Sequence[Sequence[int]]] = STAGES
    last_pool: int = 3

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        x = layers.resize(flow, self.size)
        x = _pool(_conv(x, 64 // self.shrink, 7, "stem_7", stride=2))
        x = _conv(x, 64 // self.shrink, 1, "stem_1")
        x = _pool(_conv(x, 192 // self.shrink, 3, "stem_3"))
        for i, stage in enumerate(self.stages):
            if i:
                x = _pool(x, self.last_pool if i == len(self.stages) - 1 else 3)
            for j, filters in enumerate(stage):
                filters = [n // self.shrink for n in filters]
                x = Inception(filters, name=f"inception_{i}_{j}")(x)
        x = x.mean((1, 2))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name="logits")(x)


class Inception(nn.Module):
    """Four branches side by side: [b, h, w, c] -> [b, h, w, sum of their filters]."""

    filters: Sequence[int]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        one, before_3, three, before_5, five, pool = self.filters
        branches = [
            _conv(x, one, 1, "point"),
            _conv(_conv(x, before_3, 1, "before_3"), three, 3, "three"),
            _conv(_conv(x, before_5, 1, "before_5"), five, 5, "five"),
            _conv(pooling.max_pool(x, size=3), pool, 1, "pool"),
        ]
        return jnp.concatenate(branches, axis=-1)


def _conv(
    x: jax.Array, filters: int, kernel: int, name: str, *, stride: int = 1
) -> jax.Array:
    size, edge = (kernel, kernel), kernel // 2  # as in Caffe, where 'same' differs
    conv = nn.Conv(
        filters, size, strides=stride, padding=edge, kernel_init=HE, name=name
    )
    return nn.relu(conv(x))


def _pool(x: jax.Array, size: int = 3) -> jax.Array:
    """Max-pool, stride 2, 'same': on maps of even sides as in Caffe and torchvision."""
    return pooling.max_pool(x, size=size, stride=2)
