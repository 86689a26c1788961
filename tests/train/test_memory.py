"""Sizes out of all proportion are a line, before anything is compiled."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from selfme_jax.train import loop, memory
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.train.stream import Stream
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy


def fit(folder, deep, monkeypatch, **changes):
    """Up to where something would be compiled."""
    problem = toy.problem()
    task = deep.task(problem.inputs.shape, len(problem.labels))._replace(**changes)
    _, runs, names, data = toy.setting()
    run = open_workdir(folder)

    def compiled(*_):
        raise AssertionError("compiled")

    monkeypatch.setattr(loop.compiled, "build", compiled)
    loop.fit(task, runs, data, lambda v, *_: v, Stage("toy", run, Log(run)), names)


@pytest.mark.parametrize("size", [10**7, 10**9, 10**12, 10**15])
def test_batches(tmp_path, monkeypatch, size):
    deep = toy.deep()
    deep = deep._replace(recipe=deep.recipe._replace(batch_size=size))
    if size == 10**7:  # 7 GB
        monkeypatch.setattr(memory, "limit", lambda: 10**9)
    with pytest.raises(UserError, match="batch_size or the sizes") as caught:
        fit(tmp_path, deep, monkeypatch, steps=2)
    assert len(str(caught.value).splitlines()) == 2
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("width", [10**9, 10**12])
def test_networks(tmp_path, monkeypatch, width):
    def init(key):
        return {"params": {"kernel": jax.random.normal(key, (192, width))}}

    with pytest.raises(UserError, match="Out of memory before it begins: .* GiB"):
        fit(tmp_path, toy.deep(), monkeypatch, init=init, steps=2)


def test_what_fits_goes_on(tmp_path, monkeypatch):
    with pytest.raises(AssertionError, match="compiled"):
        fit(tmp_path, toy.deep(), monkeypatch)


def test_the_least_that_is_needed_is_counted(monkeypatch):
    """By hand: 2 runs of 3 arrays of 1000 numbers, one by one; data; a batch."""
    task, runs, _, _ = toy.setting()
    task = task._replace(
        init=lambda key: {"params": jnp.zeros(1000)},
        batch=lambda key, data, run: data[memory.draws.index(key, run.weights, 50)],
        optimizer=optax.adam(1e-3),
        ema=0.0,
    )
    run = jax.tree.map(lambda x: x[0], runs)
    shapes = jax.eval_shape(lambda run: memory_state(task, run), run)
    data = np.zeros((30, 7), np.float32)
    state = 4 * 3000 + 2 * 4  # the numbers of the step and of Adam
    need = 2 * state + 4 * 1000 + 4 * 30 * 7 + 4 * 50 * 7

    def check(data=data, **load):
        memory.check(task, run, shapes, data, **{"runs": 2, "at_once": 1, **load})

    monkeypatch.setattr(memory, "limit", lambda: need)
    check()
    monkeypatch.setattr(memory, "limit", lambda: need - 1)
    with pytest.raises(UserError, match="for 2 run"):
        check()
    check(at_once=0.5)  # two devices share the batch
    check(data=Stream(None))


def memory_state(task, run):
    from selfme_jax.train import step

    return step.init(task, run)
