"""LBP-TOP of whole clips: nothing is learned."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.baselines import lbp_top
from selfme_jax.inputs.base import PlainInput
from selfme_jax.train.log import Progress
from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Dataset, Split


class LBPTop(NamedTuple):
    """LBP-TOP of every clip, all frames from onset to offset.

    blocks, radii: see ``lbp_top.describe``.
    frames: every clip is time-normalised to so many; 0 leaves clips as they are, but
      for those too short for Rt, which get the least that it needs, 2 Rt + 1.
    """

    blocks: tuple[int, int]
    radii: tuple[int, int, int]
    frames: int

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[1, n, 1, 1, rows * columns * 177] float32, the same for all folds.

        Raises:
          UserError: frames too small for the blocks, or ``frames`` too few for Rt.
        """
        del splits, seeds
        progress = Progress(stage.name, len(dataset.samples))
        found = []
        for i, sample in enumerate(dataset.samples):
            clip = self.normalise(grey(dataset.clip(i).frames))
            found.append(lbp_top.describe(clip, blocks=self.blocks, radii=self.radii))
            progress(i + 1, f"LBP-TOP of {sample.person}/{sample.sample}")
        return np.stack(found)[None, :, None, None]

    def normalise(self, clip: np.ndarray) -> np.ndarray:
        """[t, h, w] -> [frames, h, w] uint8, or as it is."""
        least = 2 * self.radii[2] + 1
        frames = self.frames or max(len(clip), least)
        if frames == len(clip):
            return clip
        return lbp_top.time_normalise(clip, frames=frames)


class LBPDescriptors(PlainInput):
    """LBP-TOP of every clip, which the system of that name brings with it."""

    name = "lbp_top"
    words = "clips"
    keys = ("lbp_top.model",)
    of_clips = True
    learns = starts = False
    arguments = ()

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """(1, 1, rows * columns * 177)."""
        del dataset
        rows, columns = settings["lbp_top"]["model"]["blocks"]
        return 1, 1, rows * columns * 177

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> LBPTop:
        """By config.lbp_top.model."""
        del frame, start
        return LBPTop(**settings["lbp_top"]["model"])


def grey(frames: np.ndarray) -> np.ndarray:
    """[t, h, w, 3] uint8 RGB -> [t, h, w] uint8, by Rec. 601 as OpenCV rounds it."""
    import cv2

    t, h, w, _ = frames.shape
    tall = np.ascontiguousarray(frames).reshape(t * h, w, 3)
    return cv2.cvtColor(tall, cv2.COLOR_RGB2GRAY).reshape(t, h, w)
