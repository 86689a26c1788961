"""Action units through the whole command, by each way of holding out."""

import csv
import json
import re
import shutil

import command
import numpy as np
import pytest
from sklearn import metrics

from selfme_jax.evaluate import predictions

UNITS = (1, 4, 9, 12, 45)
PEOPLE = {"one": 3, "two": 2, "three": 2}  # datasets
# AU 45 is shown by a single person, AU 9 by nobody.
CELLS = ("4", "1+4", "L12B", "none", "12+R1?")


def write(root):
    """Flow images in which the rows of an action unit are darker."""
    import cv2

    rng = np.random.default_rng(0)
    root.mkdir()
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "subject", "sample", "label", "file", "aus"])
        for dataset, people in PEOPLE.items():
            for person in range(people):
                for clip, cell in enumerate(CELLS):
                    if (dataset, person, clip) == ("one", 0, 0):
                        cell = "45"
                    image = rng.integers(0, 256, (28, 28, 3)).astype(np.uint8)
                    for row, unit in enumerate(("1", "4", "12")):
                        if unit in cell:
                            image[8 * row : 8 * row + 8] //= 2
                    name = f"{dataset}_{person}_{clip}.png"
                    cv2.imwrite(str(root / name), image)
                    label = command.CLASSES[clip % 3]
                    # Called alike in every dataset: other people all the same.
                    row = [dataset, f"s{person}", f"c{clip}", label, name, cell]
                    writer.writerow(row)
    return root


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    data = write(tmp_path_factory.mktemp("data") / "toy")
    return (
        command.CONFIG,
        f"--config.data.root={data}",
        "--config.target=action_units",
        f"--config.action_units.units={UNITS}",
        *command.TINY,
        # Six runs and two, which one compiled program serves.
        "--config.engine.classifier.runs_per_device=2",
    )


@pytest.fixture(scope="module")
def run(arguments, tmp_path_factory):
    """(extra arguments) -> workdir and what was said; each is run once."""
    kept = {}

    def run(*extra):
        if extra not in kept:
            folder = tmp_path_factory.mktemp("run")
            place = f"--workdir={folder / 'new'}"
            ended = command.fork(*arguments, *extra, place, folder=folder)
            assert (ended.code, ended.err) == (0, "")
            kept[extra] = folder / "new", ended.out
        return kept[extra]

    return run


DATASETS = ("--config.protocol.split=leave_one_dataset_out",)
HOLD_OUT = ("--config.protocol.split=hold_out", "--config.protocol.test=one")


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_what_is_announced(run):
    first, second = run(*DATASETS)[1].splitlines()[:2]
    assert first.startswith(
        "one: 15 clips (6 AU 1, 5 AU 4, 0 AU 9, 6 AU 12, 1 AU 45, 3 with none"
    )
    assert first.endswith("3 folds x 2 seed(s)") and "scvit" in second
    assert "tested on one alone" in run(*HOLD_OUT)[1].splitlines()[0]


@pytest.mark.parametrize("how", [DATASETS, HOLD_OUT])
def test_predictions_and_scores(run, how):
    """F1 and AUC by scikit-learn of the rows of the file."""
    folder, _ = run(*how)
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[7:] == [f"prob_au{unit}" for unit in UNITS]
    tested = {"one"} if how is HOLD_OUT else set(PEOPLE)
    count = 5 * sum(PEOPLE[name] for name in tested)
    assert len(rows) == 2 * count and {r["dataset"] for r in rows} == tested
    folds = {(r["fold"], r["dataset"], r["subject"]) for r in rows}
    assert len(folds) == count / 5
    assert len({f[0] for f in folds}) == len({f[1] for f in folds}) == len(tested)
    found, read = results(folder), predictions.read(folder / "predictions.csv")
    assert found["target"] == "action_units"
    assert found["left_out"] == ["9"]
    means = []
    for a, unit in enumerate(map(str, UNITS)):
        if unit in found["left_out"]:
            continue
        each = []
        for seed in (0, 1):
            own = read.seed == seed
            label, probs = read.label[own, a], read.probs[own, a]
            each.append(
                (
                    metrics.f1_score(label, probs >= 0.5, zero_division=0),
                    metrics.roc_auc_score(label, probs),
                )
            )
        f1, auc = np.mean(each, 0)
        own = found["aus"][unit]
        assert (own["f1"], own["auc"]) == pytest.approx((f1, auc))
        assert own["n"] == label.sum()
        for key in ("f1", "auc"):
            low, high = own["ci95"][key]
            assert 0 <= low <= high <= 1
        means.append((f1, auc))
    mean = np.mean(means, 0)
    assert (found["mean_f1"], found["mean_auc"]) == pytest.approx(tuple(mean))
    assert {"mean_f1", "mean_auc"} == set(found["ci95"])
    assert set(found["datasets"]) == tested
    linear = {"linear", "linear_standardised"}
    assert set(found["floors"]) == {"constant", "prevalence", *linear}
    assert set(found["margins"]) == {"constant", *linear}


