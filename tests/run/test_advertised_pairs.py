"""Every pair of configs that a page advertises: motion of one serves the other."""

import importlib
import re

import jax
import numpy as np
import pytest
from plans import plan
from selfme_jax.configs import networks

from selfme_jax.inputs import base
from selfme_jax.run import build
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir

# 'video -> casme2, smic_hs', as the table of the named networks says it.
ROWS = re.findall(r"(\w+) -> ([\w, ]+)$", networks.__doc__, re.M)
PAIRS = [(one, other) for one, row in ROWS for other in row.split(", ")]


def settled(name):
    return plan(importlib.import_module(f"selfme_jax.configs.{name}").get_config())


def side(made):
    """Of the frames that a config is for."""
    return made.motion["frame_size"] or made.settings["synthetic"]["size"]


def network(made, frames):
    """Shapes of the variables of its motion network."""
    stage = build.first_stage(made, (frames, frames, 3))
    return base.trace(stage.task((1, 1, frames, frames, 3)))


def finished(folder, made, template):
    """The workdir of a run of that config, trained to its end: zeros."""
    run = open_workdir(folder)
    run.claim(made.settings, free=())
    depends = {"motion": made.motion, "start": ""}
    with Checkpoints(run.checkpoints("motion") / "0000", depends) as chunk:
        zeros = jax.tree.map(lambda x: np.zeros((1, *x.shape), x.dtype), template)
        chunk.save(made.motion["train"]["steps"], zeros)
    return run


def test_pages_advertise_pairs():
    assert len(PAIRS) >= 6 and ("video", "casme2") in PAIRS


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_frames_and_network_of_both_are_the_same(one, other):
    first, second = settled(one), settled(other)
    assert first.task == "pretraining" and second.task == "recognition"
    if other != "synthetic":  # it has frames of its own, half the side
        assert side(first) == side(second)
    here = network(first, side(first)), network(second, side(second))
    assert jax.tree.structure(here[0]) == jax.tree.structure(here[1])
    assert jax.tree.leaves(here[0]) == jax.tree.leaves(here[1])


@pytest.mark.parametrize(
    ("one", "other"), [pair for pair in PAIRS if pair[0] != "video"]
)
def test_what_one_learned_the_other_starts_from(one, other, tmp_path):
    first = settled(one)
    finished(tmp_path, first, network(first, side(first)))
    config = importlib.import_module(f"selfme_jax.configs.{other}").get_config()
    second = plan(config, motion__init=str(tmp_path))
    frame = (side(second), side(second), 3)
    assert build.first_stage(second, frame).start is not None


@pytest.mark.parametrize(("name", "flag"), [("casme2", ""), ("casme2_small", "128")])
def test_what_is_not_prepared_is_to_be_prepared_at_that_size(name, flag, tmp_path):
    config = importlib.import_module(f"selfme_jax.configs.{name}").get_config()
    config.data.root = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="Prepare it:\n") as caught:
        build.dataset(plan(config))
    assert (f"--size={flag}" in str(caught.value)) == bool(flag)
