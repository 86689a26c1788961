"""Onset and apex of every clip, read alike: what inputs share that learn nothing."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from selfme_jax.inputs import device_clips, flow_reading
from selfme_jax.inputs.base import FlowInput, PlainInput
from selfme_jax.train.loop import Stage
from selfme_jax.types import Array, ClipDataset, Dataset, Split, frames_of

Read = Callable[[np.ndarray, np.ndarray], np.ndarray]
# (source, driving) [b, h, w, 3] in [0, 1] -> [b, h, w, 2] pixels, backward:
# driving(p) = source(p + flow(p)).
Find = Callable[[jax.Array, jax.Array], jax.Array]
BATCH = 8  # pairs at once, where flow is computed


class OnsetApex(NamedTuple):
    """A ``FirstStage`` that learns nothing.

    words: what is read, for people.
    read: of onset and apex [n, h, w, 3] uint8 RGB, [n, h', w', c] float32.
    """

    words: str
    read: Read

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[1, n, h', w', c] float32."""
        del splits, seeds
        clips = (dataset.clip(i) for i in range(len(dataset.samples)))
        pairs = np.stack([(clip.frames[0], clip.frames[clip.apex]) for clip in clips])
        print(f"{stage.name}: {self.words} of {len(pairs)} clips ...", flush=True)
        return self.read(pairs[:, 0], pairs[:, 1])[None]


def in_batches(
    read: Callable[[np.ndarray, np.ndarray], Any],
    onset: np.ndarray,
    apex: np.ndarray,
    *,
    size: int,
) -> np.ndarray:
    """``read`` of n > 0 pairs, so many at once: one shape to compile."""
    found = []
    for start in range(0, len(onset), size):
        # The last batch is filled up by its last pair.
        ids = np.minimum(np.arange(start, start + size), len(onset) - 1)
        found.append(np.asarray(read(onset[ids], apex[ids])))
    return np.concatenate(found)[: len(onset)]


class OfOnsetApex:
    """Traits of inputs that are read of pairs, and of nothing else."""

    keys: tuple[str, ...] = ()
    of_clips = True
    learns = starts = False
    arguments: tuple[str, ...] = ("onset", "apex")


@partial(jax.jit, static_argnames=("find", "size"))
def flow_images(
    onset: jax.Array, apex: jax.Array, *, find: Find, size: int
) -> jax.Array:
    """[b, size, size, 3] (u, v, strain) of onset -> apex, in pixels of the frame.

    Backward as learned motion is: apex(p) = onset(p + flow(p)).
    """
    flow = find(device_clips.to_float(onset), device_clips.to_float(apex))
    return jax.vmap(partial(device_clips.shrink, size=size))(flow)


class PairFlow(OfOnsetApex, FlowInput):
    """Flow of onset to apex by ``find``, which learns nothing."""

    words: ClassVar[str]

    @staticmethod
    def find(source: jax.Array, driving: jax.Array) -> jax.Array:
        """See ``Find``."""
        raise NotImplementedError

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OnsetApex:
        """With the constants of what finds it."""
        del frame, start
        read = partial(flow_images, find=self.find, size=settings["flow"]["size"])
        return OnsetApex(self.words, lambda *pair: in_batches(read, *pair, size=BATCH))

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Flow in pixels."""
        del network, variables
        flow = self.find(*map(device_clips.to_float, given))
        return jax.vmap(partial(device_clips.shrink, size=size))(flow), {"flow": flow}


class GreyLevels(OfOnsetApex, PlainInput):
    """Inputs that are frames and what is made of them without motion."""

    channels: ClassVar[int]
    words: ClassVar[str]

    def arrange(self, *frames: Any) -> Any:
        """Of frames [..., h, w, 3] in [0, 1], in the order of ``arguments``."""
        raise NotImplementedError

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """That of the frames, but for the channels."""
        del settings
        height, width, _ = frames_of(dataset).clip(0).frames.shape[1:]
        return height, width, self.channels

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OnsetApex:
        """Frames as they are."""
        del settings, frame, start
        return OnsetApex(self.words, self._read)

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """Small copies."""
        del standardise
        return partial(flow_reading.small, size=flow["size"])

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The same of frames as an export is given them."""
        del network, variables, size
        return self.arrange(*map(device_clips.to_float, given)), {}

    def _read(self, onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
        named: dict[str, Array] = {"onset": onset, "apex": apex}
        taken = (named[name].astype(np.float32) / 255 for name in self.arguments)
        return self.arrange(*taken)
