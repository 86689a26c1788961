"""What config.motion.init accepts, and what it says of the rest."""

import json
import shutil

import numpy as np
import pytest

from selfme_jax.run import pretrained
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir

NETWORK = {"groups": 3, "windows": (0.6, 2.0), "dtype": "float32"}
TRAIN = {"steps": 7, "learning_rate": 0.1}
VARIABLES = {"params": {"a": {"kernel": np.arange(6.0).reshape(2, 3)}, "b": np.ones(4)}}


@pytest.fixture
def folder(tmp_path):
    """A finished pretraining run of 7 steps, on two devices."""
    config = {
        "task": "pretraining",
        "motion": {"network": NETWORK, "train": TRAIN, "scope": "per_fold"},
    }
    write(tmp_path, config)
    saved = {"params": {"a": {"kernel": twice(VARIABLES["params"]["a"]["kernel"])}}}
    saved["params"]["b"] = twice(VARIABLES["params"]["b"])
    depends = {"motion": config["motion"], "start": ""}
    with Checkpoints(tmp_path / "checkpoints" / "motion" / "0000", depends) as chunk:
        chunk.save(7, saved)
    return tmp_path


def twice(x):
    return np.stack([x, x])


def write(folder, config):
    (folder / "config.json").write_text(json.dumps(config))


def change(folder, *keys, value):
    config = json.loads((folder / "config.json").read_text())
    part = config
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    write(folder, config)


def test_variables_come_back_as_they_were(folder):
    # Another precision of the convolutions is no other network.
    found = pretrained.load(
        open_workdir(folder), NETWORK | {"dtype": "bfloat16"}, VARIABLES
    )
    assert found.run.folder == folder
    params = found.variables["params"]
    np.testing.assert_array_equal(
        params["a"]["kernel"], VARIABLES["params"]["a"]["kernel"]
    )
    np.testing.assert_array_equal(params["b"], VARIABLES["params"]["b"])


def refused(folder, match, network=NETWORK, template=VARIABLES):
    with pytest.raises(UserError, match=match) as caught:
        pretrained.load(open_workdir(folder), network, template)
    assert len(str(caught.value).splitlines()) <= 4


def test_no_such_run(tmp_path):
    refused(tmp_path / "nowhere", "holds no motion network. Set --config.motion.init")


def test_torn_config(folder):
    (folder / "config.json").write_text('{"task": ')
    refused(folder, "holds no motion network")


def test_another_network_is_named_with_its_flags(folder):
    refused(
        folder,
        r"groups different.\nTo use it: --config.motion.network.groups=3",
        network=NETWORK | {"groups": 4},
    )


def test_a_network_per_fold_is_not_one(folder):
    change(folder, "task", value="recognition")
    refused(folder, "a network per fold")


def test_unfinished(folder):
    change(folder, "motion", "train", "steps", value=8)
    refused(folder, "not trained to its end")


def test_arrays_of_other_shapes_are_named(folder):
    template = {"params": {"a": {"kernel": np.ones((2, 4))}, "b": np.ones(4)}}
    refused(
        folder,
        r"- params/a/kernel: float64 \[2, 4\]\n\+ params/a/kernel: float64 \[2, 3\]",
        template=template,
    )


def test_a_checkpoint_of_another_config_is_not_one(folder):
    change(folder, "motion", "train", "learning_rate", value=0.5)
    refused(folder, r"another config .* \(motion.train.learning_rate: 0.1 -> 0.5\)")


def test_a_checkpoint_that_does_not_say_what_made_it(folder):
    place = folder / "checkpoints" / "motion" / "0000"
    shutil.rmtree(place)
    with Checkpoints(place) as chunk:
        chunk.save(7, VARIABLES)
    refused(folder, "does not say what made its motion")
