"""Tables of several runs: what stands in them follows from the files of the runs."""

import csv
import io
import json
import re

import numpy as np
import pytest
from etils import epath

from selfme_jax.evaluate import bootstrap, floors, folds, loso, predictions, units
from selfme_jax.report import comparison, curves, layout
from selfme_jax.report.comparison import Cell
from selfme_jax.types import Predictions, Sample

CLASSES = ("negative", "positive", "surprise")
PAPER = {"casme2": (0.9, 0.8), "smic": (0.7, 0.6)}


def run(folder, rows, protocol, names):
    """A workdir as a run leaves it, for samples of these datasets."""
    folder.mkdir(parents=True)
    own = np.isin(rows.dataset, names)
    rows = Predictions(*(column[own] for column in rows[:-1]), rows.classes)
    predictions.write(folder / "predictions.csv", rows)
    first = rows.seed == rows.seed[0]
    columns = zip(*(c[first] for c in (rows.dataset, rows.subject, rows.sample)))  # noqa: B905
    labels = rows.label[first]
    samples = [Sample(*key, int(n)) for key, n in zip(columns, labels, strict=True)]
    inputs = np.random.default_rng(0).normal(size=(1, len(samples), 3))
    hints = inputs + 0.7 * np.eye(3)[labels]  # a second linear floor, above the first
    splits = folds.loso(samples)
    floor = floors.evaluate(samples, splits, inputs, CLASSES, standardised=hints)
    floors.write(folder / "floors.csv", floor)
    (folder / "results.json").write_text(json.dumps({"protocol": protocol}))
    return folder


@pytest.fixture(scope="module")
def cells(made, tmp_path_factory):
    """Two runs on each dataset alone and on both; one row that cannot be had."""
    rows, results = made
    rng = np.random.default_rng(1)
    other = rows._replace(probs=rng.dirichlet(np.ones(3), len(rows.label)))
    made_cells = []
    stem = tmp_path_factory.mktemp("cells")
    for part, names in {
        "casme2": ["casme2"],
        "smic": ["smic"],
        "all": ["casme2", "smic"],
    }.items():
        for name, probs in {"A & B": other, "SelfME": rows}.items():
            folder = run(stem / part / name, probs, results["protocol"], names)
            made_cells.append(Cell(name, part, 1.0, PAPER, folder))
        made_cells.append(Cell("LBP-TOP", part, None, PAPER, why_not="needs frames"))
    return made_cells


@pytest.fixture(scope="module")
def found(cells):
    return comparison.entries("SelfME", cells)


def test_a_line_for_each_row_and_each_view_of_the_data(found):
    views = ["casme2", "smic", "all: pooled", "all: casme2", "all: smic"]
    assert list(layout.by_data(found)) == views
    for own in layout.by_data(found).values():
        assert [entry["row"] for entry in own] == ["A & B", "SelfME", "LBP-TOP"]
        assert own[2]["uf1"] is None and own[2]["why_not"] == "needs frames"


def test_scores_are_those_of_the_predictions(found, cells):
    for cell in cells:
        if cell.why_not:
            continue
        summary = loso.summarise(predictions.read(cell.folder / "predictions.csv"))
        both = floors.read(cell.folder / "floors.csv")
        first = loso.summarise(both["linear"], resamples=2)
        below = loso.summarise(both["linear_standardised"], resamples=2)
        assert below["uf1"] > first["uf1"]  # so it is the one that counts
        data = f"{cell.part}: pooled" if cell.part == "all" else cell.part
        (entry,) = [e for e in found if (e["row"], e["data"]) == (cell.name, data)]
        assert entry["uf1"] == summary["uf1"] and entry["uar"] == summary["uar"]
        assert [entry["uf1_low"], entry["uf1_high"]] == summary["ci95"]["uf1"]
        assert entry["floor_uf1"] == below["uf1"]
        for name, own in below["datasets"].items() if cell.part == "all" else ():
            data = f"all: {name}"
            (one,) = [e for e in found if (e["row"], e["data"]) == (cell.name, data)]
            assert one["floor_uf1"] == own["uf1"] > first["datasets"][name]["uf1"]
        assert (entry["seeds"], entry["clips"]) == (3, summary["n"])


def test_differences_are_paired_over_subjects(found, cells):
    ours, theirs = (
        loso.by_person(loso.pool(predictions.read(cell.folder / "predictions.csv")))[1]
        for cell in cells[:2]
    )
    a, b = (bootstrap.scores(c, resamples=2000, seed=0).uf1 for c in (ours, theirs))
    (entry,) = [e for e in found if (e["row"], e["data"]) == ("A & B", "casme2")]
    low, high = np.percentile(a - b, [2.5, 97.5])
    assert entry["difference_uf1_low"] == pytest.approx(low)
    assert entry["difference_uf1_high"] == pytest.approx(high)
    assert entry["difference_uf1"] == pytest.approx(
        entry["uf1"] - next(e for e in found if e["row"] == "SelfME")["uf1"]
    )
    own = [e for e in found if e["row"] == "SelfME"]
    assert all(e["difference_uf1"] is None for e in own)


