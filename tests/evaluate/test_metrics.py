import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from selfme_jax.evaluate import metrics


def test_hand_computed():
    # Confusion [[2, 1, 0], [0, 1, 0], [1, 0, 1]]: F1 4/6, 2/3, 2/3; recall 2/3, 1, 1/2.
    labels, predictions = [0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2]
    uf1, uar = metrics.uf1_uar(labels, predictions, 3)
    assert type(uf1) is float and type(uar) is float
    assert uf1 == pytest.approx((4 / 6 + 2 / 3 + 2 / 3) / 3)
    assert uar == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    counts = metrics.confusion(labels, predictions, 3)
    np.testing.assert_array_equal(counts, [[2, 1, 0], [0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_equals_scikit_learn(classes, seed):
    generator = np.random.default_rng([classes, seed])
    skew = generator.dirichlet(np.ones(classes))
    labels = generator.choice(classes, size=30, p=skew)
    predictions = np.where(
        generator.random(30) < 0.6, labels, generator.integers(0, classes, 30)
    )
    _against_scikit_learn(labels, predictions, classes)


@pytest.mark.parametrize(
    "labels, predictions",
    [
        ([0, 0, 2, 2], [0, 2, 2, 2]),  # class 1 is nowhere
        ([0, 0, 2, 2], [0, 1, 2, 2]),  # class 1 is only predicted
        ([0, 1, 2, 1], [0, 0, 2, 2]),  # class 1 is never predicted
        ([0, 0], [1, 1]),
    ],
)
def test_absent_classes_count_as_zero(labels, predictions):
    _against_scikit_learn(labels, predictions, 3)


def test_class_that_is_nowhere_lowers_both_means():
    assert metrics.uf1_uar([0, 1], [0, 1], 2) == (1.0, 1.0)
    assert metrics.uf1_uar([0, 1], [0, 1], 4) == (0.5, 0.5)


def test_leading_axes_are_a_loop():
    counts = np.random.default_rng(0).integers(0, 6, (4, 2, 3, 3))
    counts[1, 1, 2] = 0
    counts[1, 1, :, 2] = 0
    together, f1 = metrics.scores(counts), metrics.per_class_f1(counts)
    assert f1.shape == (4, 2, 3)
    for place in np.ndindex(4, 2):
        alone = metrics.scores(counts[place])
        for name in alone._fields:
            assert getattr(together, name)[place] == getattr(alone, name)
        np.testing.assert_array_equal(f1[place], metrics.per_class_f1(counts[place]))


def test_rows_are_truth():
    np.testing.assert_array_equal(metrics.confusion([1], [0], 2), [[0, 0], [1, 0]])


@pytest.mark.parametrize(
    "labels, predictions, says",
    [
        ([0, 1], [0], "2 labels but 1 predictions"),
        ([], [], "n > 0"),
        ([0, 3], [0, 1], r"labels: 0\.\.3 is outside 0\.\.2"),
        ([0, 1], [-1, 1], r"predictions: -1\.\.1 is outside"),
        ([0.0, 1.0], [0, 1], "expected integers"),
        ([[0, 1]], [[0, 1]], r"shape \(1, 2\)"),
    ],
)
def test_refuses(labels, predictions, says):
    with pytest.raises(ValueError, match=says):
        metrics.uf1_uar(labels, predictions, 3)


def _against_scikit_learn(labels, predictions, classes):
    options = {"labels": range(classes), "average": "macro", "zero_division": 0}
    uf1, uar = metrics.uf1_uar(labels, predictions, classes)
    assert uf1 == pytest.approx(f1_score(labels, predictions, **options))
    assert uar == pytest.approx(recall_score(labels, predictions, **options))
    counts = metrics.confusion(labels, predictions, classes)
    np.testing.assert_array_equal(
        counts, confusion_matrix(labels, predictions, labels=range(classes))
    )
    assert metrics.scores(counts).accuracy == accuracy_score(labels, predictions)
    np.testing.assert_allclose(
        metrics.per_class_f1(counts),
        f1_score(labels, predictions, **(options | {"average": None})),
    )
