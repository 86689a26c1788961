"""The motion network: keypoints, sparse and dense motion, generator in one module."""

from typing import NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfme_jax.motion import local, registration, sparse
from selfme_jax.motion.dense import DenseMotion
from selfme_jax.motion.generator import Generator
from selfme_jax.motion.keypoints import HeatmapDetector, RegressionDetector
from selfme_jax.ops import grid, pyramid
from selfme_jax.types import Keypoints, Motion, Shape


class MotionOutput(NamedTuple):
    """All that the network says about a pair of frames."""

    source_keypoints: Keypoints
    driving_keypoints: Keypoints
    motion: Motion
    reconstruction: jax.Array | None  # [b, h, w, 3] in [0, 1]

    @property
    def image(self) -> jax.Array:
        """The reconstruction.

        Raises:
          ValueError: it was left out.
        """
        if self.reconstruction is None:
            raise ValueError("the network was asked for no reconstruction")
        return self.reconstruction


class MotionNetwork(nn.Module):
    """Motion between a source (onset) and a driving (apex) frame of one person.

    The defaults are the full network at 256x256: K = 10 groups of N = 5 points.
    Widths and depths follow thin-plate-spline motion, which SelfME's authors leave
    open. Its state is its parameters alone (GroupNorm). The frame size is bound to
    the parameters with pool = 'none' only.

    Fields:
      groups, points: K and N. detector: 'regression' | 'heatmap'. radius: extent of
        a group of points at the start. sparse: 'bspline' | 'tps' | 'affine'; cells,
        smoothness: of the B-spline lattice and fit (smoothness also of 'tps').
      keypoint_width, keypoint_blocks, pool: the regression encoder (ResNet-18).
        temperature: of the heatmap detector, whose hourglass has the dense one's
        depth, max_width and scale.
      tracking: keypoints are found in the driving frame alone, and tracked to the
        source frame with a window of so many cells of the dense motion (our addition,
        see local.py); 0 = found in each frame (published design).
      registration: one more candidate motion, the B-spline field that explains the pair
        best, which the mixture trusts at the start (our addition, see
        registration.py; False is the published design).
      scale: of the dense motion, a power of two. dense_*: its hourglass. variance:
        of the keypoint Gaussians. compare, refinement, windows: see
        DenseMotion.
      generator_*: see Generator.
      dtype: of the convolutions; grids, solves and fields are float32.
      remat: forget what is inside the blocks and compute it again for the gradient:
        less memory, more time, the same numbers.
    """

    groups: int = 10
    points: int = 5
    detector: str = "regression"
    radius: float = 0.25
    sparse: str = "bspline"
    cells: tuple[int, int] = (8, 8)
    smoothness: float = 0.1
    keypoint_width: int = 64
    keypoint_blocks: tuple[int, ...] = (2, 2, 2, 2)
    pool: str = "mean"
    tracking: float = 0.0
    registration: bool = False
    temperature: float = 0.1
    spread: float = 0.2
    scale: int = 4
    dense_width: int = 64
    dense_depth: int = 5
    max_width: int = 1024
    variance: float = 0.01
    compare: bool = False
    refinement: int = 0
    windows: tuple[float, ...] = ()
    generator_width: int = 64
    generator_down: int = 3
    generator_max_width: int = 512
    generator_blocks: int = 2
    dtype: str = "float32"
    remat: bool = False

    def setup(self) -> None:
        self.detect = self._detector()
        self.dense = DenseMotion(
            width=self.dense_width,
            depth=self.dense_depth,
            max_width=self.max_width,
            scale=self.scale,
            levels=self.generator_down + 1,
            variance=self.variance,
            compare=self.compare,
            refinement=self.refinement,
            windows=tuple(self.windows),
            trusted=self.registration,
            dtype=self.dtype,
            remat=self.remat,
        )
        self.generator = Generator(
            width=self.generator_width,
            down=self.generator_down,
            max_width=self.generator_max_width,
            blocks=self.generator_blocks,
            dtype=self.dtype,
            remat=self.remat,
        )

    def _detector(self) -> nn.Module:
        if self.detector == "regression":
            return RegressionDetector(
                groups=self.groups,
                points=self.points,
                width=self.keypoint_width,
                blocks=self.keypoint_blocks,
                pool=self.pool,
                radius=self.radius,
                dtype=self.dtype,
                remat=self.remat,
            )
        if self.detector == "heatmap":
            return HeatmapDetector(
                groups=self.groups,
                points=self.points,
                width=self.keypoint_width,
                depth=self.dense_depth,
                max_width=self.max_width,
                scale=self.scale,
                temperature=self.temperature,
                radius=self.radius,
                spread=self.spread,
                dtype=self.dtype,
                remat=self.remat,
            )
        raise ValueError(f"detector {self.detector!r}: know regression, heatmap")

    def keypoints(self, image: jax.Array) -> Keypoints:
        """[b, h, w, 3] in [0, 1] -> Keypoints, points [b, k, n, 2] in [-1, 1]."""
        return self.detect(image)

    def pair(
        self, source: jax.Array, driving: jax.Array
    ) -> tuple[Keypoints, Keypoints]:
        """Keypoints of both frames, in one pass of the detector."""
        if self.tracking:
            found, shape = self.detect(driving), self._shape(driving)
            points = local.track(
                source, driving, found.points, shape, window=self.tracking
            )
            return found._replace(points=points), found
        both = self.detect(jnp.concatenate([source, driving]))
        b = source.shape[0]
        first = jax.tree.map(lambda x: x[:b], both)
        return first, jax.tree.map(lambda x: x[b:], both)

    def _shape(self, frame: jax.Array) -> tuple[int, ...]:
        """(h, w) of the dense motion."""
        return tuple(-(-n // self.scale) for n in frame.shape[1:3])

    def motion(
        self,
        source: jax.Array,
        driving: jax.Array,
        *,
        keypoints: tuple[Keypoints, Keypoints] | None = None,
        dropout: jax.Array | float | None = None,
    ) -> Motion:
        """Dense motion, driving -> source; all that recognition needs.

        Args:
          source, driving: [b, h, w, 3] float32 in [0, 1].
          keypoints: those of the pair, if already known.
          dropout: rate of the transform dropout (rng 'dropout'), may be traced;
            None outside training.
        """
        pair = self.pair(source, driving) if keypoints is None else keypoints
        shape = self._shape(source)
        candidates = sparse.candidates(
            *pair,
            shape,
            kind=self.sparse,
            cells=self.cells,
            smoothness=self.smoothness,
        )
        if self.registration:
            flow = registration.register(source, driving)
            flow = grid.pixels_to_flow(flow, source.shape[1:3])
            flow = pyramid.resize(flow, shape, antialias=True)
            candidates = jnp.concatenate([candidates, flow[:, None]], axis=1)
        return self.dense(source, driving, *pair, candidates, dropout=dropout)

    def reconstruct(self, source: jax.Array, motion: Motion) -> jax.Array:
        """The driving frame from the source and the motion: [b, h, w, 3]."""
        return self.generator(source, motion)

    def features(
        self, source: jax.Array, driving: jax.Array, motion: Motion
    ) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
        """What the feature warp loss compares, coarse to fine.

        Returns:
          (source features, warped; driving features), both times the occlusion.
        """
        warped = self.generator.warp(self.generator.encode(source), motion)
        driving_features = self.generator.encode(driving)
        return warped, self.generator.hide(driving_features, motion.occlusion)

    def __call__(
        self,
        source: jax.Array,
        driving: jax.Array,
        *,
        dropout: jax.Array | float | None = None,
        reconstruct: bool = True,
    ) -> MotionOutput:
        """Everything; reconstruct = False leaves the generator out (None)."""
        pair = self.pair(source, driving)
        motion = self.motion(source, driving, keypoints=pair, dropout=dropout)
        image = self.reconstruct(source, motion) if reconstruct else None
        return MotionOutput(*pair, motion, image)


def to_pixels(flow: jax.Array, shape: Shape) -> jax.Array:
    """Flow [b, h', w', 2] in grid units -> [b, h, w, 2] in pixels of shape (h, w)."""
    return grid.flow_to_pixels(pyramid.resize(flow, shape), shape)


def extract(
    network: MotionNetwork, params: dict, source: jax.Array, driving: jax.Array
) -> jax.Array:
    """Flow for recognition: [b, h, w, 3] twice -> [b, h, w, 2] in pixels, (x, y).

    Backward: driving(p) = source(p + flow(p)). The generator does not run.
    """
    motion = cast(Motion, network.apply(params, source, driving, method="motion"))
    return to_pixels(motion.flow, source.shape[1:3])
