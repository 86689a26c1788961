"""F1 of action units by system and dataset, beside what MEB publishes."""

import csv
import io

import numpy as np
import pytest
from etils import epath
from sklearn import metrics

from selfme_jax.data import action_unit_labels
from selfme_jax.evaluate import floors as floor_files
from selfme_jax.evaluate import folds, predictions
from selfme_jax.report import by_unit, meb
from selfme_jax.report.comparison import Cell
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.types import Sample

TARGET = ActionUnits((1, 4, 12))


def run(folder, seed):
    rng = np.random.default_rng(seed)
    cells = ("4", "1+4", "12", "none")
    samples = [
        Sample(name, f"s{p}", f"c{c}", 0, aus=cells[(c + p) % 4])
        for name in ("casme2", "samm")
        for p in range(3)
        for c in range(5)
    ]
    splits = folds.leave_one_dataset_out(samples)
    labels = TARGET.labels(samples)
    logits = rng.normal(size=(2, len(samples), 3)) + 2 * labels - 1
    folder.mkdir(parents=True)
    rows = TARGET.table(logits, samples, splits, (0, 1))
    predictions.write(folder / "predictions.csv", rows)
    below = TARGET.floors(samples, splits, rng.normal(size=(1, len(samples), 4, 4, 2)))
    floor_files.write(folder / "floors.csv", below)
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    root = epath.Path(tmp_path_factory.mktemp("runs"))
    made = [
        Cell(name, "all", None, {}, run(root / name, seed))
        for seed, name in enumerate(("STSTNet", "SCViT"))
    ]
    return [*made, Cell("ViT", "all", None, {}, why_not="not run yet")]


def test_values_are_those_of_the_files(cells):
    found = by_unit.lines(cells, published=True)
    assert [line.data for line in found[::9]] == [
        "all: pooled",
        "all: casme2",
        "all: samm",
    ]
    rows = predictions.read(cells[1].folder / "predictions.csv")
    for data, own in (
        ("all: pooled", rows.seed >= 0),
        ("all: samm", rows.dataset == "samm"),
    ):
        (line,) = (x for x in found if (x.row, x.data) == ("SCViT", data))
        for a, unit in enumerate(TARGET.units):
            each = [
                metrics.f1_score(
                    rows.label[own & (rows.seed == s), a],
                    rows.probs[own & (rows.seed == s), a] >= 0.5,
                )
                for s in (0, 1)
            ]
            assert line.units[str(unit)] == pytest.approx(np.mean(each))
        assert line.mean == pytest.approx(np.mean(list(line.units.values())))
        assert line.low <= line.mean <= line.high
    assert "ViT" not in {line.row for line in found}


def test_meb_stands_beside(cells, tmp_path):
    found = by_unit.lines(cells, published=True)
    own = {(line.row, line.data): line for line in found}
    assert own["MEB: SSSNet", "all: casme2"].mean == pytest.approx(0.463)
    assert own["MEB: SSSNet", "all: casme2"].units == {}
    assert own["MEB: OFF-ApexNet", "all: pooled"].units["9"] == pytest.approx(0.366)
    assert {line.kind for line in by_unit.lines(cells, published=False)} == {
        "ours",
        "floor",
    }
    text = by_unit.write(epath.Path(tmp_path), "Units", found)
    assert "MEB: RCN-A" in text and "floor: linear" in text and "0.463" in text
    table = list(csv.DictReader(io.StringIO((tmp_path / "units.csv").read_text())))
    assert len(table) == len(found)
    assert (tmp_path / "units.png").read_bytes().startswith(b"\x89PNG")


def test_published_numbers_agree_with_each_other():
    """F1 of 'always' is 2 n / (n + all): counts that MEB publishes elsewhere."""
    for name in meb.NAMES:
        mean = np.mean(list(meb.of_units(name).values()))
        assert mean == pytest.approx(meb.f1(name), abs=0.0006), name
    assert meb.f1("SSSNet", "dfme") is None and meb.f1("GoogLeNet") is None
    clips = {"casme": 189, "casme2": 256, "casme3": 860, "mmew": 300, "samm": 159}
    shown = {
        "casme": (23, 17, 70, 0, 1, 4, 40, 3, 9, 23, 14, 13),
        "casme2": (26, 22, 130, 2, 13, 39, 13, 16, 34, 27, 16, 25),
        "casme3": (153, 128, 274, 44, 8, 27, 50, 10, 15, 193, 6, 20),
        "mmew": (50, 41, 109, 70, 10, 47, 8, 38, 37, 17, 6, 11),
        "samm": (6, 18, 23, 10, 3, 46, 5, 6, 28, 13, 4, 6),
    }
    for name, counts in shown.items():
        f1 = [2 * n / (n + clips[name]) for n in counts]
        assert np.mean(f1) == pytest.approx(meb.f1("always every unit", name), abs=1e-4)
    assert action_unit_labels.MEB == meb.UNITS
