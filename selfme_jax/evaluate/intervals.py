"""How well intervals are spotted, as the field counts it (MEGC, spotting)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_OVERLAP = 0.5  # intersection over union


class Span(NamedTuple):
    """An interval, in frames or seconds, all of them in the same."""

    onset: float
    apex: float
    offset: float


class Spotted(NamedTuple):
    """Counts of a video, or summed over videos, and what follows from them.

    hits: found intervals that are a true one's. found, true: how many there are.
    apex_errors: of the hits, found less true.
    """

    hits: int
    found: int
    true: int
    apex_errors: tuple[float, ...]

    @property
    def precision(self) -> float:
        """Share of the found ones that are true; nan where none is found."""
        return self.hits / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """Share of the true ones that are found; nan where there are none."""
        return self.hits / self.true if self.true else float("nan")

    @property
    def f1(self) -> float:
        """2 hits / (found + true); nan where there is nothing at all."""
        total = self.found + self.true
        return 2 * self.hits / total if total else float("nan")

    @property
    def apex_error(self) -> float:
        """Mean distance of the apexes of the hits; nan without hits."""
        errors = np.abs(self.apex_errors)
        return float(errors.mean()) if errors.size else float("nan")


def overlap(one: Span, other: Span) -> float:
    """Intersection over union; onset and offset are instants."""
    inner = min(one.offset, other.offset) - max(one.onset, other.onset)
    outer = max(one.offset, other.offset) - min(one.onset, other.onset)
    return max(0.0, inner) / outer if outer > 0 else float(one.onset == other.onset)


def compare(
    found: Sequence[Span], true: Sequence[Span], *, least: float = LEAST_OVERLAP
) -> Spotted:
    """Match found intervals to true ones, each at most once, best overlap first.

    From an overlap of one half on, and where neither side overlaps itself, this is the
    best matching there is.

    Args:
        found: of one video.
        true: of the same video.
        least: overlap of a hit, in (0, 1].
    """
    pairs = [
        (overlap(one, other), i, j)
        for i, one in enumerate(found)
        for j, other in enumerate(true)
    ]
    errors, used, met = [], set(), set()
    for share, i, j in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if share >= least and i not in used and j not in met:
            used.add(i)
            met.add(j)
            errors.append(found[i].apex - true[j].apex)
    return Spotted(len(errors), len(found), len(true), tuple(errors))


def pool(videos: Sequence[Spotted]) -> Spotted:
    """The sum over videos: scores are of the pooled counts, never means of scores."""
    errors = tuple(error for video in videos for error in video.apex_errors)
    return Spotted(
        sum(video.hits for video in videos),
        sum(video.found for video in videos),
        sum(video.true for video in videos),
        errors,
    )


def false_alarms(videos: Sequence[Spotted], seconds: float) -> float:
    """Found intervals that are no true one's, per minute of video.

    Args:
        videos: all of it.
        seconds: how long they are together, above 0.
    """
    total = pool(videos)
    return 60 * (total.found - total.hits) / seconds
