"""Pretraining, and recognition that starts from it, as processes of a user."""

import json

import command
import numpy as np
import pytest
from test_main_stages import SMALL_MOTION

CONFIG = "--config=configs/synthetic_pretraining.py"
PEOPLE = ("--config.synthetic.subjects=2", "--config.pretraining.holdout=0.5")
MOTION = (
    *(f for f in SMALL_MOTION if "scvit" not in f and "subjects" not in f),
    "--config.synthetic.frames=6",
    "--config.pretraining.max_gap=2",
    "--config.pretraining.gaps=(1,5)",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Workdir of a finished pretraining run."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    ended = command.run(CONFIG, *MOTION, *PEOPLE, f"--workdir={folder}")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("synthetic: 6 clips, 36 frames of 32x32, the last 50%")
    assert "no held-out pair has a gap of 5 frames" in ended.out
    return folder


def test_pretraining_scores_held_out_pairs(trained):
    found = json.loads((trained / "results.json").read_text())
    (score,) = found["reconstruction"].values()
    assert score["pairs"] == 12  # two in the held-out half of each of 6 clips
    assert 0 < score["l1_onset"] < 0.1 and 0.5 < score["ssim_onset"] < 1
    assert found["parameters"] > 1000 and "manifest_sha256" in found["provenance"]
    rows = [json.loads(r) for r in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [1, 2]
    assert {"warped", "reconstruction", "equivariance", "smoothness"} <= set(rows[0])
    assert (trained / "figures" / "pairs.png").read_bytes().startswith(b"\x89PNG")


def scored(folder, trained, *flags):
    """A network as it is, on frames of ``CONFIG``."""
    start = f"--config.motion.init={trained}", "--config.motion.scope=pretrained"
    return command.run(CONFIG, *MOTION, *start, *flags, f"--workdir={folder}")


def test_a_network_is_scored_as_it_is_on_frames_of_others(trained, tmp_path):
    """On its own frames it has the scores that its own run says."""
    ended = scored(tmp_path / "own", trained, *PEOPLE)
    assert ended.code == 0, ended.err
    assert f"motion of {trained} as it is, not trained" in ended.out
    own, first = (
        json.loads((folder / "results.json").read_text())
        for folder in (tmp_path / "own", trained)
    )
    assert (first["trained"], own["trained"]) == (True, False)
    assert own["reconstruction"]["1"] == pytest.approx(first["reconstruction"]["1"])
    page = (tmp_path / "own" / "report.html").read_text()
    assert "trained elsewhere" in page and "Learned without labels" not in page
    others = PEOPLE[1], "--config.synthetic.subjects=1"
    others = (*others, "--config.synthetic.first_subject=7")
    ended = scored(tmp_path / "others", trained, *others)
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "others" / "results.json").read_text())
    assert found["reconstruction"]["1"] != own["reconstruction"]["1"]
    # Nothing was trained there: nothing can be taken from there.
    ended = scored(tmp_path / "again", tmp_path / "others", *PEOPLE)
    assert ended.code == 2 and len(ended.err.splitlines()) <= 2
    assert "others" in ended.err


def recognise(folder, trained, scope, *further):
    arguments = (
        *("--config=configs/synthetic.py", *SMALL_MOTION),
        "--config.synthetic.frames=6",
        f"--config.motion.scope={scope}",
        f"--config.motion.init={trained}",
        f"--workdir={folder}",
    )
    return command.run(*arguments, *further)


def test_scopes_are_reported_and_read_flow_once(trained, tmp_path):
    shared = tmp_path / "shared"
    flag = f"--config.engine.motion.workdir={shared}"
    flows = {}
    for scope, further in (("pretrained", (flag,)), ("all_subjects", ())):
        folder = tmp_path / scope
        ended = recognise(folder, trained, scope, *further)
        assert ended.code == 0, ended.err
        flows[scope] = np.load(folder / "flow.npy")
        assert flows[scope].shape == (1, 9, 28, 28, 3)
        (kept,) = ((shared if further else folder) / "flow").iterdir()
        np.testing.assert_array_equal(np.load(kept), flows[scope][0])
        protocol = json.loads((folder / "results.json").read_text())["protocol"]
        assert protocol["motion_scope"] == scope
        assert protocol["motion_init"] == str(trained)
        assert protocol["saw_test_subject"] == (scope == "all_subjects")
        assert f"motion_scope {scope}" in (folder / "report.html").read_text()
        assert ("reading flow" in ended.out) == (scope == "pretrained")
    # Two further steps on other people change what is read, but not by much.
    change = abs(flows["all_subjects"] - flows["pretrained"]).max()
    assert 0 < change < 2 * abs(flows["pretrained"]).max()
    # Other labels on the motion of the first run: nothing is read again.
    folder = tmp_path / "other"
    other = "--config.shuffle_labels=True"
    ended = recognise(folder, trained, "pretrained", flag, other)
    assert ended.code == 0, ended.err
    assert "flow kept from before" in ended.out and "reading flow" not in ended.out
    assert "Labels were shuffled" in ended.out
    np.testing.assert_array_equal(np.load(folder / "flow.npy"), flows["pretrained"])
    # Another classifier on what a whole run learned: nothing is learned again.
    run, folder = tmp_path / "all_subjects", tmp_path / "classifier"
    flags = (f"--config.engine.motion.workdir={run}", "--config.method=ststnet")
    flags += ("--config.ststnet.train.steps=2",)
    rows = (run / "metrics.jsonl").read_bytes()
    ended = recognise(folder, trained, "all_subjects", *flags)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(np.load(folder / "flow.npy"), flows["all_subjects"])
    kept = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
    assert (run / "metrics.jsonl").read_bytes() == rows and len(kept) == 4
    results = json.loads((folder / "results.json").read_text())
    assert results["protocol"]["motion_scope"] == "all_subjects"
    # One that would have been learned otherwise is not taken for it.
    flags += ("--config.motion.train.steps=3",)
    ended = recognise(tmp_path / "x", trained, "all_subjects", *flags)
    assert ended.code == 2 and "motion.train.steps: 2 -> 3" in ended.err


def test_somebody_met_in_pretraining_is_said(trained, tmp_path):
    met = "--config.synthetic.first_subject=1001"
    ended = recognise(tmp_path / "met", trained, "pretrained", met)
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "met" / "results.json").read_text())
    assert results["protocol"]["saw_test_subject"] is True
    assert "the test subject was seen" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--config.motion.scope=pretrained",), "set --config.motion.init"),
        (("--config.motion.scope=some",), "Known: per_fold, all_subjects, pretrained"),
        (("--config.motion.init=nowhere",), "nowhere holds no motion network"),
        (("--config.task=dreaming",), "Known: recognition, pretraining"),
        (("--config.data.name=video",), "Set --config.task=pretraining"),
        (
            ("--config.task=pretraining", "--config.input=images"),
            "hold no frames to learn motion from",
        ),
        (
            ("--config.task=pretraining", "--config.data.name=video"),
            "python -m selfme_jax.prepare video",
        ),
    ],
)
def test_errors_of_the_motion_keys(flags, message, tmp_path):
    ended = command.fork(
        *("--config=configs/synthetic.py", *SMALL_MOTION, *flags),
        f"--workdir={tmp_path / 'run'}",
        folder=tmp_path,
    )
    assert ended.code == 2
    assert message in ended.err and len(ended.err.splitlines()) <= 2
    assert not (tmp_path / "run").exists()