def test_the_papers_numbers_stand_beside_the_data_they_are_of(found):
    by_data = {e["data"]: e for e in found if e["row"] == "SelfME"}
    assert by_data["casme2"]["paper_uf1"] == by_data["all: casme2"]["paper_uf1"] == 0.9
    assert by_data["smic"]["paper_uar"] == 0.6
    assert by_data["all: pooled"]["paper_uf1"] is None
    synthetic = Cell("SelfME", "synthetic", None, PAPER, why_not="x")
    (entry,) = comparison.entries("SelfME", [synthetic])
    assert (entry["paper_uf1"], entry["paper_data"]) == (0.9, "CASME II")


def test_another_rule_of_scoring(cells):
    mean = cells[0]._replace(name="mean", rule="mean_of_folds")
    own, other = comparison.entries("A & B", [cells[0], mean])
    rows = predictions.read(cells[0].folder / "predictions.csv")
    expected = loso.summarise(rows, rule="mean_of_folds", resamples=2)
    assert other["uf1"] == expected["uf1"] != own["uf1"]
    assert other["difference_uf1"] == pytest.approx(other["uf1"] - own["uf1"])


def test_files(found, tmp_path):
    text = comparison.write(tmp_path, "Systems", "", "SelfME", found)
    assert (tmp_path / "table.md").read_text() == text
    assert text.count("| A & B") == 5 and "needs frames" in text
    table = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert len(table) == len(found)
    assert float(table[0]["uf1"]) == found[0]["uf1"]
    assert json.loads((tmp_path / "table.json").read_text()) == found
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
    tex = (tmp_path / "table.tex").read_text()
    assert tex.count(r"\begin{tabular}{lllll}") == tex.count(r"\end{tabular}") == 5
    body = [line for line in tex.splitlines() if line.endswith(r"\\")]
    # Four separators a line, names escaped.
    assert all(len(re.findall(r"(?<!\\)&", line)) == 4 for line in body)
    assert sum(r"A \& B" in line for line in body) == 5


def test_a_curve_has_the_best_of_the_paper(cells):
    part = [c._replace(name=f"gamma = {x:g}", x=x) for c, x in zip(cells, (1.0, 2.0))]  # noqa: B905
    found = comparison.entries("gamma = 2", part)
    drawn = curves.curve(found, "gamma")
    place = drawn.axes[0]
    assert [t.get_text() for t in place.get_xticklabels()] == ["1", "2"]
    names = [line.get_label() for line in place.lines]
    assert {"ours", "linear floor", "the paper's best"} <= set(names)


def test_action_units_have_their_own_measures(made_units, tmp_path):
    """In place of UF1 and UAR; the paper has none."""
    rows, results = made_units
    noise = np.random.default_rng(2).random(rows.probs.shape)
    cells = []
    for name, own in (("worse", rows._replace(probs=noise)), ("SelfME", rows)):
        folder = tmp_path / name
        folder.mkdir()
        predictions.write(folder / "predictions.csv", own)
        first = Predictions(*(c[own.seed == 0] for c in own[:-1]), own.classes)
        floor = dict.fromkeys(("constant", "prevalence", "linear"), first)
        floors.write(folder / "floors.csv", floor)
        (folder / "results.json").write_text(json.dumps(results))
        cells.append(Cell(name, "all", None, PAPER, epath.Path(folder)))
    cells.append(Cell("LBP-TOP", "all", None, PAPER, why_not="needs frames"))
    found = comparison.entries("SelfME", cells)
    assert [e["data"] for e in found[::3]] == [
        "all: pooled",
        "all: casme2",
        "all: smic",
    ]
    pooled = found[1]
    assert pooled["mean_f1"] == pytest.approx(results["mean_f1"])
    assert pooled["mean_auc_high"] == pytest.approx(
        units.summarise(rows)["ci95"]["mean_auc"][1]
    )
    change = found[0]["difference_mean_auc"]
    assert change == pytest.approx(found[0]["mean_auc"] - pooled["mean_auc"])
    assert found[0]["difference_mean_auc_high"] < 0
    assert not [key for e in found for key in e if "uf1" in key or "paper" in key]
    text = comparison.write(tmp_path, "Title", "", "SelfME", found)
    assert "mean F1 - SelfME" in text and "paper" not in text.lower()
    assert "5 of the motion network" in text and "LBP-TOP: needs frames" in text
    tex = (tmp_path / "table.tex").read_text()
    assert r"\begin{tabular}{llll}" in tex and "mean AUC & linear floor" in tex


def test_seeds_of_the_motion_network_stand_beside(found, tmp_path):
    assert {e["motion_seeds"] for e in found if e["seeds"]} == {5}
    text = comparison.write(tmp_path, "T", "", "SelfME", found)
    assert "Mean of 3 seed(s), 5 of the motion network;" in text
    for entry in found:
        entry["motion_seeds"] = 0 if entry["seeds"] else None
    assert "motion network" not in comparison.write(tmp_path, "T", "", "SelfME", found)
