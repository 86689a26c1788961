"""Ctrl-C: noted, and acted upon where nothing is lost; a second one acts at once."""

import os
import signal
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

from selfme_jax.train import interruption, loop
from selfme_jax.train.log import Log, read
from selfme_jax.train.loop import Stage
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_one_is_noted_and_raised_at_the_end():
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), interruption.held():
        press()
        done.append(interruption.asked())
    assert done == [True] and not interruption.asked()
    assert signal.getsignal(signal.SIGINT) == before


def test_the_second_one_acts_at_once():
    with pytest.raises(KeyboardInterrupt), interruption.held():
        press()
        press()
        pytest.fail("went on")


def test_what_fails_meanwhile_is_told():
    with pytest.raises(ZeroDivisionError), interruption.held():
        press()
        raise ZeroDivisionError


def test_who_ignores_it_goes_on_ignoring_it(monkeypatch):
    """A command in the background, or in another thread than the main one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption.held():
            press()
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def elsewhere():
        with interruption.held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


class Pressed(Log):
    """Somebody presses ctrl-C while the rows of the sixth step are written."""

    def metrics(self, stage, chunk, step, values):
        super().metrics(stage, chunk, step, values)
        if step == 5:
            press()


def test_training_stops_where_nothing_is_lost(tmp_path):
    task, runs, names, data = toy.setting(steps=9)
    task, few = task, jax.tree.map(lambda x: x[:2], runs)

    def fit(folder, log):
        run = open_workdir(folder)
        stage = Stage("toy", run, log(run), log_every=2)
        try:
            finish = lambda v, *_: v  # noqa: E731
            return loop.fit(task, few, data, finish, stage, names[:2])
        finally:
            stage.log.close()

    (tmp_path / "whole").mkdir()
    (tmp_path / "pressed").mkdir()
    whole = fit(tmp_path / "whole", Log)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "pressed", Pressed)
    saved = tmp_path / "pressed" / "checkpoints" / "toy" / "0000"
    assert [p.name for p in saved.iterdir()] == ["6"]  # the rows of 5 and 6
    resumed = fit(tmp_path / "pressed", Log)
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)
    steps = [r["step"] for r in read(tmp_path / "pressed" / "metrics.jsonl")]
    assert steps == list(range(1, 10))
