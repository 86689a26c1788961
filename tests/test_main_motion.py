"""Pretraining, and recognition that starts from it, as processes of a user."""

import json
import signal
import time

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
FAST = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiles three times as fast


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """Workdir of a finished pretraining run."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    ended = command.run(
        CONFIG, *MOTION, *PEOPLE, f"--workdir={folder}", cache=cache, **FAST
    )
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


def weights(folder, steps):
    from selfme_jax.train.checkpoint import Chunk

    with Chunk(folder / "checkpoints" / "motion" / "0000") as chunk:
        return chunk.restore(steps)


def test_killed_pretraining_resumes_to_the_same(tmp_path, cache):
    steps = 40
    arguments = (
        *(CONFIG, *MOTION, *PEOPLE, f"--config.motion.train.steps={steps}"),
        *("--config.engine.motion.save_seconds=0", "--stages=motion"),
        "--config.engine.motion.log_every=1",
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = command.run(*arguments, f"--workdir={whole}", cache=cache, **FAST)
    assert done.code == 0, done.err
    process = command.start(*arguments, f"--workdir={killed}", cache=cache, **FAST)
    metrics = killed / "metrics.jsonl"
    end = time.monotonic() + 200
    while time.monotonic() < end:
        if metrics.exists() and metrics.read_text().count("\n") >= steps // 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "checkpoints" / "motion" / "0000" / str(steps)).exists()
    again = command.run(*arguments, f"--workdir={killed}", cache=cache, **FAST)
    assert again.code == 0, again.err
    assert "resumed at step" in again.out
    import jax

    jax.tree.map(
        np.testing.assert_array_equal, weights(killed, steps), weights(whole, steps)
    )


def recognise(folder, trained, scope, cache, *further):
    arguments = (
        *("--config=configs/synthetic.py", *SMALL_MOTION),
        "--config.synthetic.frames=6",
        f"--config.motion.scope={scope}",
        f"--config.motion.init={trained}",
        f"--workdir={folder}",
    )
    return command.run(*arguments, *further, cache=cache, **FAST)


def test_scopes_are_reported_and_read_flow_once(trained, tmp_path, cache):
    flows = {}
    for scope in ("pretrained", "all_subjects"):
        folder = tmp_path / scope
        ended = recognise(folder, trained, scope, cache)
        assert ended.code == 0, ended.err
        flows[scope] = np.load(folder / "flow.npy")
        assert flows[scope].shape == (1, 9, 28, 28, 3)
        (kept,) = (folder / "flow").iterdir()
        np.testing.assert_array_equal(np.load(kept), flows[scope][0])
        protocol = json.loads((folder / "results.json").read_text())["protocol"]
        assert protocol["motion_scope"] == scope
        assert protocol["motion_init"] == str(trained)
        assert protocol["saw_test_subject"] == (scope == "all_subjects")
        assert f"motion_scope {scope}" in (folder / "report.html").read_text()
    # Two further steps on other people change what is read, but not by much.
    change = abs(flows["all_subjects"] - flows["pretrained"]).max()
    assert 0 < change < 2 * abs(flows["pretrained"]).max()
    # Another classifier on the motion of the first run: nothing is read again.
    shared = f"--config.engine.motion.workdir={tmp_path / 'shared'}"
    first = recognise(tmp_path / "a", trained, "pretrained", cache, shared)
    second = recognise(
        *(tmp_path / "b", trained, "pretrained", cache, shared),
        "--config.shuffle_labels=True",
    )
    assert first.code == second.code == 0, (first.err, second.err)
    assert "reading flow" in first.out and "flow kept from before" in second.out
    assert "Labels were shuffled" in second.out
    np.testing.assert_array_equal(
        np.load(tmp_path / "b" / "flow.npy"), flows["pretrained"]
    )


def test_somebody_met_in_pretraining_is_said(trained, tmp_path, cache):
    met = "--config.synthetic.first_subject=1001"
    ended = recognise(tmp_path / "met", trained, "pretrained", cache, met)
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "met" / "results.json").read_text())
    assert results["protocol"]["saw_test_subject"] is True
    assert "the test subject was seen" in " ".join(ended.out.split())


def test_somebody_met_before_the_pretraining_started_is_said(trained, tmp_path, cache):
    """Pretraining on others that started from a run that met them."""
    others = "--config.synthetic.first_subject=2000"
    second = tmp_path / "second"
    ended = command.run(
        *(CONFIG, *MOTION, *PEOPLE, others, f"--config.motion.init={trained}"),
        *(f"--workdir={second}", "--stages=motion"),
        cache=cache,
        **FAST,
    )
    assert ended.code == 0, ended.err
    for first, seen in ((1001, True), (2001, True), (0, False)):
        who = f"--config.synthetic.first_subject={first}"
        folder = tmp_path / str(first)
        ended = recognise(folder, second, "pretrained", cache, who)
        assert ended.code == 0, ended.err
        results = json.loads((folder / "results.json").read_text())
        assert results["protocol"]["saw_test_subject"] is seen


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
        cache=tmp_path,
        folder=tmp_path,
    )
    assert ended.code == 2
    assert message in ended.err and len(ended.err.splitlines()) <= 2
    assert not (tmp_path / "run").exists()
