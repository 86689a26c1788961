import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from selfme_jax.evaluate import loso, predictions
from selfme_jax.types import Predictions, UserError

MACRO = {"labels": range(3), "average": "macro", "zero_division": 0}


def take(rows: Predictions, index) -> Predictions:
    return Predictions(*(column[index] for column in rows[:-1]), rows.classes)


@pytest.mark.parametrize("dataset", [None, "a", "b"])
def test_mean_of_folds_equals_scikit_learn_person_by_person(rows, dataset):
    """As its users have it: scikit-learn that is not told the classes."""
    result = loso.summarise(rows, resamples=50, rule="mean_of_folds")
    part = result["datasets"][dataset] if dataset else result
    own = take(rows, rows.dataset == dataset) if dataset else rows
    persons = np.char.add(own.dataset, own.subject)
    options = {"average": "macro", "zero_division": 0}
    f1, recall = [], []
    for name in np.unique(persons):
        for seed in (5, 8, 11):
            r = take(own, (persons == name) & (own.seed == seed))
            f1.append(f1_score(r.label, r.pred, **options))
            recall.append(recall_score(r.label, r.pred, **options))
    assert part["uf1"] == pytest.approx(np.mean(f1))
    assert part["uar"] == pytest.approx(np.mean(recall))
    low, high = part["ci95"]["uf1"]
    assert low < part["uf1"] < high
    assert part["confusion"] == loso.summarise(take(own, slice(None)))["confusion"]


@pytest.mark.parametrize("dataset", [None, "a", "b"])
def test_equals_scikit_learn_seed_by_seed(rows, dataset):
    result = loso.summarise(rows, resamples=20)
    part = result["datasets"][dataset] if dataset else result
    own = take(rows, rows.dataset == dataset) if dataset else rows
    by_seed = [take(own, own.seed == s) for s in (5, 8, 11)]
    f1 = [f1_score(r.label, r.pred, **MACRO) for r in by_seed]
    recall = [recall_score(r.label, r.pred, **MACRO) for r in by_seed]
    right = [accuracy_score(r.label, r.pred) for r in by_seed]
    assert part["uf1"] == pytest.approx(np.mean(f1))
    assert part["uar"] == pytest.approx(np.mean(recall))
    assert part["accuracy"] == pytest.approx(np.mean(right))
    assert part["uf1_sd"] == pytest.approx(np.std(f1, ddof=1))
    assert part["uar_sd"] == pytest.approx(np.std(recall, ddof=1))
    assert [s["seed"] for s in part["seeds"]] == [5, 8, 11]
    assert [s["uf1"] for s in part["seeds"]] == pytest.approx(f1)
    assert [s["uar"] for s in part["seeds"]] == pytest.approx(recall)
    assert [s["accuracy"] for s in part["seeds"]] == pytest.approx(right)
    counts = [confusion_matrix(r.label, r.pred, labels=range(3)) for r in by_seed]
    np.testing.assert_allclose(part["confusion"], np.mean(counts, 0))
    np.testing.assert_allclose(np.sum(part["confusion"], 1), part["class_counts"])
    np.testing.assert_allclose(
        part["per_class_f1"],
        np.mean([f1_score(r.label, r.pred, average=None) for r in by_seed], 0),
    )
    assert part["n"] == sum(part["class_counts"]) == len(by_seed[0].label)
    assert part["subjects"] == {None: 7, "a": 4, "b": 3}[dataset]
    assert part["classes"] == list(rows.classes)


def test_pooled_over_folds_and_no_mean_of_folds(rows):
    one = take(rows, rows.seed == 5)
    per_fold = [
        f1_score(one.label[one.fold == k], one.pred[one.fold == k], **MACRO)
        for k in np.unique(one.fold)
    ]
    pooled = f1_score(one.label, one.pred, **MACRO)
    assert abs(np.mean(per_fold) - pooled) > 0.05  # the data can tell them apart
    assert loso.summarise(one, resamples=5)["uf1"] == pytest.approx(pooled)


