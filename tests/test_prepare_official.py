"""Official datasets by the commands that a user types, on tiny releases."""

import signal
import subprocess
import sys
import time

import command
import numpy as np
import tiny_release

from selfme_jax.data.releases import prepared


def prepare(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "selfme_jax.prepare", *map(str, arguments)],
        cwd=command.ROOT,
        env=command.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_from_a_release_to_a_score(tmp_path):
    """Verify refuses what is incomplete; a partial dataset is named in its results."""
    source, data = tiny_release.write("casme2", tmp_path / "release"), tmp_path / "d"
    verify = prepare("casme2", f"--source={source}", "--verify")
    out, err = verify.communicate(timeout=120)
    assert verify.returncode == 2 and "expected 145 clips" in err
    assert "| all " in out and "Traceback" not in err
    flags = (f"--source={source}", f"--data_dir={data}", "--size=32")
    made = prepare("casme2", *flags, "--allow_partial")
    out, err = made.communicate(timeout=120)
    assert made.returncode == 0, err
    assert f"--config.data.root={data}" in out and (data / "faces.png").exists()
    ended = command.run(
        "--config=configs/casme2_small.py",
        f"--config.data.root={data}",
        "--config.data.allow_partial=True",
        "--config.input=tvl1",
        *command.TINY,
        "--config.scvit.train.steps=2",
        f"--workdir={tmp_path / 'run'}",
    )
    assert ended.code == 0, ended.err
    assert "of 145 clips of casme2" in ended.out
    table = (tmp_path / "run" / "manifest.csv").read_text()
    assert ",annotated," in table and table.splitlines()[0].endswith(",aus")


def test_missing_data_say_how_to_get_them(tmp_path):
    root = tmp_path / "nothing"
    ended = command.run("--config=configs/casme2.py", f"--config.data.root={root}")
    assert ended.code == 2 and not ended.out
    assert "prepare casme2 --source=DIR" in ended.err
    ended = command.run(
        "--config=configs/casme2.py",
        f"--config.data.root={root}",
        f"--config.data.source={root}",
    )
    assert ended.code == 2 and "Apply for it" in ended.err


def test_a_killed_prepare_is_finished_by_the_next(tmp_path):
    source, data = tiny_release.write("casme2", tmp_path / "release"), tmp_path / "d"
    flags = (f"--source={source}", f"--data_dir={data}", "--size=32", "--allow_partial")
    first = prepare("casme2", *flags)
    for line in first.stdout:
        if line.startswith("writing clips"):
            first.send_signal(signal.SIGKILL)
            break
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    time.sleep(0.1)
    again = prepare("casme2", *flags)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    found = prepared.load("casme2", root=str(data), allow_partial=True)
    assert len(found.samples) >= 3
    assert found.clip(0).frames.dtype == np.uint8
    assert not list(data.glob("casme2/3class/incomplete*"))
