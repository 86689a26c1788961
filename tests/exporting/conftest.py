"""Finished runs to export from: seconds of training, each once a session."""

import command
import pytest
from test_main_stages import SMALL_MOTION


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """Workdir of learned motion: 3 folds, 2 seeds, classifiers 4 and 2 at once."""
    place = tmp_path_factory.mktemp("faces")
    ended = command.fork(
        *("--config=configs/synthetic.py", *SMALL_MOTION),
        *("--config.seeds=2", "--config.engine.classifier.runs_per_device=4"),
        # Probabilities that differ from clip to clip.
        *("--config.flow.standardise=True", "--config.scvit.train.steps=12"),
        "--config.scvit.train.learning_rate=0.01",
        f"--workdir={place / 'run'}",
        folder=place,
    )
    assert ended.code == 0, ended.err
    return place / "run"


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Workdir of a classifier on flow images: 4 folds, 2 seeds."""
    place = tmp_path_factory.mktemp("images")
    data = command.write_flow_images(place / "data")
    ended = command.fork(
        *(command.CONFIG, *command.TINY, f"--config.data.root={data}"),
        f"--workdir={place / 'run'}",
        folder=place,
    )
    assert ended.code == 0, ended.err
    return place / "run"


@pytest.fixture
def export(tmp_path):
    """The command, as a process."""

    def run(*arguments):
        return command.fork(*arguments, folder=tmp_path, module="selfme_jax.export")

    return run
