"""Convolution blocks of the motion network, NHWC.

Normalisation is GroupNorm throughout (our choice; first-order-motion and
thin-plate-spline motion use batch norm): no batch statistics, so the state of a
motion network is its parameters alone, nothing leaks between the samples of a
batch, and small batches train as large ones do.

dtype is the one of the convolutions ('float32' or 'bfloat16'); parameters and
normalisation statistics are float32. remat: see `checkpointed`.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.ops import convolution
from selfme_jax.types import Shape

NORM_GROUPS = 8  # at most; fewer where the width does not divide


def checkpointed(block: type[nn.Module], *, remat: bool) -> type[nn.Module]:
    """The block, or with `remat` one that keeps only its input for the gradient.

    What lies within is computed again on the way back: less memory, more time, the
    same parameters and numbers. On CPU XLA undoes it, unless XLA_FLAGS holds
    --xla_disable_hlo_passes=cse_barrier_expander.
    """
    static = (2,) if block is Up else ()  # the shape, after self and x
    return nn.remat(block, static_argnums=static) if remat else block


class Norm(nn.Module):
    """GroupNorm over up to NORM_GROUPS groups of channels."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        groups = math.gcd(x.shape[-1], NORM_GROUPS)
        return nn.GroupNorm(groups, dtype=self.dtype, name="group")(x)


class Conv(nn.Module):
    """flax.linen.Conv with padding 'SAME', quick to differentiate on CPU as well.

    Fields and parameters as there: [b, h, w, c] -> [b, h/strides, w/strides, features];
    doubled: of the image repeated twice along both axes, with a kernel of 3x3.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: int = 1
    doubled: bool = False
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        x = x.astype(self.dtype)
        if self.doubled:
            x = convolution.doubled(x, kernel)
        else:
            kernel = kernel.astype(self.dtype)
            x = convolution.convolve(x, kernel, stride=self.strides)
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,))
            x += bias.astype(self.dtype)
        return x


class ConvNormAct(nn.Module):
    """Convolution, GroupNorm, ReLU: [b, h, w, c] -> [b, h/stride, w/stride, width].

    doubled: see Conv.
    """

    width: int
    kernel: int = 3
    stride: int = 1
    dtype: str = "float32"
    doubled: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv(
            self.width,
            (self.kernel, self.kernel),
            strides=self.stride,
            doubled=self.doubled,
            use_bias=False,  # the norm has one
            dtype=self.dtype,
            name="conv",
        )(x)
        return nn.relu(Norm(self.dtype, name="norm")(x))


class Up(nn.Module):
    """Nearest-neighbour upsampling to a shape, then ConvNormAct."""

    width: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array, shape: Shape) -> jax.Array:
        b, h, w, c = x.shape
        doubled = shape == (2 * h, 2 * w)
        if not doubled:
            x = jax.image.resize(x, (b, *shape, c), "nearest")
        conv = ConvNormAct(self.width, dtype=self.dtype, doubled=doubled, name="conv")
        return conv(x)


class Residual(nn.Module):
    """Pre-activation residual block of two 3x3 convolutions; keeps the shape."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = x
        for i in range(2):
            y = nn.relu(Norm(self.dtype, name=f"norm{i}")(y))
            y = Conv(x.shape[-1], (3, 3), dtype=self.dtype, name=f"conv{i}")(y)
        return x + y


class ResNetBlock(nn.Module):
    """The basic block of ResNet-18, with GroupNorm."""

    width: int
    stride: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = ConvNormAct(self.width, 3, self.stride, self.dtype, name="conv0")(x)
        y = Conv(self.width, (3, 3), use_bias=False, dtype=self.dtype, name="conv1")(y)
        y = Norm(self.dtype, name="norm1")(y)
        if x.shape != y.shape:
            x = Conv(
                self.width,
                (1, 1),
                strides=self.stride,
                use_bias=False,
                dtype=self.dtype,
                name="shortcut",
            )(x)
            x = Norm(self.dtype, name="shortcut_norm")(x)
        return nn.relu(x + y)


class Hourglass(nn.Module):
    """U-Net: `depth` halvings, then as many doublings with skips.

    Widths double per halving up to max_width (as in first-order-motion).
    """

    width: int
    depth: int
    max_width: int
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, ...]:
        """[b, h, w, c] -> features from coarse to fine.

        The last one is [b, h, w, width + c]; each one before has half its extent.
        """
        down = checkpointed(ConvNormAct, remat=self.remat)
        up = checkpointed(Up, remat=self.remat)
        skips = [x]
        for i in range(self.depth):
            width = min(self.max_width, self.width * 2 ** (i + 1))
            x = down(width, 3, 2, self.dtype, name=f"down{i}")(x)
            skips.append(x)
        x = skips.pop()
        features = [x]
        for i in reversed(range(self.depth)):
            skip = skips.pop()
            width = min(self.max_width, self.width * 2**i)
            x = up(width, self.dtype, name=f"up{i}")(x, skip.shape[1:3])
            x = jnp.concatenate([x, skip.astype(x.dtype)], axis=-1)
            features.append(x)
        return tuple(features)
