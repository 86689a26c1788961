"""The values that travel between the parts, and the protocols they meet.

Coordinates follow one law (``ops/grid.py``): (x, y) order, [-1, 1], corners at
pixel centres. A flow maps driving (apex) positions to source (onset) positions.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

# On a device or on the host; a pure function of the one takes the other as well.
Array = jax.Array | np.ndarray

# (h, w): a slice of array.shape does not say how many there are.
Shape = tuple[int, ...]

# Told as long work goes on: (what is being done, how much of it, of how much, where).
Tell = Callable[[str, int, int, str], None]


class UserError(Exception):
    """Bad input from the user: one or two lines with the remedy, exit code 2."""


class Sample(NamedTuple):
    """One labelled clip; one row of ``manifest.csv``."""

    dataset: str  # 'casme2', 'smic', 'samm', 'synthetic', ...
    subject: str  # as the dataset writes it, e.g. 'sub01'
    sample: str  # clip name, unique within the subject
    label: int  # index into Dataset.classes
    emotion: str = ""  # the annotator's word, before mapping to classes
    sha256: str = ""  # of the decoded content (pixels), hex
    apex_source: str = ""  # annotated | motion | midpoint; '' where not known
    aus: str = ""  # action units as annotated ('4+L12B?'); '' where nobody looked

    @property
    def person(self) -> str:
        """Subject id that is unique over datasets: what LOSO holds out."""
        return f"{self.dataset}/{self.subject}"


class Clip(NamedTuple):
    """Frames of one sample: frame 0 is the onset, the last one the offset.

    frames: [t, h, w, 3] uint8 RGB. apex: index into frames.
    flow: [h, w, 2] float32, true flow of (onset, apex) in pixels, (x, y), backward:
      apex(p) = onset(p + flow(p)); None where no truth is known.
    landmarks: [t, k, 2] float32 pixels, (x, y); None where not known.
    """

    frames: np.ndarray
    apex: int
    flow: np.ndarray | None = None
    landmarks: np.ndarray | None = None


@runtime_checkable
class FlowDataset(Protocol):
    """Samples that come as ready-made flow images."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, by label."""
        ...

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All of them, in a fixed order."""
        ...

    @property
    def images(self) -> np.ndarray:
        """[n, h, w, 3] float32, channels (u, v, strain)."""
        ...


@runtime_checkable
class ClipDataset(Protocol):
    """Samples that come as frames."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, by label."""
        ...

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All of them, in a fixed order."""
        ...

    def clip(self, index: int) -> Clip:
        """Frames of ``samples[index]``."""
        ...


Dataset = FlowDataset | ClipDataset


def images_of(dataset: Dataset) -> FlowDataset:
    """A dataset that has ready-made images; TypeError for another one."""
    if not isinstance(dataset, FlowDataset):
        raise TypeError(f"{type(dataset).__name__} has no flow images")
    return dataset


def frames_of(dataset: Dataset) -> ClipDataset:
    """A dataset that has frames; TypeError for another one."""
    if not isinstance(dataset, ClipDataset):
        raise TypeError(f"{type(dataset).__name__} has no frames")
    return dataset


class Split(NamedTuple):
    """One fold: who is held out, and the sample indices on either side."""

    fold: int
    held_out: str  # Sample.person of the test subject
    train: np.ndarray  # [n_train] int
    test: np.ndarray  # [n_test] int


class Keypoints(NamedTuple):
    """K groups of N points, [..., k, n, 2] in [-1, 1], (x, y)."""

    points: jax.Array
    jacobians: jax.Array | None = None  # [..., k, 2, 2] (heatmap detector, n = 1)


class Motion(NamedTuple):
    """Dense motion of a (source, driving) pair, at the resolution of the hourglass.

    flow: [..., h, w, 2] grid units ([-1, 1] spans the frame), driving -> source.
    occlusion: maps [..., h_s, w_s, 1] in [0, 1], 1 = visible, coarse to fine.
    weights: [..., h, w, k + 1] softmax over the candidates (0 = identity).
    candidates: [..., k + 1, h, w, 2] flows, grid units.
    """

    flow: jax.Array
    occlusion: tuple[jax.Array, ...]
    weights: jax.Array
    candidates: jax.Array


class Predictions(NamedTuple):
    """Rows of ``predictions.csv``: one row per (seed, held-out sample).

    Of several action units at once the labels have a column for each output.
    """

    seed: np.ndarray  # [r] int
    fold: np.ndarray  # [r] int
    dataset: np.ndarray  # [r] str
    subject: np.ndarray  # [r] str
    sample: np.ndarray  # [r] str
    label: np.ndarray  # [r] int, or [r, c] int of 0/1
    probs: np.ndarray  # [r, c] float
    classes: tuple[str, ...]  # names of the c outputs

    @property
    def several(self) -> bool:
        """Whether several outputs may hold at once."""
        return self.label.ndim == 2

    @property
    def pred(self) -> np.ndarray:
        """The most probable class, [r] int; of several, what is likely, [r, c] 0/1."""
        if self.several:
            return (self.probs >= 0.5).astype(int)
        return self.probs.argmax(-1)
