"""TCAE: twin-cycle autoencoder (Li, Zeng, Shan and Chen, CVPR 2019): the network.

Known, from the authors' code (mysee1989/TCAE): an encoder of five 4x4 convolutions of
stride 2 (32, 64, 128, 256, 256 filters), then for pose and for expression three more
of 256 filters down to 1x1; batch norm and leaky ReLU (0.2) after each, but not after
the last one. Two decoders, one a kind of feature, read those of both frames: ReLU,
then eight times bilinear upsampling and a 3x3 convolution (256, 256, 256, 256, 128,
64, 32 and 3 filters) with batch norm and ReLU, at the end tanh instead: displacement
(x, y) in units of the grid, and a mask. The merged displacement is the mean of both,
weighted by the softmax of the masks. 256x256 frames; 14,717,094 weights. PyTorch's
default start of all weights. Every frame passes the encoder by itself, so batch
statistics are of one kind of frame at a time.

Our choice: on frames of another size (a power of two, at least 16) the encoder's
shared part keeps its first blocks and the decoders their last ones, as many as halve
the frame to 1x1; the three blocks of the heads stay. Inferred: bilinear upsampling
between pixel centres (PyTorch 0.4's default). Unknown: what of TCAE the SelfME paper
fed to its classifiers; see inputs/tcae_learning.py.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.ops import convolution, grid, warp

TRUNK = (32, 64, 128, 256, 256)  # filters of the shared part of the encoder
HEAD = (256, 256, 256)
FEATURES = HEAD[-1]  # numbers of a pose, and of an expression
UP = (256, 256, 256, 256, 128, 64, 32)  # of a decoder, before its last layer


class Features(NamedTuple):
    """What a frame is encoded to, [b, c] each."""

    pose: jax.Array
    expression: jax.Array


class Decoded(NamedTuple):
    """flow: [b, h, w, 2] in (-1, 1), grid units, (x, y), driving -> source.

    mask: [b, h, w, 1] in (-1, 1), a logit against the other decoder's.
    """

    flow: jax.Array
    mask: jax.Array


class Moved(NamedTuple):
    """The source moved by a flow, and what the encoder says of it.

    flow: [b, h, w, 2], see ``Decoded``. image: [b, h, w, 3]. back: the image, held
    constant, moved back to the source by the same decoder; None for the merged flow.
    """

    flow: jax.Array
    image: jax.Array
    features: Features
    back: jax.Array | None = None


class Cycle(NamedTuple):
    """All that the losses compare, of one batch of pairs."""

    source: Features
    driving: Features
    pose: Moved
    expression: Moved
    merged: Moved


class TCAE(nn.Module):
    """Frames [b, size, size, 3] float32 in [0, 1], a source and a driving one.

    shrink: divides the number of filters and features (1 as published). start: of the
    decoders' last layers, times the usual initial weights (1 as published, where the
    first flow is about a tenth of the frame long).

    Raises:
      ValueError: a size that is no power of two or below 16.
    """

    size: int
    shrink: int
    start: float

    def setup(self) -> None:
        halvings = self.size.bit_length() - 1
        if self.size != 2**halvings or halvings <= len(HEAD):
            raise ValueError(f"size {self.size}: give a power of two, 16 or more")
        self.encoder = Encoder(halvings, self.shrink)
        self.pose_decoder = Decoder(halvings, self.shrink, self.start)
        self.expression_decoder = Decoder(halvings, self.shrink, self.start)

    def encode(self, image: jax.Array, *, train: bool = False) -> Features:
        """Features of a frame."""
        return self.encoder(image, train=train)

    def expression_flow(self, source: jax.Array, driving: jax.Array) -> jax.Array:
        """[b, size, size, 2] grid units, (x, y): how the expression moves.

        driving(p) is about source(p + flow(p)), but for what moves with the pose. It
        does not reach beyond the frame, as the sampling does not.
        """
        features = [self.encode(x).expression for x in (source, driving)]
        return clip(self.expression_decoder(*features, train=False).flow)

    def __call__(
        self, source: jax.Array, driving: jax.Array, *, train: bool = False
    ) -> Cycle:
        """Both motions, the merged one, and both cycles."""
        of_driving = self.encode(driving, train=train)
        of_source = self.encode(source, train=train)

        def move(name: str) -> tuple[Moved, Decoded]:
            decoder = getattr(self, f"{name}_decoder")
            start = getattr(of_source, name)
            decoded = decoder(start, getattr(of_driving, name), train=train)
            image = warp.warp(source, decoded.flow)
            features = self.encode(image, train=train)
            again = decoder(getattr(features, name), start, train=train)
            back = warp.warp(jax.lax.stop_gradient(image), again.flow)
            return Moved(decoded.flow, image, features, back), decoded

        pose, of_pose = move("pose")
        expression, of_expression = move("expression")
        flow = merge(of_pose, of_expression)
        image = warp.warp(source, flow)
        merged = Moved(flow, image, self.encode(image, train=train))
        return Cycle(of_source, of_driving, pose, expression, merged)


def merge(pose: Decoded, expression: Decoded) -> jax.Array:
    """Flows [b, h, w, 2] weighted by the softmax of their masks."""
    masks = jnp.concatenate([pose.mask, expression.mask], axis=-1)
    weights = jax.nn.softmax(masks, axis=-1)
    return pose.flow * weights[..., :1] + expression.flow * weights[..., 1:]


def clip(flow: jax.Array) -> jax.Array:
    """Flow [..., h, w, 2] in grid units, cut where it would leave the frame."""
    identity = grid.identity(flow.shape[-3:-1])
    return jnp.clip(flow, -1 - identity, 1 - identity)


class Encoder(nn.Module):
    """[b, h, w, 3] -> Features of [b, 256 / shrink]; h = w = 2 ** halvings."""

    halvings: int
    shrink: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> Features:
        def block(x: jax.Array, filters: int, name: str, *, last: bool = False):
            x = UniformConv(filters // self.shrink, 4, 2, name=f"{name}_conv")(x)
            return x if last else nn.leaky_relu(_norm(train, f"{name}_norm")(x), 0.2)

        for i, filters in enumerate(TRUNK[: self.halvings - len(HEAD)]):
            x = block(x, filters, f"trunk_{i}")
        found = []
        for kind in Features._fields:
            y = x
            for i, filters in enumerate(HEAD):
                y = block(y, filters, f"{kind}_{i}", last=i == len(HEAD) - 1)
            found.append(y.reshape(len(y), -1))
        return Features(*found)


class Decoder(nn.Module):
    """Features of the source and of the driving frame, [b, c] each -> Decoded."""

    halvings: int
    shrink: int
    start: float

    @nn.compact
    def __call__(
        self, source: jax.Array, driving: jax.Array, *, train: bool
    ) -> Decoded:
        x = nn.relu(jnp.concatenate([source, driving], axis=-1))[:, None, None]
        for i, filters in enumerate(UP[len(UP) - self.halvings + 1 :]):
            x = UniformConv(filters // self.shrink, 3, name=f"conv_{i}")(double(x))
            x = nn.relu(_norm(train, f"norm_{i}")(x))
        x = jnp.tanh(UniformConv(3, 3, start=self.start, name="last")(double(x)))
        return Decoded(x[..., :2], x[..., 2:])


class UniformConv(nn.Module):
    """Convolution, 'same'; starts uniform by the fan-in, as PyTorch's, times start.

    [b, h, w, c] -> [b, h / stride, w / stride, features].
    """

    features: int
    kernel: int
    stride: int = 1
    start: float = 1.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        bound = self.start * (self.kernel**2 * x.shape[-1]) ** -0.5

        def uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

        kernel = self.param("kernel", uniform, shape)
        bias = self.param("bias", uniform, (self.features,))
        return convolution.convolve(x, kernel, stride=self.stride) + bias


def _norm(train: bool, name: str) -> nn.BatchNorm:
    return nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, name=name)


def double(x: jax.Array) -> jax.Array:
    """Bilinear upsampling between pixel centres: [b, h, w, c] -> [b, 2 h, 2 w, c]."""
    b, h, w, c = x.shape
    return jax.image.resize(x, (b, 2 * h, 2 * w, c), "bilinear")


class Head(nn.Module):
    """Batch norm, then one linear layer: features [b, ...] -> logits [b, classes].

    The authors' head for action units, of other classes; without bias, as theirs.
    """

    classes: int

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool = False) -> jax.Array:
        x = _norm(train, "norm")(features.reshape(len(features), -1))
        return nn.Dense(self.classes, use_bias=False, name="logits")(x)
