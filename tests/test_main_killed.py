"""Pretraining that is killed: a file, so a worker, of its own."""

import signal
import time

import command
import numpy as np
from test_main_motion import CONFIG, MOTION, PEOPLE


def weights(folder, steps):
    from selfme_jax.train.checkpoint import Checkpoints

    with Checkpoints(folder / "checkpoints" / "motion" / "0000") as chunk:
        return chunk.restore(steps)


def test_killed_pretraining_resumes_to_the_same(tmp_path):
    steps = 12
    arguments = (
        *(CONFIG, *MOTION, *PEOPLE, f"--config.motion.train.steps={steps}"),
        *("--config.engine.motion.save_seconds=0", "--stages=motion"),
        "--config.engine.motion.log_every=1",
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = command.run(*arguments, f"--workdir={whole}")
    assert done.code == 0, done.err
    process = command.start(*arguments, f"--workdir={killed}")
    metrics = killed / "metrics.jsonl"
    end = time.monotonic() + 200
    while time.monotonic() < end:
        if metrics.exists() and metrics.read_text().count("\n") >= steps // 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "checkpoints" / "motion" / "0000" / str(steps)).exists()
    again = command.run(*arguments, f"--workdir={killed}")
    assert again.code == 0, again.err
    assert "resumed at step" in again.out
    import jax

    jax.tree.map(
        np.testing.assert_array_equal, weights(killed, steps), weights(whole, steps)
    )
