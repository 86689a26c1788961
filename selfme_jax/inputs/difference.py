"""What changes from onset to apex, in grey levels, and the onset: no flow at all."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.inputs import device_clips, flow_reading
from selfme_jax.inputs.base import PlainInput
from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Dataset, Split, frames_of


class Differences(NamedTuple):
    """A ``FirstStage`` that learns nothing."""

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[1, n, h, w, 6] float32: apex - onset in [-1, 1], onset in [0, 1], RGB."""
        del splits, seeds
        clips = (dataset.clip(i) for i in range(len(dataset.samples)))
        pairs = np.stack([(clip.frames[0], clip.frames[clip.apex]) for clip in clips])
        print(f"{stage.name}: onset and apex of {len(pairs)} clips", flush=True)
        onset, apex = pairs.swapaxes(0, 1).astype(np.float32) / 255
        return np.concatenate([apex - onset, onset], axis=-1)[None]


class Difference(PlainInput):
    """Apex less onset, and the onset: what MMNet reads."""

    name = "difference"
    words = "the difference of apex and onset"
    keys = ()
    of_clips = True
    learns = starts = False
    arguments = ("onset", "apex")

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """That of the frames, twice."""
        del settings
        height, width, _ = frames_of(dataset).clip(0).frames.shape[1:]
        return height, width, 6

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> Differences:
        """Frames as they are."""
        del settings, frame, start
        return Differences()

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """Small copies."""
        del standardise
        return partial(flow_reading.small, size=flow["size"])

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The same of frames as an export is given them."""
        del network, variables, size
        onset, apex = map(device_clips.to_float, given)
        return jnp.concatenate([apex - onset, onset], axis=-1), {}
