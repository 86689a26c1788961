"""Dense motion: candidate flows -> one flow and multi-scale occlusion maps."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion import local
from selfme_jax.motion.blocks import (
    Conv,
    ConvNormAct,
    Hourglass,
    Residual,
    Up,
    checkpointed,
)
from selfme_jax.ops import grid, heatmap, pyramid, warp
from selfme_jax.types import Keypoints, Motion, Shape

VISIBLE = 2.0  # bias of the occlusion logits: 0.88 visible at the start
TRUST = 6.0  # bias of the logit of a trusted candidate: 0.9 of the mixture and more


def drop_candidates(
    key: jax.Array, logits: jax.Array, *, rate: jax.Array | float
) -> jax.Array:
    """Transform dropout: remove whole candidates from the mixture, per sample.

    A dropped candidate's logit becomes -inf, so the softmax renormalises over the
    others. The kept ones gain -log(probability of being kept), so the expectation
    of their exponentials is the undropped one. (The published code rescales the
    logits after taking their exponential, which has no effect.) The identity,
    candidate 0, always stays, and so does at least one moving candidate.

    Args:
      key: PRNG key.
      logits: [b, h, w, k + 1] float32.
      rate: probability of dropping in [0, 1), may be traced.

    Returns:
      [b, h, w, k + 1] logits.
    """
    b, *_, k = logits.shape
    k -= 1
    keep_key, last_key = jax.random.split(key)
    keep = jax.random.uniform(keep_key, (b, k)) >= rate
    last = jax.nn.one_hot(jax.random.randint(last_key, (b,), 0, k), k, dtype=bool)
    keep |= last & ~keep.any(-1, keepdims=True)
    kept = 1 - rate + rate**k / k  # the second term: rescued from 'all dropped'
    gain = jnp.where(keep, -jnp.log(kept), -jnp.inf)
    gain = jnp.concatenate([jnp.zeros((b, 1)), gain], axis=-1)
    return logits + gain[:, None, None, :]


def dropout_rate(step: jax.Array | int, *, ramp: int, stop: int, rate: float):
    """Rate of the transform dropout at a step, as published (TPSMM).

    It rises from 0 to `rate` over `ramp` steps, holds, and ends at step `stop`.
    """
    rising = jnp.minimum(jnp.asarray(step, jnp.float32) / max(ramp, 1), 1.0)
    return jnp.where(step < stop, rate * rising, 0.0)


def warp_all(image: jax.Array, flows: jax.Array) -> jax.Array:
    """[b, h, w, c] warped by each of [b, k, h, w, 2] -> [b, h, w, k * c]."""
    moved = warp.warp(image[:, None], flows)  # [b, k, h, w, c]
    return moved.transpose(0, 2, 3, 1, 4).reshape(*image.shape[:3], -1)


class DenseMotion(nn.Module):
    """Mixture of the candidates, decided by an hourglass at 1/scale.

    Fields: width, depth, max_width of the hourglass; scale; levels of occlusion
    maps, the finest at full resolution, each one before at half of it; variance of
    the keypoint Gaussians; compare: whether the hourglass also sees the driving
    frame (our addition: source and driving are one person, so it can tell which
    candidate fits where; False is the published design); refinement: residual
    blocks that correct the mixture's flow (0 = published design); windows: widths
    of further, local candidates in cells of the field (see local.py; () = published
    design). Motion.candidates and weights then have as many more, at the end.
    trusted: the mixture begins with the last of the given candidates. remat: see
    blocks.
    """

    width: int
    depth: int
    max_width: int
    scale: int
    levels: int
    variance: float
    compare: bool
    refinement: int
    windows: tuple[float, ...]
    trusted: bool = False
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(
        self,
        source: jax.Array,
        driving: jax.Array,
        source_keypoints: Keypoints,
        driving_keypoints: Keypoints,
        candidates: jax.Array,
        *,
        dropout: jax.Array | float | None = None,
    ) -> Motion:
        """Frames [b, H, W, 3], candidates [b, k + 1, h, w, 2] -> Motion.

        dropout: rate of the transform dropout (rng 'dropout'), None = off.
        """
        shape = candidates.shape[2:4]
        small = pyramid.resize(source, shape, antialias=True) - 0.5
        target = pyramid.resize(driving, shape, antialias=True) - 0.5
        # Candidate 0 is the identity: its warped source is the source.
        given = candidates.shape[1]
        inputs = [
            self._heatmaps(source_keypoints, driving_keypoints, shape),
            small,
            warp_all(small, candidates[:, 1:]),
        ]
        if self.compare:
            inputs.append(target)
        if self.windows:
            evidence = local.evidence(source, driving, shape)
            inputs.append(local.inputs(evidence, ridge=local.RIDGE))
        features = Hourglass(
            self.width,
            self.depth,
            self.max_width,
            self.dtype,
            self.remat,
            name="hourglass",
        )(jnp.concatenate(inputs, axis=-1))
        if self.windows:
            extra = self._local_candidates(features[-1], evidence, source.shape[1:3])
            candidates = jnp.concatenate([candidates, extra], axis=1)
        logits = Conv(candidates.shape[1], (7, 7), dtype=self.dtype, name="weights")(
            features[-1]
        )
        logits = logits.astype(jnp.float32)
        if self.trusted:
            logits += TRUST * (np.arange(logits.shape[-1]) == given - 1)
        if dropout is not None:
            logits = drop_candidates(self.make_rng("dropout"), logits, rate=dropout)
        weights = nn.softmax(logits)
        flow = jnp.einsum("bhwk,bkhwd->bhwd", weights, candidates)
        if self.refinement:
            flow += self._residual_flow(features[-1], small, target, flow)
        return Motion(flow, self._occlusion(features, source), weights, candidates)

    def _heatmaps(
        self, source: Keypoints, driving: Keypoints, shape: Shape
    ) -> jax.Array:
        """Driving minus source Gaussians of all points: [b, h, w, k * n]."""

        def gaussians(keypoints):
            points = keypoints.points
            points = points.reshape(points.shape[0], -1, 2)
            return heatmap.gaussian(points, shape, variance=self.variance)

        return gaussians(driving) - gaussians(source)

    def _local_candidates(
        self, features: jax.Array, evidence: jax.Array, frame: Shape
    ) -> jax.Array:
        """[b, s, h, w, 2]: flows from brightness constancy where trusted."""
        trust = Conv(1, (3, 3), dtype=self.dtype, name="trust")(features)
        trust = trust.astype(jnp.float32)
        ridges = self.param("log_ridge", nn.initializers.zeros, (len(self.windows),))
        return local.candidates(
            evidence,
            jnp.exp(4 * jnp.tanh(trust / 4)),  # within e^4 either way
            local.RIDGE * jnp.exp(ridges),
            frame,
            windows=self.windows,
        )

    def _residual_flow(
        self, features: jax.Array, source: jax.Array, target: jax.Array, flow: jax.Array
    ) -> jax.Array:
        """Correction of the flow from what its warp still gets wrong; zero at first."""
        shape = flow.shape[1:3]
        warped = warp.warp(source, flow)
        pixels = grid.flow_to_pixels(flow, shape)
        x = jnp.concatenate([features, warped, target - warped, pixels], axis=-1)
        x = ConvNormAct(self.width, 3, 1, self.dtype, name="refine")(x)
        residual = checkpointed(Residual, remat=self.remat)
        for i in range(self.refinement):
            x = residual(self.dtype, name=f"refine{i}")(x)
        zeros = nn.initializers.zeros
        x = Conv(2, (3, 3), kernel_init=zeros, dtype=self.dtype, name="residual_flow")(
            x
        )
        # The layer speaks in pixels of the field: its output is of order one.
        return grid.pixels_to_flow(x.astype(jnp.float32), shape)

    def _occlusion(
        self, features: tuple[jax.Array, ...], image: jax.Array
    ) -> tuple[jax.Array, ...]:
        """Visibility maps [b, h_s, w_s, 1] in [0, 1], coarse to fine."""
        finest = self.scale.bit_length() - 1  # the hourglass works at 2^-finest
        up = checkpointed(Up, remat=self.remat)
        maps = []
        x = features[-1]
        for level in reversed(range(self.levels)):
            if level >= finest:
                x = features[finest - level - 1]
            else:
                shape = tuple(-(-n // 2**level) for n in image.shape[1:3])
                width = max(self.width >> (finest - level), 8)
                x = up(width, self.dtype, name=f"occlusion_up{level}")(x, shape)
            logits = Conv(
                1,
                (7, 7),
                bias_init=nn.initializers.constant(VISIBLE),
                dtype=self.dtype,
                name=f"occlusion{level}",
            )(x)
            maps.append(nn.sigmoid(logits.astype(jnp.float32)))
        return tuple(maps)
