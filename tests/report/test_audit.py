"""The audit: what stands on its page follows from the predictions of its runs."""

import csv
import io
import json

import numpy as np
import pytest
from etils import epath

from selfme_jax.evaluate import floors, folds, loso, predictions
from selfme_jax.report import audit, finished
from selfme_jax.report.comparison import Cell
from selfme_jax.types import Sample

CLASSES = ("negative", "positive", "surprise")
RIGHT = dict(zip(audit.VARIANTS, (0.5, 0.8, 0.3, 0.6), strict=True))
ORIGIN = {"git": "", "versions": {"jax": "1"}, "device": "1 x cpu", "wall_seconds": 3.0}


def run(folder, right):
    """A workdir of two seeds, so much of which is right."""
    rng = np.random.default_rng(0)
    samples = [
        Sample("toy", f"s{p}", f"c{c}", int(rng.integers(3)))
        for p in range(6)
        for c in range(5)
    ]
    splits = folds.loso(samples)
    labels = np.array([s.label for s in samples])
    wrong = rng.random((2, len(samples))) > right
    probs = np.eye(3)[(labels + wrong) % 3]
    rows = predictions.table(samples, splits, (0, 1), labels, probs, CLASSES)
    folder.mkdir(parents=True)
    predictions.write(folder / "predictions.csv", rows)
    inputs = rng.normal(size=(1, len(samples), 3))
    floors.write(
        folder / "floors.csv", floors.evaluate(samples, splits, inputs, CLASSES)
    )
    protocol = dict.fromkeys(finished.PROTOCOL, "") | {"motion_seeds": 1}
    told = {"provenance": ORIGIN, "protocol": protocol}
    (folder / "results.json").write_text(json.dumps(told))
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    root = epath.Path(tmp_path_factory.mktemp("runs"))
    made = [
        Cell(
            f"ANet: {name}", "casme2", None, {"casme2": (0.9, 0.8)}, run(root / name, r)
        )
        for name, r in RIGHT.items()
    ]
    fixed = made[0]._replace(name="B: fixed epochs", paper={})
    return [
        *made,
        fixed,
        Cell("B: oracle epoch", "casme2", None, {}, why_not="is an SVM"),
    ]


def read(cell):
    rows = predictions.read(cell.folder / "predictions.csv")
    return rows, loso.summarise(rows)


def test_scores_are_those_of_the_files(cells):
    first, second = audit.lines(cells)
    assert (first.system, first.data, first.seeds) == ("ANet", "casme2", 2)
    for cell, name in zip(cells, audit.VARIANTS, strict=False):
        _, expected = read(cell)
        own = first.scores[name]
        assert (own.uf1, own.uar) == pytest.approx((expected["uf1"], expected["uar"]))
        assert [own.low, own.high] == pytest.approx(expected["ci95"]["uf1"])
    fixed, oracle = (loso.pool(read(cell)[0]) for cell in cells[:2])
    expected = loso.difference(oracle, fixed, resamples=2000)
    assert first.gain == pytest.approx((expected["uf1"], *expected["ci95"]["uf1"]))
    assert first.gain[0] > 0 and first.published == (0.9, 0.8)
    assert list(second.scores) == ["fixed epochs"] and second.gain is None
    assert second.why_not["oracle epoch"] == "is an SVM"
    assert second.why_not["shuffled"] == "not asked for"


def test_files(cells, tmp_path):
    text = audit.write(epath.Path(tmp_path), "What <b> does", cells)
    names = {"audit.md", "audit.csv", "audit.png", "audit.html"}
    assert names <= {path.name for path in tmp_path.iterdir()}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "audit.csv").read_text())))
    first = audit.lines(cells)[0]
    for name, score in first.scores.items():
        assert float(rows[0][f"{name}: uf1"]) == score.uf1
        assert f"{score.uf1:.3f} [{score.low:.3f}, {score.high:.3f}]" in text
    # Two seeds of a system on motion of one are not two seeds of the whole.
    assert "mean of 2 seed(s) (1 of the motion network)" in text
    assert (rows[0]["seeds"], rows[0]["motion_seeds"]) == ("2", "1")
    assert float(rows[0]["published_uf1"]) == 0.9 and rows[1]["gain"] == ""
    assert "B on casme2, oracle epoch: is an SVM." in text and "*" in text
    page = (tmp_path / "audit.html").read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "What &lt;b&gt; does" in page and "http" not in page.split("base64")[0]
    assert f"{first.scores['oracle epoch'].uf1:.3f}" in page
