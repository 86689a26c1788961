import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from selfme_jax.evaluate import bootstrap, loso


def test_equals_a_loop_over_rows(rows):
    pooled = loso.pool(rows)
    persons, counts = loso.by_person(pooled)
    fast = bootstrap.scores(counts, resamples=25, seed=7)
    draws = bootstrap.draws(len(persons), 25, 7)
    options = {"labels": range(3), "average": "macro", "zero_division": 0}
    for i, drawn in enumerate(draws):
        keep = np.concatenate(
            [np.flatnonzero(pooled.person == persons[p]) for p in drawn]
        )
        label = pooled.label[keep]
        preds = pooled.probs[:, keep].argmax(-1)
        f1 = np.mean([f1_score(label, pred, **options) for pred in preds])
        recall = np.mean([recall_score(label, pred, **options) for pred in preds])
        assert fast.uf1[i] == pytest.approx(f1, abs=1e-12)
        assert fast.uar[i] == pytest.approx(recall, abs=1e-12)


def test_draws_are_with_replacement_and_seeded():
    draws = bootstrap.draws(20, 500, 0)
    assert draws.shape == (500, 20) and set(np.unique(draws)) == set(range(20))
    # A person is left out of a resample with probability (1 - 1/20)^20 = 0.358.
    left_out = np.mean([20 - len(set(row)) for row in draws]) / 20
    assert left_out == pytest.approx((1 - 1 / 20) ** 20, abs=0.01)
    np.testing.assert_array_equal(draws, bootstrap.draws(20, 500, 0))
    assert (draws != bootstrap.draws(20, 500, 1)).any()


def test_interval():
    values = np.random.default_rng(0).permutation(np.arange(1001.0))
    assert bootstrap.interval(values) == pytest.approx([25.0, 975.0])


def test_one_person_gives_no_width():
    counts = np.random.default_rng(0).integers(0, 5, (2, 1, 3, 3))
    drawn = bootstrap.scores(counts, resamples=10, seed=0)
    assert np.ptp(drawn.uf1) == 0 and np.ptp(drawn.uar) == 0
