"""What several published networks are built of.

Folds are a further batch axis of everything here. ``jax.vmap`` turns a convolution
with a kernel per fold into a grouped one, which is slow, so small convolutions are
written as products; on CPU, where such networks are trained one by one, as they are.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.ops import convolution


class SmallConv(nn.Module):
    """Convolution k x k, stride 1, 'same', of small images (28x28, not 224x224)."""

    features: int
    kernel: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[b, h, w, c] -> [b, h, w, features]."""
        return _Taps(self.features, self.kernel, name="taps")(x)


class _Taps(nn.Module):
    """Its weights: a product of neighbourhoods, [k * k * c, features]."""

    features: int
    size: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.size**2 * x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))

        def convolved(x: jax.Array, kernel: jax.Array) -> jax.Array:
            taps = kernel.reshape(self.size, self.size, -1, self.features)
            return convolution.convolve(x, taps)

        def products(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return _neighbours(x, self.size) @ kernel

        y = jax.lax.platform_dependent(x, kernel, cpu=convolved, default=products)
        return y + bias


def _neighbours(x: jax.Array, size: int) -> jax.Array:
    """[b, h, w, c] -> [b, h, w, size * size * c], zeros outside; size is odd."""
    h, w = x.shape[1:3]
    edge = size // 2
    x = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    shifts = [x[:, i : i + h, j : j + w] for i in range(size) for j in range(size)]
    return jnp.concatenate(shifts, axis=-1)


def halve(x: jax.Array) -> jax.Array:
    """Max-pool 2x2, stride 2: [b, h, w, c] -> [b, h // 2, w // 2, c]."""
    b, h, w, c = x.shape
    x = x[:, : h // 2 * 2, : w // 2 * 2]
    return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


def resize(images: jax.Array, size: int) -> jax.Array:
    """Bilinear, values unchanged: [b, h, w, c] -> [b, size, size, c].

    Motion keeps its unit (pixels of the input, or grey levels): networks read its
    pattern, and one factor for all images would only change their input scale.
    """
    b, h, w, c = images.shape
    if h == w == size:
        return images
    return jax.image.resize(images, (b, size, size, c), "bilinear")