def test_ensemble_is_the_vote_by_mean_probability(rows):
    mean = {}
    for key, label, probs in zip(
        zip(rows.dataset, rows.subject, rows.sample, strict=True),
        rows.label,
        rows.probs,
        strict=True,
    ):
        total = mean.setdefault(key, (label, np.zeros(3)))[1]
        total += probs / 3
    label = [v[0] for v in mean.values()]
    vote = [v[1].argmax() for v in mean.values()]
    result = loso.summarise(rows, resamples=5)
    found = result["ensemble"]
    assert found["uf1"] == pytest.approx(f1_score(label, vote, **MACRO))
    assert found["uar"] == pytest.approx(recall_score(label, vote, **MACRO))
    assert found["accuracy"] == pytest.approx(accuracy_score(label, vote))
    assert found["confusion"] == confusion_matrix(label, vote).tolist()
    assert found["uf1"] != result["uf1"]


def test_row_order_changes_nothing(rows):
    order = np.random.default_rng(9).permutation(len(rows.seed))
    again = loso.summarise(take(rows, order), resamples=50)
    assert again == loso.summarise(rows, resamples=50)


def test_recomputed_from_the_file_exactly(rows, tmp_path):
    predictions.write(tmp_path / "predictions.csv", rows)
    again = loso.summarise(predictions.read(tmp_path / "predictions.csv"), resamples=50)
    assert json.dumps(again) == json.dumps(loso.summarise(rows, resamples=50))


def test_interval_holds_the_score_and_depends_on_the_seed_alone(rows):
    first = loso.summarise(rows, resamples=400, seed=1)
    assert first == loso.summarise(rows, resamples=400, seed=1)
    assert first["ci95"] != loso.summarise(rows, resamples=400, seed=2)["ci95"]
    for key in ("uf1", "uar"):
        low, high = first["ci95"][key]
        assert 0 <= low < first[key] < high <= 1


def test_one_seed_has_no_spread(rows):
    result = loso.summarise(take(rows, rows.seed == 8), resamples=5)
    assert result["uf1_sd"] == 0.0 and len(result["seeds"]) == 1
    assert result["ensemble"]["uf1"] == pytest.approx(result["uf1"])


def test_margins_are_paired(rows):
    # A floor as good as the run but for one person: most resamples differ there only.
    one = take(rows, rows.seed == 5)
    hurt = one.probs.copy()
    own = np.flatnonzero((one.dataset == "a") & (one.subject == "s2"))
    hurt[own] = np.eye(3)[(one.label[own] + 1) % 3]
    floor = one._replace(probs=hurt, seed=np.zeros_like(one.seed))
    found = loso.margins(rows, {"x": floor}, resamples=300)["x"]
    scores = [loso.summarise(r, resamples=300) for r in (rows, floor)]
    for key in ("uf1", "uar"):
        assert found[key] == pytest.approx(scores[0][key] - scores[1][key])
        low, high = found["ci95"][key]
        assert low <= found[key] <= high
    same = loso.margins(one, {"x": floor}, resamples=300)["x"]["datasets"]["b"]
    assert same == {"uf1": 0.0, "uar": 0.0, "ci95": {"uf1": [0, 0], "uar": [0, 0]}}


@pytest.mark.parametrize("what", ["missing", "twice", "label", "empty"])
def test_refuses(rows, what):
    label = rows.label.copy()
    if what == "missing":
        bad, says = take(rows, np.arange(1, len(label))), "misses 1 sample"
    elif what == "twice":
        bad, says = take(rows, np.r_[0, np.arange(len(label))]), "twice"
    elif what == "label":
        label[0] = (label[0] + 1) % 3
        bad, says = rows._replace(label=label), "disagree on the label"
    else:
        bad, says = take(rows, slice(0)), "no predictions"
    with pytest.raises(UserError, match=says):
        loso.summarise(bad, resamples=5)


def test_margins_refuse_other_samples(rows):
    floor = take(rows, rows.dataset == "a")
    with pytest.raises(UserError, match="not of the same samples"):
        loso.margins(rows, {"linear": floor}, resamples=5)


def test_margins_refuse_other_classes(rows):
    probs = np.hstack([rows.probs, 0 * rows.probs[:, :1]])
    floor = rows._replace(probs=probs, classes=(*rows.classes, "other"))
    with pytest.raises(UserError, match="not of the same samples"):
        loso.margins(rows, {"linear": floor}, resamples=5)
