"""The apex frame itself: what CapsuleNet reads, no motion at all."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Split


class ApexFrames(NamedTuple):
    """Meets what ``selfme.MotionLearning`` offers; nothing is learned."""

    def fit_transform(
        self, dataset: ClipDataset, splits: Sequence[Split], seed: int, stage: Stage
    ) -> np.ndarray:
        """[1, n, h, w, 3] float32 RGB in [0, 1], the apex of every clip."""
        del splits, seed
        clips = (dataset.clip(i) for i in range(len(dataset.samples)))
        frames = np.stack([clip.frames[clip.apex] for clip in clips])
        print(f"{stage.name}: the apex frames of {len(frames)} clips", flush=True)
        return frames[None].astype(np.float32) / 255
