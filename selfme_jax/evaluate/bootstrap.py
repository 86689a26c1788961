"""Intervals by resampling subjects: clips of one person are not independent."""

from typing import NamedTuple

import numpy as np

from selfme_jax.evaluate import metrics

LEVEL = 0.95


class Resamples(NamedTuple):
    """Scores of each resample, mean over seeds: [resamples] each."""

    uf1: np.ndarray
    uar: np.ndarray


def scores(
    confusions: np.ndarray, *, resamples: int, seed: int, rule: str = "pooled"
) -> Resamples:
    """Resample persons with replacement, all their rows (of all seeds) with them.

    Args:
        confusions: [seeds, persons, c, c] counts.
        resamples: number of resamples.
        seed: of the draws; two methods with the same persons in the same order and
            the same seed are resampled alike, so their difference is paired.
        rule: see ``metrics.of_persons``.
    """
    times = times_drawn(confusions.shape[1], resamples, seed)
    result = metrics.of_persons(confusions, times, rule=rule)
    return Resamples(result.uf1.mean(1), result.uar.mean(1))


def interval(values: np.ndarray) -> list[float]:
    """[low, high] percentiles that hold ``LEVEL`` of the values."""
    tail = 50 * (1 - LEVEL)
    return [float(v) for v in np.percentile(values, [tail, 100 - tail])]


def draws(persons: int, resamples: int, seed: int) -> np.ndarray:
    """[resamples, persons] int, indices of the persons drawn."""
    return np.random.default_rng(seed).integers(persons, size=(resamples, persons))


def times_drawn(persons: int, resamples: int, seed: int) -> np.ndarray:
    """[resamples, persons] float, how often each person is in each resample."""
    drawn = draws(persons, resamples, seed)
    cell = drawn + persons * np.arange(resamples)[:, None]
    counts = np.bincount(cell.ravel(), minlength=resamples * persons)
    return counts.reshape(resamples, persons).astype(float)
