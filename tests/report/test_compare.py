"""Differences between finished runs, held against scores and a loop of resamples."""

import csv
import io

import numpy as np
import pytest
from sklearn.metrics import f1_score

from selfme_jax.evaluate import bootstrap, loso
from selfme_jax.report import compare
from selfme_jax.types import Predictions, UserError


def take(rows, index):
    return Predictions(*(column[index] for column in rows[:-1]), rows.classes)


def worse(rows, seed):
    """The same samples, half as good."""
    rng = np.random.default_rng(seed)
    if rows.several:
        noise = rng.random(rows.probs.shape)
    else:
        noise = rng.dirichlet(np.ones(rows.probs.shape[1]), len(rows.label))
    return rows._replace(probs=(rows.probs + noise) / 2)


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(compare, "RESAMPLES", 300)


@pytest.fixture
def three(rows, results):
    """Runs of classes; the second has one seed only."""
    other = worse(rows, 1)
    one = take(other, other.seed == 1)
    return [("a", rows, results), ("b", one, results), ("c", worse(rows, 2), results)]


@pytest.fixture
def two(unit_rows, unit_results):
    second = (worse(unit_rows, 1), unit_results)
    return [("SCViT $x$", unit_rows, unit_results), ("[bold]", *second)]


def table(folder):
    return list(csv.DictReader(io.StringIO((folder / "compare.csv").read_text())))


def test_every_later_run_is_held_against_every_earlier_one(three, tmp_path):
    text = compare.write(tmp_path / "new", three)
    found = table(tmp_path / "new")
    pairs = [("b", "a"), ("c", "a"), ("c", "b")]
    for data in ("pooled", "casme2", "smic"):
        own = [e for e in found if e["data"] == data]
        assert [(e["run"], e["minus"]) for e in own[::2]] == pairs
        assert {e["measure"] for e in own} == {"uf1", "uar"}
    for entry in found:
        change = float(entry["score"]) - float(entry["score_minus"])
        assert float(entry["difference"]) == pytest.approx(change)
        assert float(entry["low"]) <= float(entry["difference"]) + 0.05
        star = " *" if float(entry["low"]) > 0 or float(entry["high"]) < 0 else " "
        assert f"{change:+.3f} [{float(entry['low']):+.3f}" in text
        assert star in text
    assert {p.name for p in (tmp_path / "new").iterdir()} == {
        f"compare.{kind}" for kind in ("md", "txt", "csv", "png")
    }
    assert (tmp_path / "new" / "compare.md").read_text() == text


def test_scores_and_seeds_are_those_of_each_run(three, tmp_path):
    text = compare.write(tmp_path, three)
    lines = {
        line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line
    }
    assert "mean of 3 seeds (motion: 5 seeds)" in lines["a"]
    assert "one seed (motion: 5 seeds)" in lines["b"]
    for name, rows, _ in three:
        uf1 = loso.summarise(rows, resamples=2)["uf1"]
        assert f"{uf1:.3f} [" in lines[name] and "per_fold" in lines[name]
    assert "72 clips of 9 subjects" in text


def test_intervals_are_of_the_same_people_in_both(two, tmp_path):
    compare.write(tmp_path, two)
    sides = [loso.pool(rows) for _, rows, _ in two]
    persons = np.unique(sides[0].person)
    of = {p: np.flatnonzero(sides[0].person == p) for p in persons}
    changes = []
    for drawn in bootstrap.draws(len(persons), compare.RESAMPLES, 0):
        keep = np.concatenate([of[persons[p]] for p in drawn])
        label = sides[0].label[keep, 0]
        f1 = []
        for side in sides:
            likely = side.probs[:, keep, 0] >= 0.5
            hits = (likely & (label == 1)).sum(1)
            f1.append((2 * hits / (label.sum() + likely.sum(1))).mean())
        changes.append(f1[1] - f1[0])
    (entry,) = [
        e
        for e in table(tmp_path)
        if (e["data"], e["unit"], e["measure"]) == ("pooled", "1", "f1")
    ]
    low, high = np.percentile(changes, [2.5, 97.5])
    assert float(entry["low"]) == pytest.approx(low)
    assert float(entry["high"]) == pytest.approx(high)


def test_action_units_have_a_row_each(two, tmp_path):
    text = compare.write(tmp_path, two)
    seeds = [take(two[1][1], two[1][1].seed == k) for k in range(3)]
    f1 = np.mean([f1_score(r.label[:, 1], r.probs[:, 1] >= 0.5) for r in seeds])
    (line,) = [
        x for x in text.splitlines() if x.startswith("| AU 4, ") and "pooled" in x
    ]
    assert f"{f1:.3f}" in line
    assert "[bold]" in text and "SCViT $x$" in text
    assert {e["unit"] for e in table(tmp_path)} == {"", "1", "4", "12"}
    drawn = compare.picture(table_of_numbers(tmp_path))
    titles = [a.get_title(loc="left") for a in drawn.axes]
    assert "change of F1, pooled, by action unit" in titles
    assert len(titles) == 2 * 2 * 3


def table_of_numbers(folder):
    return [
        {k: float(v) if k in ("difference", "low", "high") else v for k, v in e.items()}
        for e in table(folder)
    ]


def test_what_to_know_is_said_once_or_of_whom(three, tmp_path):
    leaked = {**three[2][2], "protocol": dict(three[2][2]["protocol"])}
    leaked["protocol"]["saw_test_subject"] = True
    text = compare.write(tmp_path, [*three[:2], ("c", three[2][1], leaked)])
    assert "- c: Training saw the test subject" in text
    assert "- b: A reported number needs 5 seeds; this is one seed" in text
    assert text.count("A reported number needs 5 seeds; this is mean of 3") == 1
    assert "- a, c: A reported number needs" in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: take(r, r.subject != "sub<0>"), "16 samples are in the first alone"),
        (lambda r: r._replace(label=(r.label + 1) % 3), "72 samples have other labels"),
        (
            lambda r: r._replace(classes=("a", "b", "c")),
            "they predict negative, positive, surprise and a, b, c",
        ),
    ],
)
def test_refuses_runs_of_other_samples(rows, results, tmp_path, change, says):
    runs = [("one", rows, results), ("two", change(rows), results)]
    with pytest.raises(UserError, match=f"one and two cannot be compared: {says}"):
        compare.write(tmp_path / "x", runs)
    assert not (tmp_path / "x").exists()


def test_refuses_another_target_one_run_and_a_name_twice(three, two, tmp_path):
    for runs, says in (
        ([three[0], two[0]], "they predict negative.* and au1"),
        (three[:1], "two or more"),
        ([three[0], three[0]], "a is given twice"),
    ):
        with pytest.raises(UserError, match=says):
            compare.write(tmp_path, runs)
