"""From regions of flow to transformer tokens: patches, embedding, positions."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def patches(image: jax.Array, size: int) -> jax.Array:
    """Cut into non-overlapping patches, row by row.

    [..., h, w, c] -> [..., (h/size) * (w/size), size * size * c]. A reshape, no
    convolution: under vmap over folds it stays one batched matrix product.
    """
    *lead, h, w, c = image.shape
    x = image.reshape(*lead, h // size, size, w // size, size, c)
    x = jnp.moveaxis(x, -4, -3)
    return x.reshape(*lead, (h // size) * (w // size), size * size * c)


class Embed(nn.Module):
    """Shared linear patch embedding plus learned place-within-region positions.

    Left and right share every parameter (they are mirrored onto one another), so a
    mirrored clip gives the same tokens with the sides swapped.

    place_scale: sd of the initial positions. The encoder's layer norms bring every
      token to one length, so beside small positions a patch without motion would
      count as much as one with; beside large ones a token stays nearly linear in
      its motion.
    """

    patch: int
    width: int
    place_scale: float

    @nn.compact
    def __call__(self, regions: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        """Each [..., h, w, c] -> tokens [..., n, width]; one position row per place.

        regions[i] gets its own region embedding (upper, lower).
        """
        dense = nn.Dense(self.width, name="patch")
        cut = [patches(r, self.patch) for r in regions]
        places = max(p.shape[-2] for p in cut)
        init = nn.initializers.normal(self.place_scale)
        place = self.param("place", init, (places, self.width))
        region = self.param("region", init, (len(cut), self.width))
        return tuple(
            dense(p) + place[: p.shape[-2]] + region[i] for i, p in enumerate(cut)
        )
