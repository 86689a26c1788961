"""Calibration finds what was done to logits; decisions are the best by hand."""

import numpy as np
import pytest
from sklearn import metrics

from selfme_jax.classifier import calibration


def drawn(n=6000, a=2):
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.standard_normal((n, 3 + a))
    probs = calibration.softmax(logits[:, :3])
    chosen = (rng.random((n, 1)) > probs.cumsum(1)).sum(1)
    units = rng.random((n, a)) < calibration.sigmoid(logits[:, 3:])
    return logits, np.eye(3)[chosen], units.astype(int)


def test_fit_undoes_what_was_done_to_the_logits():
    logits, classes, units = drawn()
    spoilt = logits.copy()
    spoilt[:, :3] *= 2.5
    spoilt[:, 3:] = logits[:, 3:] * [3.0, 0.5] + [1.0, -2.0]
    found = calibration.fit(spoilt, classes, units)
    assert found.temperature == pytest.approx(2.5, rel=0.05)
    np.testing.assert_allclose(found.slopes, [1 / 3, 2], rtol=0.1)
    probs, shares = calibration.apply(found, spoilt)
    np.testing.assert_allclose(probs.sum(1), 1)
    truth = calibration.sigmoid(logits[:, 3:])
    np.testing.assert_allclose(shares, truth, atol=0.05)


def test_rows_without_a_class_do_not_count():
    logits, classes, units = drawn()
    found = calibration.fit(logits, classes, units)
    classes[::2] = 0
    half = calibration.fit(logits, classes, units)
    classes[::2] = [[1, 0, 0]]
    wrong = calibration.fit(logits, classes, units)
    assert half.temperature == pytest.approx(found.temperature, rel=0.05)
    assert wrong.temperature > 1.3 * found.temperature


def test_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    truth = (rng.random(300) < 0.2).astype(int)
    probs = np.round(rng.random(300) * 0.5 + 0.4 * truth, 2)  # with ties
    chosen = calibration.best_threshold(probs, truth)
    best = max(metrics.f1_score(truth, probs > t) for t in np.unique(probs))
    assert metrics.f1_score(truth, probs > chosen) == pytest.approx(best)


def test_calibration_error_by_hand():
    probs, correct = np.array([0.95, 0.95, 0.55, 0.52]), np.array([1, 0, 1, 1])
    by_hand = (2 * abs(0.5 - 0.95) + 2 * abs(1 - 0.535)) / 4
    assert calibration.calibration_error(probs, correct) == pytest.approx(by_hand)
    assert calibration.calibration_error(np.ones(3), np.ones(3)) == 0


def test_risk_falls_with_coverage_where_confidence_tells():
    probs, correct = np.array([0.5, 0.9, 0.7]), np.array([0, 1, 1])
    risk = calibration.risk_coverage(probs, correct)
    np.testing.assert_allclose(risk, [0, 0, 1 / 3])


def test_sigmoid_does_not_overflow():
    with np.errstate(over="raise", invalid="raise"):
        found = calibration.sigmoid(np.array([-1e3, 0.0, 1e3]))
    np.testing.assert_allclose(found, [0, 0.5, 1], atol=1e-300)
