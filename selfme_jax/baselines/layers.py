"""What several published networks are built of.

Folds are a further batch axis of everything here. ``jax.vmap`` turns a convolution
with a kernel per fold into a grouped one, which is slow on CPU, so small convolutions
are written as products.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp


class Conv(nn.Module):
    """Convolution k x k, stride 1, 'same', as a product of neighbourhoods.

    It copies its input k * k times: for small images (28x28), not for 224x224.
    """

    features: int
    kernel: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[b, h, w, c] -> [b, h, w, features]."""
        return nn.Dense(self.features, name="taps")(_neighbours(x, self.kernel))


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
