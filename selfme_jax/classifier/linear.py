"""The linear twin of the transformers: what they must beat."""

import flax.linen as nn
import jax


class Linear(nn.Module):
    """All pixels -> logits, from zero: a logistic regression."""

    classes: int

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        """[b, h, w, c] -> logits [b, classes]."""
        del train
        zeros = nn.initializers.zeros
        dense = nn.Dense(self.classes, kernel_init=zeros, name="logits")
        return dense(flow.reshape(flow.shape[0], -1))
