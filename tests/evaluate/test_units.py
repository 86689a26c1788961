"""Scores of action units, held against scikit-learn."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from selfme_jax.evaluate import bootstrap, loso, predictions, units
from selfme_jax.types import Predictions, UserError


def take(rows: Predictions, index) -> Predictions:
    return Predictions(*(column[index] for column in rows[:-1]), rows.classes)


def by_scikit_learn(rows, unit):
    """(F1, AUC) of a unit, one for each seed."""
    a = rows.classes.index(unit)
    found = []
    for seed in (5, 8, 11):
        own = take(rows, rows.seed == seed)
        label, probs = own.label[:, a], own.probs[:, a]
        f1 = f1_score(label, probs >= 0.5, zero_division=0)
        found.append((f1, roc_auc_score(label, probs)))
    return np.array(found).T


@pytest.mark.parametrize("dataset", [None, "a", "b"])
def test_equals_scikit_learn_seed_by_seed(unit_rows, dataset):
    result = units.summarise(unit_rows, resamples=20)
    part = result["datasets"][dataset] if dataset else result
    own = take(unit_rows, unit_rows.dataset == dataset) if dataset else unit_rows
    scored = ["1", "4"] if dataset == "b" else ["1", "4", "12"]
    assert list(part["aus"]) == scored
    assert part["left_out"] == [n for n in ("12", "17", "25") if n not in scored]
    assert part["units"] == ["1", "4", "12", "17", "25"]
    values = {n: by_scikit_learn(own, f"au{n}") for n in scored}
    for name, (f1, auc) in values.items():
        entry = part["aus"][name]
        assert entry["f1"] == pytest.approx(f1.mean())
        assert entry["auc"] == pytest.approx(auc.mean())
        assert entry["f1_sd"] == pytest.approx(f1.std(ddof=1))
        assert entry["auc_sd"] == pytest.approx(auc.std(ddof=1))
        label = own.label[:, own.classes.index(f"au{name}")]
        assert entry["n"] == label.sum() / 3
    for i, key in enumerate(("mean_f1", "mean_auc")):
        means = np.mean([v[i] for v in values.values()], 0)
        assert part[key] == pytest.approx(means.mean())
        assert part[f"{key}_sd"] == pytest.approx(means.std(ddof=1))
        assert [s[key] for s in part["seeds"]] == pytest.approx(means)
        low, high = part["ci95"][key]
        assert 0 <= low < part[key] < high <= 1
    assert [s["seed"] for s in part["seeds"]] == [5, 8, 11]
    assert part["n"] == len(own.seed) / 3
    assert part["subjects"] == {None: 7, "a": 4, "b": 3}[dataset]


def test_resamples_equal_a_loop_over_rows(unit_rows):
    pooled = loso.pool(unit_rows)
    persons = np.unique(pooled.person)
    times = bootstrap.times_drawn(len(persons), 25, 7)
    found = units.of_persons(pooled, times)
    assert found.f1.shape == (25, 3, 5)
    undefined = 0
    for r, drawn in enumerate(bootstrap.draws(len(persons), 25, 7)):
        keep = np.concatenate(
            [np.flatnonzero(pooled.person == persons[p]) for p in drawn]
        )
        for a in range(5):
            label = pooled.label[keep, a]
            for s in range(3):
                pair = found.f1[r, s, a], found.auc[r, s, a]
                if label.min() == label.max():
                    undefined += 1
                    assert np.isnan(pair).all()
                    continue
                probs = pooled.probs[s, keep, a]
                expected = f1_score(label, probs >= 0.5), roc_auc_score(label, probs)
                assert pair == pytest.approx(expected, abs=1e-12)
    assert undefined >= 150  # 17 and 25, always


def test_a_resample_without_a_unit_does_without_it(unit_rows):
    options = {"resamples": 300, "seed": 0}
    pooled = loso.pool(unit_rows)
    times = bootstrap.times_drawn(7, 300, 0)
    auc = units.of_persons(pooled, times).auc.mean(1)[:, :3]
    low, high = np.nanpercentile(np.nanmean(auc, 1), [2.5, 97.5])
    found = units.summarise(unit_rows, **options)["ci95"]["mean_auc"]
    assert found == pytest.approx([low, high])


def test_ensemble_is_of_the_mean_probability(unit_rows):
    pooled = loso.pool(unit_rows)
    mean = pooled.probs.mean(0)
    found = units.summarise(unit_rows, resamples=5)["ensemble"]
    f1 = [f1_score(pooled.label[:, a], mean[:, a] >= 0.5) for a in range(3)]
    auc = [roc_auc_score(pooled.label[:, a], mean[:, a]) for a in range(3)]
    assert found["mean_f1"] == pytest.approx(np.mean(f1))
    assert found["mean_auc"] == pytest.approx(np.mean(auc))


def test_row_order_changes_nothing_and_the_file_gives_it_again(unit_rows, tmp_path):
    expected = json.dumps(units.summarise(unit_rows, resamples=50))
    order = np.random.default_rng(9).permutation(len(unit_rows.seed))
    shuffled = take(unit_rows, order)
    assert json.dumps(units.summarise(shuffled, resamples=50)) == expected
    predictions.write(tmp_path / "p.csv", shuffled)
    again = predictions.read(tmp_path / "p.csv")
    assert json.dumps(units.summarise(again, resamples=50)) == expected
    assert json.loads(expected) and "NaN" not in expected


def test_margins_are_paired(unit_rows):
    one = take(unit_rows, unit_rows.seed == 5)
    hurt = one.probs.copy()
    own = np.flatnonzero((one.dataset == "a") & (one.subject == "s2"))
    hurt[own] = 1 - one.label[own]
    floor = one._replace(probs=hurt)
    found = units.margins(unit_rows, {"x": floor}, resamples=200)["x"]
    both = [units.summarise(r, resamples=200) for r in (unit_rows, floor)]
    for key in ("mean_f1", "mean_auc"):
        assert found[key] == pytest.approx(both[0][key] - both[1][key])
        low, high = found["ci95"][key]
        assert low <= found[key] <= high
    for name, margin in found["aus"].items():
        change = both[0]["aus"][name]["auc"] - both[1]["aus"][name]["auc"]
        assert margin["auc"] == pytest.approx(change)
    same = units.margins(one, {"x": floor}, resamples=200)["x"]["datasets"]["b"]
    assert (same["mean_f1"], same["ci95"]["mean_auc"]) == (0, [0, 0])
    with pytest.raises(UserError, match="not of the same samples"):
        units.margins(unit_rows, {"x": take(floor, floor.dataset == "a")})


def test_a_dataset_without_any_unit_is_left_out(unit_rows):
    label = unit_rows.label.copy()
    label[unit_rows.dataset == "b"] = 0
    found = units.summarise(unit_rows._replace(label=label), resamples=5)
    assert list(found["datasets"]) == ["a"]
    with pytest.raises(UserError, match="none of the action units 1, 4, 12, 17, 25"):
        units.summarise(unit_rows._replace(label=0 * label), resamples=5)


def test_resamples_without_any_unit_know_nothing(unit_rows):
    """Of two people one shows it always, the other never; one is drawn twice."""
    both = (unit_rows.dataset == "a") & np.isin(unit_rows.subject, ["s0", "s2"])
    rows = take(unit_rows, both)
    rows = rows._replace(label=np.tile(rows.subject[:, None] == "s0", 5).astype(int))
    seed = next(s for s in range(99) if np.ptp(bootstrap.draws(2, 1, s)) == 0)
    found = units.summarise(rows, resamples=1, seed=seed)
    assert found["ci95"] == {"mean_f1": [0, 1], "mean_auc": [0, 1]}
    margin = units.margins(rows, {"x": rows}, resamples=1, seed=seed)["x"]
    assert margin["ci95"] == {"mean_f1": [-1, 1], "mean_auc": [-1, 1]}


@pytest.mark.parametrize("what", ["missing", "label"])
def test_refuses(unit_rows, what):
    label = unit_rows.label.copy()
    if what == "missing":
        bad, says = take(unit_rows, np.arange(1, len(label))), "misses 1 sample"
    else:
        label[0, 1] = 1 - label[0, 1]
        bad, says = unit_rows._replace(label=label), "disagree on the label"
    with pytest.raises(UserError, match=says):
        units.summarise(bad, resamples=5)
