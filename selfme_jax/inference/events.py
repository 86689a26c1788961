"""What the excursions of a face are: expressions, blinks, talking, head movements."""

from typing import NamedTuple

import numpy as np

from selfme_jax.inference import excursions
from selfme_jax.inference.excursions import Excursion
from selfme_jax.inference.facial_motion import NAMES

KINDS = ("micro", "macro", "blink", "talking", "head")
MICRO = 0.5  # seconds; what lasts longer is a macro-expression
# The upper and the lower face are searched apart: they do different things at a time.
UPPER = [i for i, n in enumerate(NAMES) if n.startswith(("brow", "lid", "under_eye"))]
LOWER = [i for i in range(len(NAMES)) if i not in UPPER]
_BROWS = [i for i, name in enumerate(NAMES) if name.startswith("brow")]
_EYES = [
    [NAMES.index(f"{part}_{side}") for part in ("lid", "under_eye")] for side in "lr"
]
# A blink: around an eye skin goes down by more than this, in what the brows move; it is
# short; the head may move more (see excursions.HEAD).
CLOSES, BLINK_LASTS, BLINK_HEAD = 0.7, 0.65, 0.2
# What goes with a blink or with talking elsewhere is of this height at most, in theirs.
WITH_BLINK, WITH_TALKING = 0.5, 0.6
# Talking: at least so many short excursions of the lower face, seconds apart.
BEATS, BEAT_LASTS, APART = 3, 0.7, 0.45
# The head moves: so far (sides of the crop) within so many seconds.
MOVES, WITHIN = 0.03, 0.3


class Event(NamedTuple):
    """Onset, apex, offset in samples; kind of KINDS; region upper | lower | head.

    strength: largest displacement, in sides of the crop. score: it, in units of the
    restlessness of this face.
    """

    onset: float
    apex: float
    offset: float
    kind: str
    region: str
    strength: float
    score: float


def judge(regions: np.ndarray, head: np.ndarray, rate: float) -> list[Event]:
    """All events, by onset; expressions do not overlap each other.

    Args:
        regions: [t, 17, 2] motion of the regions of ``facial_motion``.
        head: [t, 6] of the head.
        rate: samples per second.
    """
    if len(regions) < 0.5 * rate:
        return []
    parts = [regions[:, part].reshape(len(regions), -1) for part in (UPPER, LOWER)]
    upper, lower = (excursions.smooth(part, 0.02 * rate) for part in parts)
    blinks = _blinks(upper, head, rate)
    above = excursions.find(_without(upper, blinks, rate), head, rate)
    below = excursions.find(lower, head, rate)
    single = excursions.find(lower, head, rate, whole=False)
    alone = [e for e in single if not _goes_with(e, blinks, WITH_BLINK, rate)]
    talks = _talks(alone, rate)
    above = [e for e in above if not _goes_with(e, blinks, np.inf, rate)]
    below = [e for e in below if not _goes_with(e, blinks, WITH_BLINK, rate)]
    found = [("upper", e) for e in above] + [("lower", e) for e in below]
    events: list[Event] = []
    for region, e in sorted(found, key=lambda item: -item[1].score):
        talk = [t for t in talks if excursions.overlap(e, t) > 0.5]
        if talk and (region == "lower" or e.height < WITH_TALKING * talk[0].strength):
            continue
        if any(excursions.overlap(e, other) > 0.4 for other in events):
            continue
        kind = "micro" if (e.offset - e.onset) / rate <= MICRO else "macro"
        events.append(_event(e, kind, region))
    events += [_event(e, "blink", "upper") for e in blinks]
    return sorted([*events, *talks, *_head_moves(head, rate)])


def _event(e: Excursion, kind: str, region: str) -> Event:
    return Event(e.onset, e.apex, e.offset, kind, region, e.height, e.score)


def _blinks(upper: np.ndarray, head: np.ndarray, rate: float) -> list[Excursion]:
    blinks = []
    short = [s for s in excursions.LENGTHS if s < BLINK_LASTS]
    found = excursions.find(
        upper, head, rate, head_share=BLINK_HEAD, whole=False, lengths=short
    )
    for e in found:
        change = e.change.reshape(-1, 2)
        closing = max(change[[UPPER.index(i) for i in eye], 1].mean() for eye in _EYES)
        brows = np.linalg.norm(change[[UPPER.index(i) for i in _BROWS]], axis=1).mean()
        if closing > CLOSES * brows and (e.offset - e.onset) / rate < BLINK_LASTS:
            blinks.append(e)
    return blinks


def _without(signals: np.ndarray, blinks: list[Excursion], rate: float) -> np.ndarray:
    """Signals with straight lines across the blinks."""
    signals, pad = signals.copy(), 0.04 * rate
    for e in blinks:
        first = max(0, int(e.onset - pad) - 1)
        last = min(len(signals) - 1, int(e.offset + pad) + 2)
        way = np.linspace(0, 1, last - first + 1)[:, None]
        signals[first : last + 1] = (1 - way) * signals[first] + way * signals[last]
    return signals


def _goes_with(
    e: Excursion, blinks: list[Excursion], share: float, rate: float
) -> bool:
    """Whether a short excursion is a weak part of a blink."""
    if (e.offset - e.onset) / rate >= BLINK_LASTS:
        return False
    return any(
        excursions.overlap(e, b) > 0.6 and e.height < share * b.height for b in blinks
    )


def _talks(found: list[Excursion], rate: float) -> list[Event]:
    """Chains of short excursions of the lower face."""
    short = [e for e in found if (e.offset - e.onset) / rate < BEAT_LASTS]
    chains: list[list[Excursion]] = []
    for e in sorted(short, key=lambda e: e.onset):
        if chains and e.onset - chains[-1][-1].offset <= APART * rate:
            chains[-1].append(e)
        else:
            chains.append([e])
    talks = []
    for chain in chains:
        if len(chain) >= BEATS:
            onset, offset = chain[0].onset, chain[-1].offset
            strength = float(np.median([e.height for e in chain]))
            score = max(e.score for e in chain)
            middle = (onset + offset) / 2
            talks.append(
                Event(onset, middle, offset, "talking", "lower", strength, score)
            )
    return talks


def _head_moves(head: np.ndarray, rate: float) -> list[Event]:
    """Where the head moves faster than a head at rest."""
    lag = max(1, round(WITHIN * rate))
    if len(head) <= lag:
        return []
    speed, half = np.zeros(len(head)), lag // 2
    path = np.linalg.norm(head[lag:] - head[:-lag], axis=1)
    speed[half : half + len(path)] = path
    moving = np.flatnonzero(speed > MOVES)
    if not moving.size:
        return []
    runs = np.split(moving, np.flatnonzero(np.diff(moving) > 0.3 * rate) + 1)
    events = []
    for run in runs:
        onset, offset = int(run[0]), int(run[-1])
        if offset - onset < WITHIN / 2 * rate:
            continue
        apex = onset + int(np.argmax(speed[onset : offset + 1]))
        strength = float(np.linalg.norm(np.ptp(head[onset : offset + 1], axis=0)))
        score = strength / MOVES
        events.append(Event(onset, apex, offset, "head", "head", strength, score))
    return events
