"""A pre-norm transformer encoder (Dosovitskiy et al. 2021), small and plain."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class Attention(nn.Module):
    """Multi-head self-attention, [..., n, d] -> [..., n, d].

    Written as three einsums rather than ``nn.MultiHeadDotProductAttention``: one
    fused q, k, v product is what stays fast when folds are a further batch axis.
    """

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        # No bias: a key bias has no gradient, and Adam would blow its rounding up.
        qkv = nn.Dense(3 * width, use_bias=False, name="qkv")(x)
        qkv = qkv.reshape(*x.shape[:-1], 3, self.heads, width // self.heads)
        q, k, v = jnp.moveaxis(qkv, -3, 0)
        scores = jnp.einsum("...qhd,...khd->...hqk", q, k) / jnp.sqrt(q.shape[-1])
        mixed = jnp.einsum("...hqk,...khd->...qhd", jax.nn.softmax(scores), v)
        return nn.Dense(width, name="out")(mixed.reshape(x.shape))


class Encoder(nn.Module):
    """``depth`` blocks of attention and MLP, then a layer norm.

    dropout: applied to both residual branches while ``train`` (rng 'dropout').
    """

    depth: int
    heads: int
    mlp: float
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[..., n, d] -> [..., n, d]."""
        drop = nn.Dropout(self.dropout, deterministic=not train)
        for i in range(self.depth):
            y = nn.LayerNorm(name=f"norm_attention_{i}")(x)
            x = x + drop(Attention(self.heads, name=f"attention_{i}")(y))
            y = nn.LayerNorm(name=f"norm_mlp_{i}")(x)
            y = nn.gelu(nn.Dense(int(self.mlp * x.shape[-1]), name=f"mlp_in_{i}")(y))
            x = x + drop(nn.Dense(x.shape[-1], name=f"mlp_out_{i}")(y))
        return nn.LayerNorm(name="norm")(x)
