"""OFF-ApexNet: two small convolutional streams (Gan et al. 2019, arXiv 1805.08699).

Known: u and v of TV-L1 flow from onset to apex, 28x28 each, one stream each; two 5x5
convolutions of 6 and 16 filters with 2x2 max-pool, then fully connected layers of
1024, 1024 and the classes with dropout 0.5, as in the re-implementation of PRICAI 2021
Off-TANet, which has our count of 2,664,475 weights. Adam at 1e-4, 3000 epochs, batches
of 64 are that re-implementation's.

Inferred: ReLU after the convolutions (the paper's, from memory; the re-implementation
has none). Unknown: the 4 % that are missing from the 2.77 million weights quoted by
the STSTNet paper; the published batch size.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers

FILTERS = (6, 16)
KERNEL = 5


class OFFApexNet(nn.Module):
    """Flow [b, h, w, 2 or more] (u, v, ...) -> logits [b, classes].

    Optical strain, channel 2, is not read. The published input is 28x28; another one
    is resized to ``size``.
    """

    classes: int
    dropout: float
    size: int
    hidden: int

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        x = layers.resize(flow[..., :2], self.size)
        streams = [Stream(name=name)(x[..., i, None]) for i, name in enumerate("uv")]
        x = jnp.concatenate(streams, axis=-1)
        for i in range(2):
            x = nn.relu(nn.Dense(self.hidden, name=f"hidden_{i}")(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name="logits")(x)


class Stream(nn.Module):
    """One flow component, flattened: [b, 28, 28, 1] -> [b, 7 * 7 * 16]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, filters in enumerate(FILTERS):
            x = layers.SmallConv(filters, KERNEL, name=f"conv_{i}")(x)
            x = layers.halve(nn.relu(x))
        return x.reshape(x.shape[0], -1)
