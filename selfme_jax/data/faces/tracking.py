"""One face followed through a clip, and windows in which one framing fits it.

Within a window the framing never changes; where the face has moved out of it a new
window begins. Stretches without a usable face are named.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import anthropometry, detection, framing
from selfme_jax.data.faces.detection import Box, Face
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.types import UserError

# A face is used from so many pixels (side of its box), up to so many degrees of turn,
# and from so much light and contrast (mean and deviation of grey levels). Our choice.
SMALLEST, TURNED, DARKEST, FLATTEST = 40, 40.0, 12.0, 4.0
TOO_DARK = "the picture is too dark to find a face"
# A window ends where the face is off by more than this: of the framing's side, of its
# logarithm, and degrees. The crop has a tenth of its side to spare around the face.
SHIFT, ZOOM, TILT = 0.12, 0.15, 12.0
JUMP = 0.75  # sides of the box that a face may move between two looks
SEVERAL = 0.5  # a second face counts from this share of the largest one's side


class Look(NamedTuple):
    """What is seen in a frame: the face that is followed, or why there is none."""

    framing: Similarity | None
    face: Face | None
    problem: str  # '' where the face is usable
    faces: int  # of about the same size


class Stretch(NamedTuple):
    """Frames start to stop - 1, and the framing that fits them; None with a problem."""

    start: int
    stop: int
    framing: Similarity | None
    problem: str

    @property
    def framed(self) -> Similarity:
        """The framing, where there is one.

        Raises:
            ValueError: there is none.
        """
        if self.framing is None:
            raise ValueError(f"no framing of these frames: {self.problem}")
        return self.framing


class Follower:
    """Looks at frames in their order, and stays with one face.

    Args:
        detector: see ``detection.load``.
        choose: of several faces: 'largest', 'left' or 'right' (in the picture), or the
          number of one, counted from the left from 1.

    Raises:
        UserError: unknown detector or choice.
    """

    def __init__(self, detector: str = detection.DEFAULT, *, choose: str = "largest"):
        known = choose in ("largest", "left", "right")
        if not known and not (choose.isdecimal() and 1 <= int(choose) <= 99):
            raise UserError(
                f"unknown face {choose!r}. Use largest, left, right, or a number from "
                "the left (1 is the first)."
            )
        self._detect, self._choose = detection.load(detector), choose
        self._cut_out = detector == "frame"  # then all of it is the face, good or bad
        self._last: Box | None = None

    def look(self, image: np.ndarray) -> Look:
        """The face in a frame, [h, w, 3] uint8 RGB."""
        faces = self._detect(image)
        if not faces:
            dark = image[::8, ::8].mean() < DARKEST
            return Look(None, None, TOO_DARK if dark else "no face", 0)
        least = SEVERAL * faces[0].box.width
        count = sum(face.box.width >= least for face in faces)
        face = self._pick(faces[:count])
        if face is None:
            return Look(None, None, f"no face {self._choose}", count)
        self._last = face.box
        problem = "" if self._cut_out else _problem(image, face)
        return Look(None if problem else framing.of(face), face, problem, count)

    def _pick(self, faces: Sequence[Face]) -> Face | None:
        last = self._last
        if last is not None and (near := [f for f in faces if _near(f.box, last)]):
            return min(near, key=lambda face: _distance(face.box, last))
        ordered = sorted(faces, key=lambda face: face.box.x)
        if self._choose == "largest":
            return faces[0]
        if self._choose in ("left", "right"):
            return ordered[0 if self._choose == "left" else -1]
        number = int(self._choose)
        return ordered[number - 1] if number <= len(ordered) else None


def windows(looks: Iterable[tuple[int, Look]], total: int) -> list[Stretch]:
    """All frames of a clip as stretches that follow each other.

    A look that misses the face between two that agree is passed over. A face seen only
    once in many looks is none. Frames between a look with the face and one without
    belong to the latter.

    Args:
        looks: (number of the frame, what was seen), ascending from frame 0.
        total: number of frames.
    """
    looks = list(looks)
    runs: list[tuple[list[int], list[Similarity]]] = []  # indices of looks, framings
    for index, (_, look) in enumerate(looks):
        if look.framing is None:
            continue
        if runs:
            indices, framings = runs[-1]
            recent = index - indices[-1] <= 2
            if recent and fits(look.framing, framing.middle(framings)):
                indices.append(index)
                framings.append(look.framing)
                continue
        runs.append(([index], [look.framing]))
    if len(looks) > 2:
        runs = [run for run in runs if len(run[0]) > 1]
    numbers = [number for number, _ in looks] + [total]
    spans = [(run[0][0], run[0][-1]) for run in runs]
    found: list[Stretch] = []
    at = 0
    for i, (first, last) in enumerate(spans):
        start = numbers[first]
        if i and spans[i - 1][1] == first - 1:  # it moved on: half way
            start = at
        if start > at:
            found.append(Stretch(at, start, None, _why(looks, at, start)))
        stop = numbers[last] + 1
        if last == len(looks) - 1:
            stop = total
        elif i + 1 < len(spans) and spans[i + 1][0] == last + 1:
            stop = (numbers[last] + numbers[last + 1] + 1) // 2
        found.append(Stretch(start, stop, framing.middle(runs[i][1]), ""))
        at = stop
    if at < total:
        found.append(Stretch(at, total, None, _why(looks, at, total)))
    return found


def fits(found: Similarity, window: Similarity) -> bool:
    """Whether a face that was found is still framed by a window."""
    moved = np.hypot(found.x - window.x, found.y - window.y) / window.side
    zoomed = abs(np.log(found.side / window.side))
    tilted = abs((found.angle - window.angle + 180) % 360 - 180)
    return bool(moved <= SHIFT and zoomed <= ZOOM and tilted <= TILT)


def _why(looks: Sequence[tuple[int, Look]], start: int, stop: int) -> str:
    """The most frequent problem among the looks of a stretch."""
    problems = [x.problem or "no face" for n, x in looks if start <= n < stop]
    return max(problems, key=problems.count) if problems else "no face"


def _problem(image: np.ndarray, face: Face) -> str:
    box = face.box
    if box.width < SMALLEST:
        return f"the face is too small ({round(box.width)} pixels)"
    if face.mesh is not None and anthropometry.turned(face.mesh) > TURNED:
        return f"the head is turned away ({round(anthropometry.turned(face.mesh))}°)"
    x, y = max(0, round(box.x)), max(0, round(box.y))
    inside = image[y : y + round(box.height), x : x + round(box.width)]
    grey = inside[::4, ::4].mean(-1) if inside.size else np.zeros((1, 1))
    if grey.mean() < DARKEST or grey.std() < FLATTEST:
        return "the face is too dark or without contrast"
    return ""


def _distance(one: Box, other: Box) -> float:
    x = one.x + one.width / 2 - other.x - other.width / 2
    y = one.y + one.height / 2 - other.y - other.height / 2
    return float(np.hypot(x, y)) / max(other.width, 1.0)


def _near(one: Box, other: Box) -> bool:
    return _distance(one, other) < JUMP and 0.5 < one.width / other.width < 2
