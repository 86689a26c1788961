"""Frame pairs of one clip, to learn facial motion from without labels.

A pair is two frames of the same clip with a bounded gap, in either direction: motion
played backwards is motion too. What is drawn depends on (seed, step) alone, so that a
resumed run sees the same batches.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np

from selfme_jax.types import ClipDataset, UserError

Batch = TypeVar("Batch")

# Reading and decoding leave the interpreter free, but little is gained beyond this.
_THREADS = 4


class ClipInfo(NamedTuple):
    """A run of frames that follow each other; indices are those of ``frame``."""

    name: str
    start: int  # index of its first frame
    count: int  # type: ignore[assignment]  # frames; hides tuple.count
    fps: float  # frames per second; 0 where not known


class Frames(Protocol):
    """Frames of all clips under one index: ``VideoFrames`` or ``MemoryFrames``."""

    @property
    def clips(self) -> tuple[ClipInfo, ...]:
        """Of all frames, one after the other."""
        ...

    @property
    def size(self) -> int:
        """Height and width of every frame."""
        ...

    def frame(self, index: int) -> np.ndarray:
        """[size, size, 3] uint8 RGB; may be called from several threads."""
        ...


class MemoryFrames(NamedTuple):
    """Meets ``Frames``; images: [n, size, size, 3] uint8 RGB, held in memory."""

    clips: tuple[ClipInfo, ...]
    images: np.ndarray

    @classmethod
    def from_clips(cls, dataset: ClipDataset) -> Self:
        """All frames of all clips of a dataset, named person/sample.

        Raises:
            UserError: frames that are not square, or not all of one size.
        """
        clips: list[ClipInfo] = []
        images: list[np.ndarray] = []
        start = 0
        for i, sample in enumerate(dataset.samples):
            frames = dataset.clip(i).frames
            name = f"{sample.person}/{sample.sample}"
            height, width = frames.shape[1:3]
            if height != width or (images and height != images[0].shape[1]):
                raise UserError(
                    f"{name} has frames of {width}x{height} pixels; frame pairs need "
                    "square frames of one size. Crop the clips."
                )
            clips.append(ClipInfo(name, start, len(frames), 0.0))
            images.append(frames)
            start += len(frames)
        if not clips:
            raise UserError("no clips to draw frame pairs from. Change the dataset.")
        return cls(tuple(clips), np.concatenate(images))

    @property
    def size(self) -> int:
        """Height and width of every frame."""
        return self.images.shape[1]

    def frame(self, index: int) -> np.ndarray:
        """[size, size, 3] uint8 RGB."""
        return self.images[index]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Draws training pairs, and lists those held out.

    The last frames of every clip are held out: training never draws them. They show
    the same people, so they measure what is learned of motion, not of new faces.
    Clips whose other frames are too few for a pair are left out.

    frames: where frames come from.
    min_gap, max_gap: least and largest distance of the two frames, in frames.
    batch_size: pairs of a batch.
    seed: of everything that is drawn.
    holdout: share of every clip that is held out, in [0, 1), rounded to frames.

    Raises:
        UserError: a value out of range, or no clip is long enough.
    """

    frames: Frames
    max_gap: int
    min_gap: int = 1
    batch_size: int
    seed: int = 0
    holdout: float = 0.0

    def __post_init__(self):
        _check(1 <= self.min_gap <= self.max_gap, "1 <= min_gap <= max_gap")
        _check(self.batch_size >= 1, "batch_size of at least 1")
        _check(self.seed >= 0, "seed of at least 0")
        _check(0 <= self.holdout < 1, "0 <= holdout < 1")
        if not len(self._usable()):
            longest = max((clip.count for clip in self.frames.clips), default=0)
            raise UserError(
                f"no clip is long enough for a pair {self.min_gap} frame(s) apart: the "
                f"longest has {longest} frames, {self.holdout:.0%} of them held out.\n"
                "Lower min_gap or holdout, or give longer clips."
            )

    def indices(self, step: int) -> np.ndarray:
        """[b, 2] int, frame indices (source, driving) of a step's pairs.

        Our choice: clips are drawn in proportion to their training frames, so that all
        frames are seen about equally often; the gap evenly among those that fit.
        """
        rng = np.random.default_rng([self.seed, step])
        starts, counts = self._usable().T
        ends = counts.cumsum()
        frame = rng.integers(ends[-1], size=self.batch_size)
        clip = np.searchsorted(ends, frame, side="right")
        start, count = starts[clip], counts[clip]
        gap = rng.integers(self.min_gap, np.minimum(self.max_gap, count - 1) + 1)
        first = start + rng.integers(count - gap)
        pairs = np.stack([first, first + gap], axis=-1)
        backwards = rng.random(self.batch_size) < 0.5
        return np.where(backwards[:, None], pairs[:, ::-1], pairs)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """(source, driving), uint8 [b, size, size, 3] each: the pairs of a step."""
        source, driving = self.indices(step).T
        return self._stack(source), self._stack(driving)

    def held_out(self, gap: int) -> list[tuple[int, int]]:
        """Frame indices (i, i + gap) of all pairs within the held-out frames.

        Empty where the held-out part of every clip has ``gap`` frames or fewer.
        """
        _check(gap >= 1, "a gap of at least 1 between held-out frames")
        return [
            (first, first + gap)
            for clip in self.frames.clips
            for first in range(
                clip.start + self._train_count(clip), clip.start + clip.count - gap
            )
        ]

    def _usable(self) -> np.ndarray:
        """[clips, 2] int, start and training frames of the clips that give pairs."""
        parts = [(clip.start, self._train_count(clip)) for clip in self.frames.clips]
        usable = [part for part in parts if part[1] > self.min_gap]
        return np.array(usable, int).reshape(-1, 2)

    def _train_count(self, clip: ClipInfo) -> int:
        return clip.count - round(self.holdout * clip.count)

    def _stack(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([self.frames.frame(int(i)) for i in indices])


def prefetch(
    batch_function: Callable[[int], Batch], start: int, stop: int, depth: int
) -> Iterator[tuple[int, Batch]]:
    """(step, batch) for the steps start .. stop - 1 in order, loaded ahead in threads.

    What ``batch_function`` raises for a step is raised when that step's turn comes.
    A consumer that stops early waits for the batches in work, not for those waiting.

    Args:
        batch_function: step -> batch; called from several threads.
        start: first step.
        stop: the step after the last one.
        depth: batches that are loaded or in work ahead of the consumer, at least 1.
    """
    pool = ThreadPoolExecutor(min(depth, _THREADS), "prefetch")
    try:
        steps = iter(range(start, stop))
        ahead = deque(
            (step, pool.submit(batch_function, step))
            for step in itertools.islice(steps, depth)
        )
        while ahead:
            step, future = ahead.popleft()
            batch = future.result()
            ahead.extend(
                (step, pool.submit(batch_function, step))
                for step in itertools.islice(steps, 1)
            )
            yield step, batch
    finally:
        pool.shutdown(cancel_futures=True)


def _check(good: bool, need: str) -> None:
    if not good:
        raise UserError(f"frame pairs need {need}. Change the options of the pairs.")
