"""A pod on one machine: killed, resumed by fewer processes, preempted, finished."""

import os
import signal
import socket
import time

import command
import numpy as np
import pytest

from selfme_jax.evaluate import predictions
from selfme_jax.train import log

STEPS = 40
LONGER = (
    *(flag for flag in command.TINY if "train.steps" not in flag),
    f"--config.scvit.train.steps={STEPS}",
)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    root = command.write_flow_images(tmp_path_factory.mktemp("data") / "toy")
    return command.CONFIG, f"--config.data.root={root}", *LONGER


def wait_for_step(folder, step):
    end = time.monotonic() + 250
    while time.monotonic() < end:
        rows = log.read(folder / "metrics.jsonl")
        if rows and rows[-1]["step"] >= step:
            return
        time.sleep(0.02)
    raise TimeoutError(step)


def test_killed_preempted_and_finished_by_others(arguments, tmp_path):
    whole, folder = tmp_path / "whole", tmp_path / "pod"
    done = command.run(*arguments, f"--workdir={whole}")
    assert done.code == 0, done.err
    arguments = *arguments, f"--workdir={folder}"

    workers = command.pod(4, *arguments)
    wait_for_step(folder, 5)
    os.kill(workers[2].pid, signal.SIGKILL)
    found = command.ends(workers)
    for number, (code, out, err) in enumerate(found):
        if number != 2:
            assert code == 75, err
            assert "worker 2 of 4 is lost" in err and "it resumes" in err
            assert "Traceback" not in err
        assert ("results in" in out) == (number == 0)  # only one of them speaks
    assert not (folder / "predictions.csv").exists()

    workers = command.pod(2, *arguments)
    wait_for_step(folder, 15)
    os.kill(workers[1].pid, signal.SIGTERM)
    (code0, out, err), (code1, *_) = command.ends(workers)
    assert (code0, code1) == (75, 75)
    assert "resumed at step" in out
    assert "SIGTERM" in err and "saved at step" in err and "resumes" in err
    assert len(err.splitlines()) == 1

    process = command.start(*arguments)
    wait_for_step(folder, 25)
    process.send_signal(signal.SIGTERM)
    ((code, _, err),) = command.ends([process])
    assert code == 75 and len(err.splitlines()) == 1

    done = command.run(*arguments)
    assert done.code == 0, done.err
    steps = [row["step"] for row in log.read(folder / "metrics.jsonl")]
    assert steps == list(range(1, STEPS + 1))
    mine, expected = (predictions.read(f / "predictions.csv") for f in (folder, whole))
    np.testing.assert_allclose(mine.probs, expected.probs, atol=1e-4)


def test_a_worker_that_waits_says_for_whom(arguments, tmp_path):
    folder = tmp_path / "never"
    workers = command.pod(3, *arguments, f"--workdir={folder}", SELFME_POD_TIMEOUT="14")
    workers[2].kill()
    for number, (code, out, err) in enumerate(command.ends(workers[:2])):
        assert code == 2, err
        assert f"worker {number}: waiting for 1 of 3 workers (2)" in out
        assert "1 of 3 workers did not come within 14 s: 2." in err
        assert "JAX_PROCESS_ID" in err and "SELFME_POD_TIMEOUT" in err
    command.ends(workers[2:])
    assert not folder.exists()


def test_an_error_of_one_worker_is_told_to_all(arguments, tmp_path):
    (tmp_path / "file").touch()
    flag = f"--workdir={tmp_path / 'file'}"
    for code, _, err in command.ends(command.pod(2, *arguments, flag)):
        assert code == 2
        assert "move it away" in err and "Traceback" not in err


def test_a_pod_is_one_holder_of_a_workdir(arguments, tmp_path):
    folder = tmp_path / "pod"
    arguments = *arguments, f"--workdir={folder}"
    workers = command.pod(2, *arguments)
    wait_for_step(folder, 1)
    told = f"in use by process {workers[0].pid} on {socket.gethostname()} since "
    before = (folder / "config.json").read_bytes()
    others = [*command.ends(command.pod(2, *arguments)), command.run(*arguments)]
    assert all(worker.poll() is None for worker in workers)  # nobody disturbed it
    for code, _, err in others:
        assert code == 2 and told in err and "Traceback" not in err, err
        assert 1 <= len(err.splitlines()) <= 2
    assert (folder / "config.json").read_bytes() == before

    workers[0].kill()  # who holds it for both
    (_, (code, _, err)) = command.ends(workers)
    assert code == 75 and "worker 0 of 2 is lost" in err
    ended = command.run(*arguments, "--stages=report")
    assert ended.code == 2 and "holds no predictions.csv" in ended.err
    assert "watching" not in ended.out  # who was killed left no lock behind
    assert not (folder / "lock").exists()
