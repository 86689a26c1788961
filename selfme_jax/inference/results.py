"""What is said of a clip: typed, and as the dict that all files are made from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selfme_jax.data.faces.framing import Similarity
from selfme_jax.inference.answering import Answers
from selfme_jax.inference.spotting import Gap
from selfme_jax.report import clip_figures, clip_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDES = {-1: "left", 0: "both", 1: "right"}


class Answer(NamedTuple):
    """Of one onset and apex.

    label: the most probable class, '' where the network has none. probabilities: by
    class. aus: probability by number of FACS. sides: of the noted ones: left | right |
    both, of the picture. noted: those that are seen. unsure: probabilities too much
    alike to say. still: no expression.
    """

    label: str
    probabilities: Mapping[str, float]
    aus: Mapping[str, float]
    sides: Mapping[str, str]
    noted: tuple[str, ...]
    unsure: bool
    still: bool


class Pictures(NamedTuple):
    """Of one interval: JPEG of the face at onset and apex, PNG of its motion.

    longest: pixels of a face of 256, which is full colour of the motion.
    """

    onset: bytes
    apex: bytes
    motion: bytes
    longest: float


class Finding(NamedTuple):
    """An interval, and what is said of it.

    onset, apex, offset: frames from 0; seconds: the same, since the first frame.
    kind: micro | macro | blink | talking | head, or given. strength: largest
    displacement in sides of the crop. region: upper | lower | head; '' where given.
    face: what was cut out, in pixels of the frame.
    """

    onset: int
    apex: int
    offset: int
    kind: str
    seconds: tuple[float, float, float]
    strength: float
    region: str
    face: Similarity
    answer: Answer | None = None
    pictures: Pictures | None = None


class Course(NamedTuple):
    """How a face moves, [t] float32 each, in percent of the side of the crop.

    upper, lower: distance of the skin from where it rests. head: how far the head went
    within a quarter of a second.
    """

    seconds: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    head: np.ndarray


class Result(NamedTuple):
    """All that is said of a clip.

    fps: 0 where not known. frames: that were read. size: width and height.
    notes: what was not done, and why. gaps: where no face was seen.
    intervals: by onset. model: name, classes, units and card of what answered.
    """

    path: str
    fps: float
    frames: int
    seconds: float
    size: tuple[int, int]
    notes: tuple[str, ...]
    gaps: tuple[Gap, ...]
    intervals: tuple[Finding, ...]
    model: Mapping[str, Any]
    course: Course | None = None

    def to_dict(self) -> dict[str, Any]:
        """A clip of predictions.json; docs/own_clips.md has the schema."""
        return {
            "path": self.path,
            "fps": round(self.fps, 3) or None,
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "width": self.size[0],
            "height": self.size[1],
            "notes": list(self.notes),
            "unseen": [
                {
                    "first": gap.first,
                    "last": gap.last,
                    "seconds": [round(s, 3) for s in gap.seconds],
                    "why": gap.problem,
                }
                for gap in self.gaps
            ],
            "intervals": [_interval(found) for found in self.intervals],
        }

    def to_csv(self) -> str:
        """intervals.csv as text."""
        return clip_tables.csv_text([self.to_dict()])

    def figure(self) -> "Figure":
        """The time line: motion of the face, and the intervals."""
        return clip_figures.timeline(self.to_dict(), self.course)


def answer(
    found: Sequence[Answers], classes: Sequence[str], units: Sequence[int]
) -> Answer:
    """One answer of several batches of one: means, and what most of them say."""
    numbers = [str(unit) for unit in units]
    probabilities = np.mean([one.probabilities[0] for one in found], axis=0)
    aus = np.mean([one.units[0] for one in found], axis=0)
    seen = np.mean([one.noted[0] for one in found], axis=0) > 0.5
    sides = dict(zip(numbers, np.asarray(found[-1].sides[0]).tolist(), strict=True))
    noted = tuple(u for u, n in zip(numbers, seen, strict=True) if n)
    return Answer(
        classes[int(probabilities.argmax())] if classes else "",
        dict(zip(classes, probabilities.tolist(), strict=True)),
        dict(zip(numbers, aus.tolist(), strict=True)),
        {unit: SIDES[int(sides[unit])] for unit in noted},
        noted,
        bool(np.mean([one.unsure[0] for one in found]) > 0.5),
        all(bool(one.still[0]) for one in found),
    )


def _interval(found: Finding) -> dict[str, Any]:
    said = found.answer
    row: dict[str, Any] = {
        "onset": found.onset,
        "apex": found.apex,
        "offset": found.offset,
        "kind": found.kind,
        "seconds": [round(s, 3) for s in found.seconds],
        "strength": round(found.strength, 5),
        "region": found.region,
        "face": [round(value, 2) for value in found.face],
        "class": None,
        "probabilities": {},
        "aus": {},
        "sides": {},
        "noted": [],
        "unsure": False,
        "no_expression": False,
    }
    if said is not None:
        row |= {
            "class": said.label or None,
            "probabilities": {k: round(p, 4) for k, p in said.probabilities.items()},
            "aus": {k: round(p, 4) for k, p in said.aus.items()},
            "sides": dict(said.sides),
            "noted": list(said.noted),
            "unsure": said.unsure,
            "no_expression": said.still,
        }
    return row
