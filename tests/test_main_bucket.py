"""Data and workdir in gs://, against a stand-in of the service on this machine."""

import json
import shutil
import signal
import time

import bucket
import command
import numpy as np
import pytest

from selfme_jax.evaluate import predictions

STEPS = 12


@pytest.fixture(scope="module")
def cloud():
    with bucket.Bucket() as made:
        yield made


@pytest.fixture(scope="module")
def extra(cloud, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return cloud.environment | {"XDG_CACHE_HOME": str(home)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return command.write_flow_images(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="module")
def remote(cloud, data):
    """The same data in the bucket."""
    for path in data.iterdir():
        cloud.put(("data", f"flow/toy/{path.name}"), path.read_bytes())
    return "gs://data/flow/toy"


def metrics(cloud, folder):
    found = cloud.objects.get(("bucket", f"{folder}/metrics.jsonl"), (b"", 0))[0]
    return [json.loads(line) for line in found.decode().splitlines()]


def said(err):
    """Lines but tensorstore's own on the token, which is of the stand-in alone."""
    return [line for line in err.splitlines() if "FOR_TESTING" not in line]


def fetch(cloud, folder, target):
    """A folder of the bucket on this machine."""
    for name in cloud.names(f"bucket/{folder}/"):
        path = target / name.removeprefix(f"bucket/{folder}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cloud.objects["bucket", name.removeprefix("bucket/")][0])
    return target


def test_preempted_resumed_and_exported(data, remote, cloud, extra, tmp_path):
    whole = tmp_path / "whole"
    arguments = *command.TINY, "--config.engine.classifier.save_seconds=2"
    arguments = command.CONFIG, *arguments
    local = f"--config.data.root={data}", f"--workdir={whole}"
    done = command.run(*arguments, *local)
    assert done.code == 0, done.err

    places = f"--config.data.root={remote}", "--workdir=gs://bucket/runs/a"
    process = command.start(*arguments, *places, **extra)
    end = time.monotonic() + 200
    while not metrics(cloud, "runs/a") and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 75, err
    assert "SIGTERM" in err and len(said(err)) == 1
    assert "copying gs://data/flow/toy: 21 files" in out

    done = command.run(*arguments, *places, **extra)
    assert (done.code, said(done.err)) == (0, [])
    assert "copying" not in done.out and "gs://bucket/runs/a/report.html" in done.out
    found = fetch(cloud, "runs/a", tmp_path / "found")
    ours = predictions.read(found / "predictions.csv")
    theirs = predictions.read(whole / "predictions.csv")
    np.testing.assert_allclose(ours.probs, theirs.probs, atol=1e-6)
    steps = [(r["chunk"], r["step"]) for r in metrics(cloud, "runs/a")]
    assert steps == [(c, s) for c in range(3) for s in range(1, STEPS + 1)]
    names = {p.name for p in found.iterdir()}
    assert names == {p.name for p in whole.iterdir()}
    assert list((found / "figures").iterdir())

    exported = command.fork(
        "--workdir=gs://bucket/runs/a",
        f"--output={tmp_path / 'exported'}",
        "--fold=toy/p1",
        "--format=safetensors",
        folder=tmp_path,
        module="selfme_jax.export",
        extra=extra,
    )
    assert (exported.code, said(exported.err)) == (0, []), exported
    assert (tmp_path / "exported" / "model.safetensors").exists()
    shutil.rmtree(whole)


def test_refusals_are_lines(remote, extra, tmp_path):
    arguments = command.CONFIG, f"--config.data.root={remote}", *command.TINY
    cases = {
        "gs://forbidden-bucket/a": "cannot reach gs://forbidden-bucket/a",
        "gs://no-bucket/a": "cannot write to gs://no-bucket/a",
        "s3://bucket/a": "give a folder of this machine or gs://",
    }
    for folder, text in cases.items():
        done = command.fork(
            *arguments, f"--workdir={folder}", folder=tmp_path, extra=extra
        )
        assert done.code == 2, done.err
        assert text in done.err and len(done.err.splitlines()) <= 3, done.err
    for module, flags in {
        "selfme_jax.prepare": ("casme2", "--source=x", "--data_dir=gs://data/casme2"),
        "selfme_jax.export": ("--workdir=x", "--output=gs://data/y", "--refit"),
    }.items():
        done = command.fork(*flags, folder=tmp_path, module=module, extra=extra)
        assert done.code == 2, done.err
        assert "on this machine" in done.err and len(done.err.splitlines()) <= 2
