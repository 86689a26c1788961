"""SCViT (SelfME, CVPR 2023) and the plain ViT it is compared with."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.classifier import regions, tokens, transformer


class Head(nn.Module):
    """Tokens [b, n, d] -> logits [b, classes].

    'concat' reads all tokens side by side: with so few samples where a movement is
    matters more than any pooling can keep; so does 'symmetric', after SCViT has
    averaged left and right. 'mean' pools them, 'token' reads the class token.
    Starts at zero: random initial logits are noise that few samples do not unlearn.
    """

    classes: int
    kind: str
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        if self.kind in ("concat", "symmetric"):
            x = x.reshape(x.shape[0], -1)
        elif self.kind == "mean":
            x = x.mean(1)
        elif self.kind == "token":
            x = x[:, 0]
        else:
            raise ValueError(f"head {self.kind!r}: know concat, mean, token")
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        zeros = nn.initializers.zeros
        return nn.Dense(self.classes, kernel_init=zeros, name="logits")(x)


class SCViT(nn.Module):
    """Symmetric contrastive vision transformer.

    The flow is cut into four regions, the right ones mirrored onto the left ones;
    all share one patch embedding and one transformer. Left and right also share
    their region embedding, so that mirroring a clip (x flipped, u negated) swaps
    left and right region features exactly; the head sees which side is which, unless
    it is 'symmetric': then a mirrored clip gets the same logits.
    """

    classes: int
    patch: int
    width: int
    depth: int
    heads: int
    mlp: float
    dropout: float
    head: str
    place_scale: float
    row_fraction: float
    projection: int

    @nn.compact
    def __call__(
        self, flow: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """Classify flow.

        Args:
          flow: [b, h, w, c], channel 0 = u, 1 = v (2 = strain), any scale.
          train: whether dropout is on (rng 'dropout').

        Returns:
          (logits [b, classes], region features [b, 4, projection], not normalised).
        """
        rows = regions.split(flow, row_fraction=self.row_fraction, multiple=self.patch)
        embed = tokens.Embed(self.patch, self.width, self.place_scale, name="embed")
        embedded = embed(rows)
        places = [x.shape[-2] for x in embedded]
        x = jnp.concatenate(
            [x.reshape(x.shape[0], -1, self.width) for x in embedded], axis=1
        )
        if self.head == "token":
            cls = self.param("cls", nn.initializers.normal(0.02), (1, 1, self.width))
            x = jnp.concatenate([jnp.tile(cls, (x.shape[0], 1, 1)), x], axis=1)
        x = transformer.Encoder(
            self.depth, self.heads, self.mlp, self.dropout, name="encoder"
        )(x, train=train)
        body = x[:, 1:] if self.head == "token" else x
        parts = jnp.split(body, [2 * places[0]], axis=1)
        sides = [
            t.reshape(t.shape[0], 2, n, self.width)
            for t, n in zip(parts, places, strict=True)
        ]
        if self.head == "symmetric":
            x = jnp.concatenate([s.mean(1) for s in sides], axis=1)
        logits = Head(self.classes, self.head, self.dropout, name="head")(
            x, train=train
        )
        means = [s.mean(2) for s in sides]
        features = nn.Dense(self.projection, name="projection")(
            jnp.concatenate(means, axis=1)
        )
        return logits, features


class ViT(nn.Module):
    """Plain vision transformer: the same without regions and contrast."""

    classes: int
    patch: int
    width: int
    depth: int
    heads: int
    mlp: float
    dropout: float
    head: str
    place_scale: float

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        """[b, h, w, c] -> logits [b, classes]; h and w multiples of patch."""
        embed = tokens.Embed(self.patch, self.width, self.place_scale, name="embed")
        (x,) = embed((flow,))
        if self.head == "token":
            cls = self.param("cls", nn.initializers.normal(0.02), (1, 1, self.width))
            x = jnp.concatenate([jnp.tile(cls, (x.shape[0], 1, 1)), x], axis=1)
        x = transformer.Encoder(
            self.depth, self.heads, self.mlp, self.dropout, name="encoder"
        )(x, train=train)
        return Head(self.classes, self.head, self.dropout, name="head")(x, train=train)
