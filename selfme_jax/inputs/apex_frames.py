"""The apex frame itself: what CapsuleNet reads, no motion at all."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from selfme_jax.inputs import device_clips, flow_reading
from selfme_jax.inputs.base import PlainInput
from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Dataset, Split, frames_of


class ApexFrames(NamedTuple):
    """A ``FirstStage`` that learns nothing."""

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[1, n, h, w, 3] float32 RGB in [0, 1], the apex of every clip."""
        del splits, seeds
        clips = (dataset.clip(i) for i in range(len(dataset.samples)))
        frames = np.stack([clip.frames[clip.apex] for clip in clips])
        print(f"{stage.name}: the apex frames of {len(frames)} clips", flush=True)
        return frames[None].astype(np.float32) / 255


class Apex(PlainInput):
    """The apex frame, RGB in [0, 1]."""

    name = "apex"
    words = "apex frames"
    keys = ()
    of_clips = True
    learns = starts = False
    arguments = ("apex",)

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """That of the frames."""
        del settings
        height, width, channels = frames_of(dataset).clip(0).frames.shape[1:]
        return height, width, channels

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> ApexFrames:
        """Frames as they are."""
        del settings, frame, start
        return ApexFrames()

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """Small copies."""
        del standardise
        return partial(flow_reading.small, size=flow["size"])

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Frames in [0, 1]."""
        del network, variables, size
        (apex,) = given
        return device_clips.to_float(apex), {}
