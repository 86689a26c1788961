"""The whole command as a process: what it says, writes, keeps and survives."""

import csv
import hashlib
import json
import random
import re
import shutil
import signal
import threading
import time

import command
import numpy as np
import pytest
from sklearn import metrics

from selfme_jax.evaluate import floors, loso, predictions

STEPS, CHUNKS, SEEDS = 12, 3, 2


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return command.write_flow_images(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="module")
def arguments(data):
    return (command.CONFIG, f"--config.data.root={data}", *command.TINY)


@pytest.fixture(scope="module")
def finished(arguments, tmp_path_factory):
    """(workdir, stdout, what was in the workdir at the first line) of a whole run."""
    folder = tmp_path_factory.mktemp("finished") / "runs" / "new"
    process = command.start(*arguments, f"--workdir={folder}")
    limit = threading.Timer(120, process.kill)  # seconds, on a very busy machine
    limit.start()
    first = process.stdout.readline()
    limit.cancel()
    present = {path.name for path in folder.iterdir()} if first else set()
    out, err = first + process.stdout.read(), process.stderr.read()
    assert (process.wait(), err) == (0, "")
    return folder, out, present


@pytest.fixture(scope="module")
def rows(finished):
    with (finished[0] / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def results(finished):
    return json.loads((finished[0] / "results.json").read_text())


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished workdir, to be changed."""
    return shutil.copytree(finished[0], tmp_path / "copy")


def read_metrics(folder):
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def contents(folder):
    """Bytes of every file of a folder, by path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_first_lines_come_before_training(finished):
    folder, out, present = finished
    first, second, third = out.splitlines()[:3]
    assert first == (
        "toy: 20 clips (7 negative, 7 positive, 6 surprise), 4 subjects; "
        "4 folds x 2 seed(s)"
    )
    assert "scvit on given flow images" in second and "1 x cpu" in second
    assert str(folder) in second
    assert third.startswith("classifier: 8 runs x 12 steps in 3 chunk(s)")
    assert present == {"config.json", "lock", "manifest.csv"}


def test_progress_is_live_with_eta(finished):
    lines = [x for x in finished[1].splitlines() if re.match(r"classifier +\d", x)]
    form = r"classifier +(\d+)%  .*fold toy/p\d.*  step \d+/12  loss \d+\.\d{4}  "
    form += r"\d\d:\d\d gone, (done|ETA \d\d:\d\d|ETA after the next line)"
    shares = [int(re.fullmatch(form, line)[1]) for line in lines]
    assert len(lines) >= 2 and shares == sorted(shares) and shares[-1] == 100
    assert lines[-1].endswith("done") and not lines[0].endswith("done")


def test_files_of_the_workdir(finished):
    folder = finished[0]
    config = json.loads((folder / "config.json").read_text())
    assert config["seeds"] == SEEDS and config["scvit"]["model"]["width"] == 8
    with (folder / "manifest.csv").open(newline="") as file:
        manifest = list(csv.DictReader(file))
    assert len({(r["dataset"], r["subject"], r["sample"]) for r in manifest}) == 20
    assert len({r["sha256"] for r in manifest}) == 20
    steps = [(r["chunk"], r["step"]) for r in read_metrics(folder)]
    assert steps == [(c, s) for c in range(CHUNKS) for s in range(1, STEPS + 1)]
    assert all({"loss", "accuracy", "seconds"} <= set(r) for r in read_metrics(folder))
    assert len(list((folder / "events").rglob("*tfevents*"))) == CHUNKS
    assert len(list((folder / "checkpoints").glob(f"classifier/*/{STEPS}"))) == CHUNKS
    figures = {path.stem: path.read_bytes() for path in folder.glob("figures/*.png")}
    assert set(figures) == {"confusion", "curves", "scores", "subjects"}
    assert all(png.startswith(b"\x89PNG") for png in figures.values())
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(figures)
    assert not re.search(r"(src|href)=[\"'](?!data:|#)", page)  # self-contained
    assert "--config.scvit.model.width=8" in page  # the command that makes it again
    left = {path.name for path in folder.iterdir()} - {"events", "checkpoints"}
    assert left == {
        *("config.json", "manifest.csv", "metrics.jsonl", "predictions.csv"),
        *("floors.csv", "classifier.json", "results.json", "report.html", "figures"),
    }


def test_predictions_hold_every_sample_once_a_seed(finished, rows):
    assert list(rows[0]) == [
        *("seed", "fold", "dataset", "subject", "sample", "label", "pred"),
        *(f"prob_{name}" for name in command.CLASSES),
    ]
    keys = [(r["seed"], r["subject"], r["sample"]) for r in rows]
    assert len(keys) == len(set(keys)) == SEEDS * 20
    assert {r["seed"] for r in rows} == {"0", "1"}
    # A fold is a subject.
    assert len({(r["fold"], r["subject"]) for r in rows}) == 4
    assert {r["fold"] for r in rows} == {"0", "1", "2", "3"}
    for r in rows:
        # The label that the toy gave: see command.write_flow_images.
        assert int(r["label"]) == (int(r["subject"][1:]) + int(r["sample"][1:])) % 3
        probs = [float(r[f"prob_{name}"]) for name in command.CLASSES]
        assert sum(probs) == pytest.approx(1) and int(r["pred"]) == np.argmax(probs)


def test_results_name_what_the_contract_names(results):
    assert {
        *("uf1", "uar", "accuracy", "confusion", "per_class_f1", "classes", "n"),
        *("class_counts", "seeds", "ensemble", "ci95", "datasets", "floors"),
        *("protocol", "provenance"),
    } <= set(results)
    linear = {"linear", "linear_standardised"}  # as config.flow.standardise is set
    assert set(results["floors"]) == {"majority", "random", *linear}
    assert results["protocol"] == {
        "name": "LOSO",
        "score": "pooled",
        "epoch_rule": "fixed",
        "motion_scope": "none (given flow images)",
        "motion_seeds": 0,
        "motion_init": "",
        "pretrained_weights": "",
        "labels_shuffled": False,
        "imitation": False,
        "doubles": "",
        "partial": "",
        "saw_test_subject": False,
        "videos_unchecked": False,
    }
    assert results["provenance"]["device"] == "1 x cpu (cpu)"
    assert results["provenance"]["versions"]["jax"]


def test_results_follow_from_predictions_alone(finished, results):
    """Everything, by the package's own functions on the files."""
    folder = finished[0]
    read = predictions.read(folder / "predictions.csv")
    floor = floors.read(folder / "floors.csv")
    again = {
        **loso.summarise(read, resamples=200),
        "floors": floors.summarise(floor, resamples=200),
        "margins": loso.margins(read, floor, resamples=200),
    }
    again = json.loads(json.dumps(again))
    assert again == {k: v for k, v in results.items() if k in again}
    assert results.keys() - again.keys() == {"target", "protocol", "provenance"}


def test_scores_agree_with_scikit_learn(rows, results):
    label = {(r["subject"], r["sample"]): int(r["label"]) for r in rows}
    truth = [label[key] for key in sorted(label)]
    options = {"average": "macro", "labels": range(3), "zero_division": 0}
    preds, probs = [], []
    for seed in ("0", "1"):
        own = {(r["subject"], r["sample"]): r for r in rows if r["seed"] == seed}
        own = [own[key] for key in sorted(label)]
        preds.append([int(r["pred"]) for r in own])
        probs.append([[float(r[f"prob_{c}"]) for c in command.CLASSES] for r in own])
    uf1 = [metrics.f1_score(truth, p, **options) for p in preds]
    uar = [metrics.recall_score(truth, p, **options) for p in preds]
    assert [s["uf1"] for s in results["seeds"]] == pytest.approx(uf1)
    assert [s["uar"] for s in results["seeds"]] == pytest.approx(uar)
    assert results["uf1"] == pytest.approx(np.mean(uf1))
    assert results["uar"] == pytest.approx(np.mean(uar))
    confusion = np.mean([metrics.confusion_matrix(truth, p) for p in preds], axis=0)
    np.testing.assert_allclose(results["confusion"], confusion)
    accuracy = np.mean([metrics.accuracy_score(truth, p) for p in preds])
    assert results["accuracy"] == pytest.approx(accuracy)
    vote = np.mean(probs, axis=0).argmax(1)
    assert results["ensemble"]["uf1"] == pytest.approx(
        metrics.f1_score(truth, vote, **options)
    )
    assert results["class_counts"] == np.bincount(truth).tolist() == [7, 7, 6]
    assert results["datasets"]["toy"]["uf1"] == results["uf1"]
    always = metrics.recall_score(truth, [0] * 20, **options)
    assert results["floors"]["majority"]["uar"] < always + 1e-9  # ties between folds


def test_provenance_hashes_are_of_the_files(finished, results):
    folder, provenance = finished[0], results["provenance"]
    manifest = (folder / "manifest.csv").read_bytes()
    assert provenance["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    config = json.loads((folder / "config.json").read_text())
    text = json.dumps(config, sort_keys=True).encode()
    assert provenance["config_sha256"] == hashlib.sha256(text).hexdigest()
    seconds = sum(r["seconds"] for r in read_metrics(folder))
    assert re.fullmatch(r"([0-9a-f]{40}\+?)?", provenance["git"])
    assert provenance["wall_seconds"] == pytest.approx(seconds, abs=0.06)


def test_running_again_redoes_nothing(arguments, copy, data, tmp_path):
    """Nor where both, results and data, lie elsewhere now."""
    moved = shutil.copytree(data, tmp_path / "moved")
    before = contents(copy)
    ended = command.fork(
        *arguments,
        f"--config.data.root={moved}",
        f"--workdir={copy}",
        "--stages=classifier",
        folder=tmp_path,
    )
    assert (ended.code, ended.err) == (0, "")
    assert "100%  chunk 3: kept" in ended.out and "step " not in ended.out
    after = contents(copy)
    path = str(moved).encode()
    after["config.json"] = after["config.json"].replace(path, str(data).encode())
    assert after == before


def test_report_alone(arguments, copy, finished, tmp_path):
    for name in ("report.html", "results.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "figures")
    ended = command.fork(
        *arguments, f"--workdir={copy}", "--stages=report", folder=tmp_path
    )
    assert (ended.code, ended.err) == (0, "")
    assert "classifier" not in ended.out
    names = ("results.json", "predictions.csv", "metrics.jsonl", "figures/scores.png")
    old, new = contents(finished[0]), contents(copy)
    assert {name: new[name] for name in names} == {name: old[name] for name in names}
    assert str(copy / "report.html") in ended.out


def test_scores_are_of_what_was_predicted(arguments, copy, tmp_path):
    """Not of a file that somebody has improved since."""
    path = copy / "predictions.csv"
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    row, swapped = rows[0], {"0": "1", "1": "0"}
    row[7:9], row[6] = row[8:6:-1], swapped.get(row[6], row[6])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    before = contents(copy)
    ended = command.fork(
        *arguments, f"--workdir={copy}", "--stages=report", folder=tmp_path
    )
    assert ended.code == 2 and contents(copy) == before
    assert f"{path} is not what the stage classifier wrote" in ended.err
    assert "--stages=classifier,report" in ended.err


def test_changed_config_is_refused_and_nothing_lost(arguments, copy, tmp_path):
    before = contents(copy)
    ended = command.fork(
        *arguments,
        f"--workdir={copy}",
        "--config.scvit.train.ema=0.5",
        "--config.seeds=3",
        folder=tmp_path,
    )
    assert ended.code == 2 and ended.out == ""
    assert "scvit.train.ema: " in ended.err and "-> 0.5" in ended.err
    assert "seeds: 2 -> 3" in ended.err
    assert "another --workdir" in ended.err and ended.err.count("\n") <= 2
    assert contents(copy) == before


def test_changed_data_are_refused(arguments, copy, data, tmp_path):
    root = shutil.copytree(data, tmp_path / "toy")
    shutil.copy(root / "p1_0.png", root / "p1_1.png")
    before = contents(copy)
    others = [a for a in arguments if "data.root" not in a]
    ended = command.fork(
        *others,
        f"--config.data.root={root}",
        f"--workdir={copy}",
        folder=tmp_path,
    )
    assert ended.code == 2 and "manifest.csv" in ended.err
    assert contents(copy) == before


def test_not_finite_stops_and_names_run_and_step(arguments, tmp_path):
    ended = command.fork(
        *arguments,
        "--config.flow.gamma=1e20",  # squares overflow in the first step
        f"--workdir={tmp_path / 'new'}",
        folder=tmp_path,
    )
    assert ended.code == 3
    assert re.search(r"not finite at step 1 of seed 0 fold toy/p\d\.", ended.err)
    assert "Traceback" not in ended.err and ended.err.count("\n") <= 2
    assert not (tmp_path / "new" / "predictions.csv").exists()


def wait_for_rows(process, folder, count):
    """Until metrics.jsonl has ``count`` rows, or the process has ended."""
    path = folder / "metrics.jsonl"
    while process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)


def test_killed_at_any_moment_it_resumes_to_the_same(arguments, finished, tmp_path):
    """Kill -9 at random moments of training (and ctrl-C once), then let it end.

    The last run has other engine settings, which may change and change no result.
    """
    generator = random.Random(0)
    folder = tmp_path / "killed"
    words = (*arguments, f"--workdir={folder}", "--stages=classifier")
    signals = [signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGKILL]
    said = ""
    for number in signals:
        process = command.start(*words)
        known = len(read_metrics(folder))
        wait_for_rows(process, folder, known + generator.randint(1, 4))
        time.sleep(generator.uniform(0, 0.1))
        process.send_signal(number)
        out, err = process.communicate(timeout=200)
        said += out
        if number == signal.SIGINT:
            assert process.returncode == 130
            assert err == "error: interrupted; the same command resumes.\n", said
        else:
            assert process.returncode == -signal.SIGKILL
        assert not (folder / "predictions.csv").exists()  # in the midst of it
    engine = ("log_every=5", "save_seconds=60")
    words += tuple(f"--config.engine.classifier.{setting}" for setting in engine)
    ended = command.run(*words)
    assert (ended.code, ended.err) == (0, "")
    assert "resumed at step" in said + ended.out
    assert "kept" in said + ended.out
    for name in ("predictions.csv", "floors.csv", "manifest.csv"):
        assert (folder / name).read_bytes() == (finished[0] / name).read_bytes()
    steps = [(row["chunk"], row["step"]) for row in read_metrics(folder)]
    assert steps == sorted(set(steps))  # no step logged twice
    assert {(chunk, STEPS) for chunk in range(CHUNKS)} <= set(steps)
