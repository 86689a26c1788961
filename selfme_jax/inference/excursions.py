"""Where signals leave their rest and come back: bumps of unknown length.

A bank of bumps of many lengths, each beside a slope that is no event, is fitted around
every moment by least squares. What stands out of the signal's own restlessness is a
candidate; its ends are read from the signal along the candidate's own direction.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Seconds of the bumps.
LENGTHS = (0.17, 0.22, 0.3, 0.4, 0.52, 0.7, 0.95, 1.3, 1.75, 2.3, 3.1, 4.2)
# All values below are chosen on procedural videos (seeds 100 to 301), our choice.
# A candidate's height in units of sqrt(LEAST^2 + (RESTLESS * usual)^2), where 'usual'
# is what this share of the moments do not exceed; lengths in sides of the crop.
THRESHOLD, LEAST, RESTLESS, USUAL = 3.0, 0.0005, 2.0, 0.4
# A clip that is shorter (seconds) may hold no rest: 'usual' is at most this there.
SHORT, SHORT_USUAL = 6.0, 0.001
# Of the height: where the ends are read (of SLOPE of the way to half of it further
# out), and the least share that comes back.
END, SLOPE, BACK = 0.2, 0.3, 0.35
LARGEST = 0.2  # sides; what moves further within a bump has been lost
HEAD = 0.4  # least height, in what the head moves meanwhile (and HEAD_PAD seconds more)
HEAD_PAD = 0.25
SAME = 0.3  # overlap, in the shorter one, from which two are one
# A bump so many times as long as its parts, and at least this high in theirs, takes
# them in, if they are no more than this many.
LONGER, HIGH, PARTS = 2.0, 0.5, 3


class Excursion(NamedTuple):
    """A bump; times in samples, not whole ones at the ends.

    onset, apex, offset: samples. height: from rest to apex. score: of the height, in
    the restlessness of the signal. change: [d] apex against the ends, the signals'.
    """

    onset: float
    apex: int
    offset: float
    height: float
    score: float
    change: np.ndarray


def find(
    signals: np.ndarray,
    head: np.ndarray,
    rate: float,
    *,
    head_share: float | None = None,
    whole: bool = True,
    lengths: Sequence[float] = LENGTHS,
) -> list[Excursion]:
    """Excursions of some signals together, which do not overlap, by score.

    Args:
        signals: [t, d] sides of the crop.
        head: [t, 6] motion of the head, sides.
        rate: samples per second.
        head_share: see HEAD.
        whole: whether long ones take in their parts.
        lengths: seconds of the bumps that are tried.
    """
    candidates = _candidates(signals, rate, lengths)
    head_share = HEAD if head_share is None else head_share
    found = [_measure(signals, head, rate, c, head_share) for c in candidates]
    good = [excursion for excursion in found if excursion]
    kept: list[Excursion] = []
    for one in good:
        if all(overlap(one, other) <= SAME for other in kept):
            kept.append(one)
    if not whole:
        return kept
    for one in sorted(good, key=lambda e: e.onset - e.offset):
        parts = [o for o in kept if overlap(one, o) > SAME]
        if any(o is one for o in kept) or len(parts) > PARTS:
            continue
        if all(_takes_in(one, part) for part in parts):
            kept = [o for o in kept if not any(o is part for part in parts)] + [one]
    return kept


def overlap(one, other) -> float:
    """Of two with onset and offset: what they share, in the shorter one's length."""
    shared = min(one.offset, other.offset) - max(one.onset, other.onset)
    shorter = min(one.offset - one.onset, other.offset - other.onset)
    return max(0.0, shared) / (shorter + 1)


def smooth(signals: np.ndarray, deviation: float) -> np.ndarray:
    """[t, d] by a Gaussian of so many samples, the ends repeated."""
    if deviation < 0.4:
        return signals
    radius = int(3 * deviation + 1)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    return _correlate(signals, weights / weights.sum(), radius)


def _takes_in(one: Excursion, part: Excursion) -> bool:
    # Not the rest after a part, which as a bump goes the other way.
    inside = one.onset < part.apex < one.offset
    longer = one.offset - one.onset > LONGER * (part.offset - part.onset)
    return inside and longer and one.height > HIGH * part.height


def _correlate(signals: np.ndarray, weights: np.ndarray, before: int) -> np.ndarray:
    """[t, d]: sum over k of weights[k] * signals[t - before + k], the ends repeated."""
    after = len(weights) - 1 - before
    padded = np.pad(signals, ((before, after), (0, 0)), mode="edge")
    n = len(padded) + len(weights) - 1
    n = 1 << (n - 1).bit_length()
    spectrum = np.fft.rfft(padded, n, axis=0)
    spectrum *= np.fft.rfft(weights[::-1], n)[:, None]
    return np.fft.irfft(spectrum, n, axis=0)[len(weights) - 1 : len(padded)]


