"""Keypoint detectors: image -> Keypoints, the same net for source and driving.

Both start with their points spread over the frame. Points that all start in its
centre see and move the same things; training then settles on no motion at all.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion.blocks import (
    Conv,
    ConvNormAct,
    Hourglass,
    ResNetBlock,
    checkpointed,
)
from selfme_jax.ops import grid, heatmap, pooling
from selfme_jax.types import Keypoints

EXTENT = 0.8  # the start positions fill [-EXTENT, EXTENT]^2


def start_points(groups: int, points: int, *, radius: float) -> np.ndarray:
    """Start positions [groups, points, 2] in (-1, 1), (x, y): our choice.

    Group centres follow the R2 low-discrepancy sequence; the points of a group lie
    on a circle around its centre (a single one in it), each group turned a little
    against the one before. No point leaves the frame.
    """
    golden = 1.324717957244746  # the real root of x^3 = x + 1
    index = np.arange(1, groups + 1)[:, None]
    centres = (0.5 + index / golden ** np.arange(1, 3)) % 1.0
    centres = EXTENT * (2 * centres - 1)
    if points == 1:
        return centres[:, None, :].astype(np.float32)
    turn = 2 * np.pi * np.arange(points) / points + index
    circle = radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    return np.clip(centres[:, None, :] + circle, -0.95, 0.95).astype(np.float32)


class RegressionDetector(nn.Module):
    """ResNet-18 style encoder with a linear head: points in [-1, 1] by tanh.

    Fields: groups K, points N per group, width of the first stage (64 is ResNet-18;
    it doubles per stage), blocks per stage, pool 'mean' (ResNet-18) or 'none' (the
    head sees every position of the last feature map, which fixes the frame size),
    radius of a group at the start, dtype of the convolutions, remat: see blocks.
    """

    groups: int
    points: int
    width: int
    blocks: tuple[int, ...]
    pool: str
    radius: float
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, image: jax.Array) -> Keypoints:
        """[b, h, w, 3] in [0, 1] -> points [b, k, n, 2] float32."""
        conv = checkpointed(ConvNormAct, remat=self.remat)
        block = checkpointed(ResNetBlock, remat=self.remat)
        x = conv(self.width, 7, 2, self.dtype, name="stem")(image - 0.5)
        x = pooling.max_pool(x, size=3, stride=2)
        for stage, blocks in enumerate(self.blocks):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                x = block(
                    self.width * 2**stage,
                    stride,
                    self.dtype,
                    name=f"stage{stage}_block{i}",
                )(x)
        x = x.astype(jnp.float32)
        if self.pool == "mean":
            x = x.mean((1, 2))
        elif self.pool == "none":
            x = x.reshape(x.shape[0], -1)
        else:
            raise ValueError(f"pool {self.pool!r}: know mean, none")
        start = np.arctanh(start_points(self.groups, self.points, radius=self.radius))
        # Zero at first: every image starts from the same spread points.
        logits = nn.Dense(start.size, kernel_init=nn.initializers.zeros, name="points")(
            x
        )
        return Keypoints(jnp.tanh(logits.reshape(-1, *start.shape) + start))


class HeatmapDetector(nn.Module):
    """Hourglass, soft-argmax, and (for N = 1) Jacobians, as in first-order-motion.

    Each heatmap starts as a Gaussian at the start position of its point: a fixed
    prior is added to the logits, and the last layer starts small. Unlike regression,
    points then follow the image from the first step on.

    Fields: as above; scale: the hourglass works at 1/scale; temperature of the
    soft-argmax; spread: standard deviation of the prior, as a share of the frame's
    half width.
    """

    groups: int
    points: int
    width: int
    depth: int
    max_width: int
    scale: int
    temperature: float
    radius: float
    spread: float = 0.3
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, image: jax.Array) -> Keypoints:
        """[b, h, w, 3] in [0, 1] -> points [b, k, n, 2], jacobians if n = 1."""
        b, k, n = image.shape[0], self.groups, self.points
        stride = max(1, self.scale // 2)
        conv = checkpointed(ConvNormAct, remat=self.remat)
        x = conv(self.width, 7, stride, self.dtype, name="stem")(image - 0.5)
        if self.scale > 1:
            x = conv(self.width, 3, 2, self.dtype, name="down")(x)
        x = Hourglass(
            self.width,
            self.depth,
            self.max_width,
            self.dtype,
            self.remat,
            name="hourglass",
        )(x)[-1]
        shape = x.shape[1:3]
        zeros = nn.initializers.zeros
        small = nn.initializers.variance_scaling(0.01, "fan_in", "normal")
        logits = Conv(
            k * n, (7, 7), kernel_init=small, dtype=self.dtype, name="logits"
        )(x)
        start = start_points(k, n, radius=self.radius).reshape(k * n, 2)
        offset = grid.identity(shape)[..., None, :] - start
        prior = -0.5 * jnp.sum(offset**2, -1) / self.spread**2  # [h, w, k n]
        logits = logits.astype(jnp.float32) + self.temperature * prior
        points = heatmap.soft_argmax(logits, temperature=self.temperature)
        points = points.reshape(b, k, n, 2)
        if n > 1:
            return Keypoints(points)
        maps = Conv(
            k * 4, (7, 7), kernel_init=zeros, dtype=self.dtype, name="jacobians"
        )(x)
        weights = nn.softmax(logits.reshape(b, -1, k) / self.temperature, axis=1)
        maps = maps.astype(jnp.float32).reshape(b, -1, k, 4)
        jacobians = jnp.einsum("bpk,bpkj->bkj", weights, maps).reshape(b, k, 2, 2)
        return Keypoints(points, jacobians + jnp.eye(2))
