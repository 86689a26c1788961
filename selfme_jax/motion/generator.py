"""Generator: encode the source, warp its features, decode the driving frame."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.motion.blocks import Conv, ConvNormAct, Residual, Up, checkpointed
from selfme_jax.ops import pyramid, warp
from selfme_jax.types import Motion


def warp_features(features: jax.Array, flow: jax.Array) -> jax.Array:
    """[b, h, w, c] by a flow [b, h', w', 2] of any resolution, resized to it."""
    return warp.warp(features, pyramid.resize(flow, features.shape[1:3]))


class Generator(nn.Module):
    """Encoder-decoder over warped features, as in thin-plate-spline motion.

    The output mixes what is visible in the warped source with what is painted, by
    the finest occlusion map: reconstruction errors reach the flow directly.

    Fields: width at full resolution (doubling per halving up to max_width), down
    halvings, blocks: residual blocks at the coarsest level, remat: see blocks.
    """

    width: int
    down: int
    max_width: int
    blocks: int
    dtype: str = "float32"
    remat: bool = False

    def setup(self) -> None:
        widths = [min(self.max_width, self.width * 2**i) for i in range(self.down + 1)]
        dtype = self.dtype
        conv = checkpointed(ConvNormAct, remat=self.remat)
        residual = checkpointed(Residual, remat=self.remat)
        up = checkpointed(Up, remat=self.remat)
        self.first = conv(widths[0], 7, 1, dtype)
        self.downs = [conv(width, 3, 2, dtype) for width in widths[1:]]
        self.residuals = [residual(dtype) for _ in range(self.blocks)]
        self.ups = [up(width, dtype) for width in reversed(widths[:-1])]
        self.last = Conv(3, (7, 7), dtype=dtype)

    def encode(self, image: jax.Array) -> tuple[jax.Array, ...]:
        """[b, h, w, 3] -> features, coarse to fine, down + 1 of them."""
        features = [self.first(image - 0.5)]
        for layer in self.downs:
            features.append(layer(features[-1]))
        return tuple(reversed(features))

    def warp(
        self, features: Sequence[jax.Array], motion: Motion
    ) -> tuple[jax.Array, ...]:
        """Features moved by the flow and multiplied by the occlusion maps."""
        # A warp keeps four neighbours of every value for the gradient of the flow.
        move = jax.checkpoint(warp_features) if self.remat else warp_features
        moved = [move(x, motion.flow) for x in features]
        return self.hide(moved, motion.occlusion)

    def hide(
        self, features: Sequence[jax.Array], occlusion: Sequence[jax.Array]
    ) -> tuple[jax.Array, ...]:
        """Features times the occlusion maps, level by level."""
        pairs = zip(features, occlusion, strict=True)
        return tuple(x * visible.astype(x.dtype) for x, visible in pairs)

    def decode(
        self, features: Sequence[jax.Array], warped: jax.Array, visible: jax.Array
    ) -> jax.Array:
        """Warped features, warped source and finest occlusion -> [b, h, w, 3]."""
        x = features[0]
        for layer in self.residuals:
            x = layer(x)
        for layer, skip in zip(self.ups, features[1:], strict=True):
            x = jnp.concatenate([layer(x, skip.shape[1:3]), skip], axis=-1)
        painted = nn.sigmoid(self.last(x).astype(jnp.float32))
        return visible * warped + (1 - visible) * painted

    def __call__(self, source: jax.Array, motion: Motion) -> jax.Array:
        """[b, h, w, 3] in [0, 1] -> the reconstruction of the driving frame."""
        features = self.warp(self.encode(source), motion)
        warped = warp_features(source, motion.flow)
        return self.decode(features, warped, motion.occlusion[-1])