def _bump(seconds: float, rate: float) -> np.ndarray:
    """Weights whose sum with a signal is the height of a bump in it."""
    n = max(3, round(seconds * rate))
    bump = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)
    beside = max(2, round(min(max(0.12, 0.35 * seconds), 0.7) * rate))
    bump = np.pad(bump, beside)
    slope = np.linspace(-1, 1, len(bump))
    return np.linalg.pinv(np.stack([bump, np.ones_like(bump), slope], 1))[0]


class _Candidate(NamedTuple):
    score: float
    at: int
    seconds: float
    direction: np.ndarray


def _candidates(
    signals: np.ndarray, rate: float, lengths: Sequence[float]
) -> list[_Candidate]:
    """Maxima over time and length, the best first."""
    t = len(signals)
    fits = [s for s in lengths if 4 / rate <= s <= t / rate]
    responses, scores = [], []
    for seconds in fits:
        weights = _bump(seconds, rate)
        response = _correlate(signals, weights, len(weights) // 2)
        height = np.linalg.norm(response, axis=1)
        usual = np.quantile(height, USUAL)
        if t / rate < SHORT:
            usual = min(usual, SHORT_USUAL)
        scores.append(height / np.hypot(LEAST, RESTLESS * usual))
        responses.append(response)
    found = []
    for k, seconds in enumerate(fits):
        reach = max(1, int(0.25 * seconds * rate))
        near = np.max(scores[max(0, k - 1) : k + 2], axis=0)
        best = _largest_near(near, reach)
        chosen = (scores[k] >= best - 1e-9) & (scores[k] > THRESHOLD)
        for at in np.flatnonzero(chosen):
            response = responses[k][at]
            direction = response / np.linalg.norm(response)
            found.append(_Candidate(float(scores[k][at]), int(at), seconds, direction))
    return sorted(found, key=lambda c: -c.score)


def _largest_near(values: np.ndarray, reach: int) -> np.ndarray:
    padded = np.pad(values, reach, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return windows.max(1)


def _measure(
    signals: np.ndarray,
    head: np.ndarray,
    rate: float,
    candidate: _Candidate,
    head_share: float,
) -> Excursion | None:
    """Ends and height of a candidate, or None where it is no excursion."""
    score, at, seconds, direction = candidate
    t, half = len(signals), 0.5 * seconds * rate
    along = smooth((signals @ direction)[:, None], 0.03 * seconds * rate)[:, 0]
    first = max(0, int(at - half))
    apex = first + int(np.argmax(along[first : min(t, int(at + half) + 2)]))
    reach = int((1.1 * seconds + 0.15) * rate)
    low, high = max(0, apex - reach), min(t, apex + reach + 1)
    before, after = _rest(along[low : apex + 1]), _rest(along[apex:high])
    if high - apex <= max(2, 0.08 * seconds * rate):
        after = before  # the clip ends at the apex
    top = along[apex]
    height = top - before
    if height <= 0 or top <= after or height > LARGEST:
        return None
    onset = _crossing(along[low : apex + 1][::-1], before, top)
    offset = _crossing(along[apex:high], after, top)
    onset, offset = max(0.0, apex - onset), min(t - 1.0, apex + offset)
    back = (top - after) / height
    if back < BACK and high == t:
        offset = t - 1.0  # it lasts until the clip ends
    elif back < BACK or (back > 1 / BACK and onset > 1):
        return None  # a step
    pad = int(HEAD_PAD * rate)
    moved = head[max(0, int(onset) - pad) : int(offset) + pad + 1]
    if height < head_share * np.linalg.norm(np.ptp(moved, axis=0)):
        return None
    ends = signals[[int(onset), int(offset)]].mean(0)
    change = signals[apex] - ends
    return Excursion(onset, apex, offset, float(height), score, change)


def _rest(values: np.ndarray) -> float:
    """The mean of the lowest twentieth."""
    return float(np.sort(values)[: max(2, len(values) // 20)].mean())


def _crossing(values: np.ndarray, rest: float, top: float) -> float:
    """Samples from the apex, which comes first, to where its end is extrapolated."""

    def first_below(share: float) -> int:
        below = np.flatnonzero(values <= rest + share * (top - rest))
        return int(below[0]) if below.size else len(values) - 1

    end = first_below(END)
    return end + SLOPE * (end - first_below(0.5))
