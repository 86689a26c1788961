"""Spotted intervals are matched once each, and counts are pooled."""

import itertools
import math

import numpy as np
import pytest

from selfme_jax.evaluate.intervals import (
    Span,
    Spotted,
    compare,
    false_alarms,
    overlap,
    pool,
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 10), (0, 10), 1),
        ((0, 10), (5, 15), 1 / 3),
        ((0, 10), (10, 20), 0),
        ((0, 10), (12, 20), 0),
        ((2, 4), (0, 10), 0.2),
        ((3, 3), (3, 3), 1),
    ],
)
def test_overlap(one, other, expected):
    one, other = (Span(a, a, b) for a, b in (one, other))
    assert overlap(one, other) == pytest.approx(expected) == overlap(other, one)


def test_an_interval_is_a_hit_once():
    true = [Span(10, 14, 20), Span(40, 45, 50), Span(80, 85, 90)]
    found = [Span(11, 15, 21), Span(9, 13, 24), Span(44, 45, 60), Span(81, 82, 91)]
    result = compare(found, true)
    assert result == Spotted(2, 4, 3, (1, -3))
    assert result.precision == 0.5 and result.recall == 2 / 3
    assert result.f1 == pytest.approx(4 / 7) and result.apex_error == 2


def test_it_is_the_best_matching_there_is():
    """Against all assignments, tried one by one."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        edges = np.cumsum(rng.uniform(0.1, 6, (2, 8)), axis=1)
        start, ends = edges[:, ::2], edges[:, 1::2]
        found, true = (
            [Span(a, (a + b) / 2, b) for a, b in zip(*side, strict=True)]
            for side in zip(start, ends, strict=True)
        )
        good = np.array([[overlap(f, t) > 0.5 for t in true] for f in found])
        best = max(
            sum(good[i, j] for i, j in enumerate(order))
            for order in itertools.permutations(range(4))
        )
        assert compare(found, true, least=0.5 + 1e-12).hits == best


def test_counts_are_pooled_and_scores_follow():
    videos = [
        Spotted(1, 2, 1, (0.5,)),
        Spotted(0, 3, 0, ()),
        Spotted(3, 3, 6, (1,) * 3),
    ]
    total = pool(videos)
    assert total[:3] == (4, 8, 7) and total.f1 == 8 / 15
    assert total.apex_error == pytest.approx(3.5 / 4)
    assert false_alarms(videos, 90) == pytest.approx(4 / 1.5)


def test_nothing_is_not_a_score():
    empty = compare([], [])
    assert all(map(math.isnan, (empty.f1, empty.precision, empty.recall)))
    assert math.isnan(empty.apex_error)
    assert compare([], [Span(0, 1, 2)]).f1 == 0 == compare([Span(0, 1, 2)], []).f1
