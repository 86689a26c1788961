"""Wrong key frames, on purpose: what a few frames off do to recognition.

The onset is taken late (frames before it are not prepared, and show a face at rest),
the apex early or late, each by as many frames as is drawn for the clip, within it.
"""

import zlib
from typing import NamedTuple

import numpy as np

from selfme_jax.types import Clip, ClipDataset, Sample


def off(sample: Sample, count: int, apex: int, most: int) -> tuple[int, int]:
    """Indices of the onset and the apex of a clip of ``count`` frames, wrong by now.

    The onset is late by 0 to ``most`` frames, the apex off by -most to most, evenly;
    both stay in the clip, the apex after the onset. The same clip is off the same way
    for every ``most``, in proportion, so that tables compare like with like.

    Args:
        sample: whose name all draws depend on.
        count: at least 2. apex: as annotated. most: frames, 0 = none.
    """
    name = f"{sample.person}/{sample.sample}".encode()
    late, way = np.random.default_rng(zlib.crc32(name)).random(2)
    onset = min(int(late * (most + 1)), count - 2)
    moved = apex + int(way * (2 * most + 1)) - most
    return onset, min(max(moved, onset + 1), count - 1)


class Off(NamedTuple):
    """Meets ``types.ClipDataset``: clips of another one from the wrong onset on."""

    dataset: ClipDataset
    most: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.dataset.classes

    @property
    def samples(self) -> tuple[Sample, ...]:
        """As they are."""
        return self.dataset.samples

    def clip(self, index: int) -> Clip:
        """Frames from the wrong onset on; of other frames no flow is known."""
        clip = self.dataset.clip(index)
        sample = self.dataset.samples[index]
        onset, apex = off(sample, len(clip.frames), clip.apex, self.most)
        marks = clip.landmarks
        return Clip(
            clip.frames[onset:],
            apex - onset,
            clip.flow if (onset, apex) == (0, clip.apex) else None,
            None if marks is None else marks[onset:],
        )
