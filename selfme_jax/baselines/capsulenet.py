"""CapsuleNet (Van Quang, Chun and Tokuyama, FG 2019).

Known, from the authors' code: ResNet-18 up to its third stage without the max-pool of
the stem (224x224 to 28x28x256), one 9x9 convolution with ReLU, a 9x9 convolution of
stride 2 read as 1152 capsules of 8 numbers, one layer of capsules of 16 numbers, a
capsule a class, by three rounds of routing; the score of a class is the length of its
capsule; margin loss (0.99, 0.01, 0.5). 13,842,496 weights. Adam at 1e-4 in batches of
32 for 30 epochs, classes drawn about alike, images mirrored at random.

Different here. Input: the paper reads the apex frame in colour; classifiers are handed
flow images here, so this network reads flow (u, v, strain), enlarged bilinearly, and
its scores are not those of the paper's system. Weights: the paper starts from ImageNet
and, in the published run, keeps the first layers frozen; here the backbone starts from
ImageNet where --config.capsulenet.weights names a file (systems/imagenet.py; its input
is then normalised by ImageNet's mean and deviation, which the paper does not), else
from scratch, and all of it is trained. The rate falls by a cosine, not by 0.9 an epoch;
no rotation, colour change or crop; the last epoch counts, where the paper takes the
best one on the test subject.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.baselines import layers

STAGES = (64, 128, 256)  # filters; two residual blocks each
ROUNDS = 3
PRIMARY, FINAL = 8, 16  # numbers in a capsule
HE = nn.initializers.he_normal()


class CapsuleNet(nn.Module):
    """Images [b, h, w, c], resized to ``size`` -> capsule lengths [b, classes].

    Lengths lie in [0, 1). kernel: of the two convolutions after the backbone (9).
    shrink: divides the number of filters (1 as published).
    """

    classes: int
    size: int
    kernel: int
    shrink: int

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = layers.resize(images, self.size)
        x = Backbone(self.shrink, name="backbone")(x, train=train)
        filters, kernel = STAGES[-1] // self.shrink, (self.kernel, self.kernel)
        x = nn.relu(nn.Conv(filters, kernel, padding="VALID", name="conv")(x))
        x = nn.Conv(filters, kernel, strides=2, padding="VALID", name="primary")(x)
        x = squash(x.reshape(x.shape[0], -1, PRIMARY))
        shape = (self.classes, x.shape[1], FINAL, PRIMARY)
        weight = self.param("votes", nn.initializers.normal(0.01), shape)
        return length(route(jnp.einsum("knoi,bni->bkno", weight, x)))[..., 0]


class Backbone(nn.Module):
    """ResNet-18 without its last stage: [b, h, w, c] -> [b, h / 8, w / 8, 256].

    Batch norm keeps the statistics of the training draws of its own run, so none of
    held-out samples.
    """

    shrink: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        def conv(x: jax.Array, filters: int, kernel: int, stride: int, name: str):
            x = nn.Conv(
                filters // self.shrink,
                (kernel, kernel),
                strides=stride,
                padding=kernel // 2,
                use_bias=False,
                kernel_init=HE,
                name=name,
            )(x)
            norm = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, name=f"{name}_n")
            return norm(x)

        x = nn.relu(conv(x, STAGES[0], 7, 2, "stem"))
        for i, filters in enumerate(STAGES):
            for j in range(2):
                stride = 2 if i and not j else 1
                name = f"block_{i}_{j}"
                y = nn.relu(conv(x, filters, 3, stride, f"{name}_a"))
                y = conv(y, filters, 3, 1, f"{name}_b")
                x = conv(x, filters, 1, stride, f"{name}_skip") if stride > 1 else x
                x = nn.relu(x + y)
        return x


def route(votes: jax.Array) -> jax.Array:
    """Routing by agreement: [b, classes, n, d] -> capsules [b, classes, d].

    Couplings are a softmax over classes; gradients pass through the last round only.
    """
    logits = jnp.zeros(votes.shape[:3])
    fixed = jax.lax.stop_gradient(votes)
    for _ in range(ROUNDS - 1):
        capsules = _gather(logits, fixed)
        logits = logits + jnp.einsum("bkno,bko->bkn", fixed, capsules)
    return _gather(logits, votes)


def _gather(logits: jax.Array, votes: jax.Array) -> jax.Array:
    coupling = jax.nn.softmax(logits, axis=1)
    return squash(jnp.einsum("bkn,bkno->bko", coupling, votes))


def squash(x: jax.Array) -> jax.Array:
    """Keep the direction, bring the length l to l^2 / (1 + l^2): [..., d]."""
    size = length(x)
    return size * size / (1 + size * size) * x / (size + 1e-8)


def length(x: jax.Array) -> jax.Array:
    """[..., d] -> [..., 1], with a finite gradient (0) at zero."""
    square = (x * x).sum(-1, keepdims=True)
    return jnp.sqrt(jnp.maximum(square, 1e-24))


def margin_loss(
    lengths: jax.Array,
    labels: jax.Array,
    *,
    present: float,
    absent: float,
    weight: float,
) -> jax.Array:
    """Squared hinges, summed over classes: [b, classes], [b] -> [b].

    The capsule of the label should be longer than ``present``, the others shorter than
    ``absent``; these count by ``weight``.
    """
    target = jax.nn.one_hot(labels, lengths.shape[-1])
    short = jnp.maximum(present - lengths, 0) ** 2
    long = jnp.maximum(lengths - absent, 0) ** 2
    return (target * short + weight * (1 - target) * long).sum(-1)
