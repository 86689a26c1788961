"""TensorBoard reads the events of a run where it wrote them: in a bucket."""

import subprocess
import sys

import bucket
import pytest

READ = """
import sys
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
found = EventMultiplexer()
found.AddRunsFromDirectory(sys.argv[1])
found.Reload()
for run in found.Runs():
    for event in found.Scalars(run, "loss"):
        print(run, event.step)
"""
WRITE = """
import sys
import numpy as np
from selfme_jax.train.log import Log
from selfme_jax.workdir import open_workdir
log = Log(open_workdir(sys.argv[1]))
log.metrics("motion", 0, 3, {"loss": np.array([0.5])})
log.close()
"""


def test_events_of_a_bucket(tmp_path):
    """What `tensorboard --logdir=gs://...` does, in a process of its own."""
    pytest.importorskip("tensorboard")
    words = [sys.executable, "-c", WRITE, str(tmp_path)]
    subprocess.run(words, check=True, timeout=120)
    written = tmp_path / "events" / "motion_0000"
    with bucket.Bucket() as cloud:
        for path in written.iterdir():
            key = ("b", f"runs/casme2/tensorboard/{path.name}")
            cloud.put(key, path.read_bytes())
        env = {**cloud.environment, "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-c", READ, "gs://b/runs/casme2"],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["tensorboard", "3"]
