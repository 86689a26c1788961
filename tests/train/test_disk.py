"""A disk that is full, and other things in the way: two lines, and nothing is lost."""

import logging
import os
import resource
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from selfme_jax import files
from selfme_jax.train import loop
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy


def fit(folder, limit=None):
    """Two runs, under the guard that every command has around it."""
    task, runs, names, data = toy.setting(steps=4)
    two = jax.tree.map(lambda x: x[:2], runs)
    log = Log(open_workdir(folder))
    stage = Stage("toy", open_workdir(folder), log, log_every=2, save_seconds=0.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with files.guard(folder):
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            found = loop.fit(task, two, data, lambda v, *_: v, stage, names[:2])
            log.close()
            return found
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(folder, *names, **options):
    with pytest.raises(UserError) as caught:
        fit(folder, **options)
    text = str(caught.value)
    assert len(text.splitlines()) == 2
    for name in names:
        assert name in text, text


def test_a_full_disk_loses_nothing(tmp_path, capfd):
    """Where no file may grow: to the engine the same as a disk without space."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "full").mkdir()
    whole = fit(tmp_path / "whole")
    capfd.readouterr()
    logging.getLogger("absl").setLevel(logging.FATAL)  # as every command does
    refused(tmp_path / "full", "File too large", "goes on", limit=2**12)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    found = fit(tmp_path / "full")
    jax.tree.map(np.testing.assert_array_equal, found, whole)


IN_THE_WAY = {
    "file for checkpoints": (lambda f: (f / "checkpoints").touch(), "move it away"),
    "folder of metrics": (lambda f: (f / "metrics.jsonl").mkdir(), "it is a folder"),
    "pipe of metrics": (lambda f: os.mkfifo(f / "metrics.jsonl"), "a pipe"),
    "text of metrics": (
        lambda f: (f / "metrics.jsonl").write_text("a\nb\n"),
        "line 1 is no row of metrics.\nDelete it",
    ),
    "file for a chunk": (
        lambda f: (
            [(f / "checkpoints/toy").mkdir(parents=True)]
            and (f / "checkpoints/toy/0000").touch()
        ),
        "move it away",
    ),
    "foreign checkpoint": (
        lambda f: (f / "checkpoints/toy/0000/4").mkdir(parents=True),
        "has no seal",
    ),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way(tmp_path, case):
    make, named = IN_THE_WAY[case]
    make(tmp_path)
    refused(tmp_path, str(tmp_path), named)
