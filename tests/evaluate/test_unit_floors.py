"""What action units are held against."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selfme_jax.evaluate import floors, folds, unit_floors, units

OUTPUTS = ("au1", "au4", "au12")


@pytest.fixture
def labels(samples):
    """[n, 3]; the last unit is shown by one person alone."""
    generator = np.random.default_rng(2)
    made = (generator.random((len(samples), 3)) < (0.3, 0.6, 0)).astype(int)
    made[[s.person == "a/s2" for s in samples], 2] = [1, 0, 1, 1, 0, 1, 1, 1, 0]
    return made


@pytest.fixture
def images(samples, labels):
    made = np.random.default_rng(3).normal(size=(1, len(samples), 8, 6, 2))
    made[0, :, :4, :4] += 2 * labels[:, None, None, :2]
    return made.astype(np.float32)


@pytest.fixture
def found(samples, images, labels):
    splits = folds.loso(samples)
    return unit_floors.evaluate(samples, splits, images, labels, OUTPUTS)


def test_constant_and_prevalence(samples, labels, found):
    assert (found["constant"].probs == 1).all()
    for split in folds.loso(samples):
        share = [labels[split.train, a].sum() / len(split.train) for a in range(3)]
        rows = found["prevalence"].probs[split.test]
        np.testing.assert_allclose(rows, [share] * len(split.test))
    for rows in found.values():
        np.testing.assert_array_equal(rows.label, labels)
        assert rows.classes == OUTPUTS


@pytest.mark.parametrize("wide", [True, False])
def test_linear_is_a_balanced_regression_for_each_unit(samples, images, labels, wide):
    images = images if wide else images[:, :, :2, :3]
    splits = folds.loso(samples)
    found = unit_floors.linear(splits, images, labels)
    flat = images[0].reshape(len(samples), -1).astype(float)
    for split in splits:
        for a in range(3):
            own = labels[split.train, a]
            if own.any():
                model = make_pipeline(
                    StandardScaler(),
                    LogisticRegression(
                        C=1e-3, class_weight="balanced", tol=1e-8, max_iter=10_000
                    ),
                ).fit(flat[split.train], own)
                expected = model.predict_proba(flat[split.test])[:, 1]
            else:
                expected = np.zeros(len(split.test))
            np.testing.assert_allclose(found[split.test, a], expected, atol=2e-4)


def test_linear_sees_nothing_of_the_held_out_person(samples, images, labels):
    splits = folds.loso(samples)
    each = np.repeat(images, len(splits), 0)
    for i, split in enumerate(splits):
        each[i, split.test[1:]] = 1e6
    first = [split.test[0] for split in splits]
    before, after = (unit_floors.linear(splits, x, labels) for x in (images, each))
    np.testing.assert_array_equal(after[first], before[first])


def test_linear_learns_what_is_linear(samples, images, labels, found):
    scores = units.summarise(found["linear"], resamples=5)["aus"]
    assert scores["1"]["auc"] > 0.9 and scores["4"]["auc"] > 0.9


def test_guessing_is_what_guessed_rows_score(found):
    rows = found["prevalence"]
    result = unit_floors.guess(rows)
    generator = np.random.default_rng(1)
    for a, name in enumerate(("1", "4", "12")):
        f1 = [
            f1_score(rows.label[:, a], generator.random(35) < rows.probs[:, a])
            for _ in range(100)
        ]
        assert result["aus"][name]["f1"] == pytest.approx(np.mean(f1), abs=0.04)
    own = [v["f1"] for v in result["aus"].values()]
    assert result["mean_f1"] == pytest.approx(np.mean(own))
    assert result["mean_auc"] == 0.5 and 0 < result["mean_f1_sd"] < 0.2
    assert set(result["datasets"]) == {"a", "b"}
    assert set(result["datasets"]["b"]["aus"]) == {"1", "4"}
    assert result == unit_floors.guess(rows)


def test_recomputed_from_floors_csv_exactly(samples, images, labels, tmp_path):
    told = []
    found = unit_floors.evaluate(
        *(samples, folds.loso(samples), images, labels, OUTPUTS),
        standardised=2 * images,
        tell=lambda *words: told.append(words),
    )
    floors.write(tmp_path / "floors.csv", found)
    again = floors.read(tmp_path / "floors.csv")
    names = ["constant", "prevalence", "linear", "linear_standardised"]
    assert list(again) == list(found) == names
    for name, rows in found.items():
        for column, other in zip(rows, again[name], strict=True):
            np.testing.assert_array_equal(column, other)
    options = {"resamples": 30}
    first, second = (unit_floors.summarise(x, **options) for x in (found, again))
    assert json.dumps(first) == json.dumps(second)
    assert [t[0] for t in told] == 7 * ["floor linear"] + 7 * [
        "floor linear_standardised"
    ]
    assert [t[1:3] for t in told[:7]] == [(i + 1, 7) for i in range(7)]