def test_a_unit_that_training_never_shows_is_no_failure(run):
    """The fold that has all of AU 45 is predicted by networks that never met it."""
    rows = predictions.read(run(*DATASETS)[0] / "predictions.csv")
    own = rows.label[:, UNITS.index(45)] == 1
    assert set(zip(rows.dataset[own], rows.subject[own], strict=True)) == {
        ("one", "s0")
    }
    assert np.isfinite(rows.probs).all()


def test_the_page(run):
    page = (run(*DATASETS)[0] / "report.html").read_text()
    page = re.sub(r"base64,[^\"]*", "", page)
    assert "AU 4, brow lowerer" in page and "leave one dataset out" in page
    assert "mean F1" in page and "UF1" not in page
    assert "AU 9" in page  # not scored, and said so
    figures = {p.stem for p in run(*DATASETS)[0].glob("figures/*.png")}
    assert {"scores", "units", "curves"} <= figures


def test_what_is_lost_is_made_again(run, arguments, tmp_path):
    old = run(*DATASETS)[0]
    folder = shutil.copytree(old, tmp_path / "copy")
    lost = sorted((folder / "checkpoints" / "classifier").iterdir())[0]
    shutil.rmtree(lost)
    for name in ("predictions.csv", "results.json", "floors.csv"):
        (folder / name).unlink()
    ended = command.fork(*arguments, *DATASETS, f"--workdir={folder}", folder=tmp_path)
    assert (ended.code, ended.err) == (0, "") and "kept" in ended.out
    for name in ("predictions.csv", "floors.csv"):
        assert (folder / name).read_bytes() == (old / name).read_bytes()


@pytest.mark.parametrize("form", ["safetensors", "onnx"])
def test_exports_know_the_target(run, form, tmp_path):
    where = tmp_path / "out"
    flags = (f"--workdir={run(*DATASETS)[0]}", f"--output={where}", f"--format={form}")
    ended = command.fork(
        *flags,
        "--fold=two",
        folder=tmp_path,
        module="selfme_jax.export",
    )
    assert ended.code == 0, ended.err
    told = json.loads((where / "config.json").read_text())["description"]
    assert told["target"] == "action_units"
    assert told["classes"] == [f"au{unit}" for unit in UNITS]
    card = (where / "README.md").read_text()
    for part in (
        "Action units: au1, au4,",
        "| mean F1 | 0.",
        "- three: 10 clips (4 AU 1",
    ):
        assert part in card


def test_what_does_not_go_together(arguments, tmp_path):
    cases = {
        "--config.protocol.split=hold_out": "does not go with",
        "--config.protocol.test=two": "does not go with",
        "--config.protocol.epochs=oracle_epoch": "is for classes",
    }
    for flag, says in cases.items():
        ended = command.fork(
            *arguments,
            flag,
            f"--workdir={tmp_path / 'x'}",
            folder=tmp_path,
        )
        assert ended.code == 2 and says in ended.err, ended.err
        assert not (tmp_path / "x").exists()
