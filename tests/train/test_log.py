"""What a run writes of its steps, and what it does not import for that."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event

from selfme_jax import files
from selfme_jax.train import log
from selfme_jax.train.log import read
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir


def events(path):
    """Scalars {(tag, step): value} of a TensorBoard file: length, crc, record, crc."""
    data, found, place = path.read_bytes(), {}, 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        event = Event.FromString(data[place + 12 : place + 12 + length])
        for value in event.summary.value:
            found[value.tag, event.step] = value.simple_value
        place += 16 + length
    return found


def test_each_step_is_a_row_and_a_scalar(tmp_path):
    writer = log.Log(open_workdir(tmp_path))
    writer.metrics("motion", 2, 5, {"loss": np.array([0.5, 0.25])})
    writer.flush()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(r["stage"], r["chunk"], r["step"], r["loss"]) for r in rows] == [
        ("motion", 2, 5, 0.5),
        ("motion", 2, 6, 0.25),
    ]
    writer.close()
    (file,) = (tmp_path / "events" / "motion_0002").iterdir()
    assert events(file) == {("loss", 5): 0.5, ("loss", 6): 0.25}


def test_a_run_neither_imports_torch_nor_hides_it(tmp_path):
    (tmp_path / "torch.py").write_text("print('torch')")
    code = """
import sys
import numpy as np
import selfme_jax.main
from selfme_jax.train import log
from selfme_jax.workdir import open_workdir
writer = log.Log(open_workdir(sys.argv[1]))
writer.metrics("motion", 0, 1, {"loss": np.zeros(1)})
print("written", "google.cloud.storage" in sys.modules)
import torch
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["written", "False", "torch"]


def test_what_was_kept_says_nothing_of_the_time_that_is_left(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 3.0, 60.0, 70.0, 72.0, 90.0])
    monkeypatch.setattr(log.time, "monotonic", lambda: next(clock))
    progress = log.Progress("classifier", 400)
    progress(100, "chunk 1: kept", kept=True)
    progress(200, "chunk 2: kept", kept=True)
    progress(210, "step 10")  # compiled: the clock starts here
    progress(220, "step 20")  # 10 steps took 10 seconds
    progress(320, "chunk 4: kept", kept=True)
    progress(400, "step 80")
    lines = capsys.readouterr().out.splitlines()
    told = [line.partition("gone, ")[2] for line in lines]
    after = "ETA after the next line"
    assert told == [after, after, after, "ETA 03:00", "ETA 01:36", "done"]


ROW = '{"stage": "s", "chunk": 0, "step": 1, "loss": 0.5}\n'


def test_a_line_torn_by_a_kill_is_dropped_but_no_other(tmp_path):
    path = files.path(tmp_path / "metrics.jsonl")
    for end in ("", "{", '{"stage": "s", "chu', '"'):
        path.write_text(ROW * 2 + end)
        assert [row["loss"] for row in read(path)] == [0.5, 0.5]
    others = ["x\n", "[]\n", "3\n", '{"stage": "s"}\n', ROW[:-9] + "\n", "\n", "[]"]
    for line in (*others, ROW.replace("0.5", "[1]"), "[" * 9999 + "\n"):
        path.write_text(ROW + line + (ROW if line.endswith("\n") else ""))
        with pytest.raises(UserError, match="metrics.jsonl: .*\nDelete it"):
            read(path)
