"""Dual-Inception: two inception streams (Zhou, Mao and Xue, FG 2019).

Known, from the authors' code: one stream for horizontal and one for vertical TV-L1
flow, 28x28, each read from a saved image with three channels and divided by 255; two
inception blocks with 6 and 16 filters a branch, each followed by 2x2 max-pool; one
fully connected layer of 1024 and the classes. 6,449,963 weights. Adam at 1e-4, 40
epochs, batches of 3.

Inferred: that the three channels of a saved flow image are equal (grey); that is what
each component is repeated to here. Unknown: how flow became 8 bit; here it is scaled
by config.flow. Different here: training is on all other subjects, to the last epoch
(the authors train on the other databases and keep the best validation loss); and the
flow reaches to the apex, where theirs is of the middle frame.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers
from selfme_jax.ops import pooling

FILTERS = (6, 16)
CHANNELS = 3  # of a saved flow image


class DualInception(nn.Module):
    """Flow [b, h, w, 2 or more] (u, v, ...) -> logits [b, classes].

    Optical strain, channel 2, is not read. The published input is 28x28; another one
    is resized to ``size``. dropout: before the last layer; 0 as published.
    """

    classes: int
    dropout: float
    size: int
    hidden: int

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        x = two_streams(flow, size=self.size)
        x = nn.relu(nn.Dense(self.hidden, name="hidden")(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name="logits")(x)


def two_streams(flow: jax.Array, *, size: int) -> jax.Array:
    """Streams 'u' and 'v' of the module that calls this, side by side.

    [b, h, w, 2 or more] -> [b, 2 * 7 * 7 * 64] for a size of 28.
    """
    x = layers.resize(flow[..., :2], size)
    found = []
    for i, name in enumerate("uv"):
        image = jnp.repeat(x[..., i, None], CHANNELS, axis=-1)
        found.append(Stream(name=name)(image))
    return jnp.concatenate(found, axis=-1)


class Stream(nn.Module):
    """One flow component, flattened: [b, 28, 28, 3] -> [b, 7 * 7 * 64]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, filters in enumerate(FILTERS):
            x = layers.halve(Inception(filters, name=f"block_{i}")(x))
        return x.reshape(x.shape[0], -1)


class Inception(nn.Module):
    """Branches 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max-pool then 1x1. ReLU each.

    [b, h, w, c] -> [b, h, w, 4 filters].
    """

    filters: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def conv(x: jax.Array, kernel: int, name: str) -> jax.Array:
            return nn.relu(layers.SmallConv(self.filters, kernel, name=name)(x))

        pooled = pooling.max_pool(x, size=3)
        branches = [
            conv(x, 1, "point"),
            conv(conv(x, 1, "before_3"), 3, "three"),
            conv(conv(x, 1, "before_5"), 5, "five"),
            conv(pooled, 1, "pool"),
        ]
        return jnp.concatenate(branches, axis=-1)
