"""The leak ceiling: every epoch is kept, and the best one on the test subject taken."""

import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from selfme_jax.systems import base as method
from selfme_jax.systems import oracle
from selfme_jax.systems.base import Problem
from selfme_jax.systems.deep import Data
from selfme_jax.targets.classes import Classes
from selfme_jax.train import step
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Watch
from selfme_jax.types import Split
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parents[1] / "train"))
import toy


def test_most_hits_and_of_equal_epochs_the_later():
    splits = [
        Split(0, "a", np.array([2, 3]), np.array([0, 1])),
        Split(1, "b", np.array([0, 1]), np.array([2, 3])),
    ]
    labels = np.array([0, 1, 1, 2])
    problem = Problem(
        np.zeros((1, 4, 1, 1, 1)), labels, Classes(tuple("xyz")), splits, (7,)
    )

    def epochs(*predictions):
        return np.stack([np.eye(3)[list(p)] for p in predictions])

    # Fold a: hits 1, 2, 1, 2 -> epoch 3; fold b: hits 1, 0, 0, 0 -> epoch 0.
    outputs = np.stack(
        [epochs((0, 2), (0, 1), (2, 1), (0, 1)), epochs((1, 0), (0, 0), (2, 1), (0, 1))]
    )
    outputs[0, 1] *= 5  # to tell the two best epochs of fold a apart
    got = oracle.choose(problem, outputs)
    np.testing.assert_array_equal(got[0], np.eye(3)[[0, 1]])
    np.testing.assert_array_equal(got[1], np.eye(3)[[1, 0]])


@pytest.fixture(scope="module")
def problem():
    return toy.problem(seeds=(3,))


def test_the_trace_is_what_shorter_trainings_predict(problem):
    """Rows at steps 3, 6 and (a shorter last epoch) 8; training itself is the same."""
    deep = toy.deep()
    runs, _ = method.training_runs(problem, balance=0.5)
    run = jax.tree.map(lambda x: x[2], runs)
    data = Data(problem.inputs, problem.labels.astype(np.int32))
    plain = deep.task(problem.inputs.shape, len(problem.labels))._replace(steps=8)
    shape = (runs.test.shape[1], 3)
    task = plain._replace(watch=Watch(deep.predict, shape, 3))

    update = jax.jit(partial(step.update, task))
    state, beside = step.init(task, run), step.init(plain, run)
    same = jax.jit(partial(step.update, plain))
    expected = []
    for count in range(1, 9):
        state, _ = update(state, run, data)
        beside, _ = same(beside, run, data)
        if count in (3, 6, 8):
            expected.append(deep.predict(step.variables(plain, beside), run, data))
    seen = step.variables(task, state)["seen"]
    np.testing.assert_allclose(seen, np.stack(expected), atol=1e-5)
    jax.tree.map(
        partial(np.testing.assert_allclose, atol=1e-6), state.params, beside.params
    )


def test_the_oracle_beats_chance_where_nothing_can_be_known(problem, tmp_path):
    """Labels without meaning: what the oracle gains is leak."""
    deep = toy.deep(epochs=8.0)
    labels = np.random.default_rng(1).permutation(problem.labels)
    problem = problem._replace(labels=labels)

    def hits(made, name):
        stage = Stage(
            "classifier",
            open_workdir(tmp_path / name),
            Log(open_workdir(tmp_path / name)),
        )
        (tmp_path / name).mkdir()
        right = made.fit_predict(problem, stage)[0].argmax(-1) == problem.labels
        return np.array([right[s.test].sum() for s in problem.splits])

    fixed, best = hits(deep, "fixed"), hits(deep._replace(oracle=True), "oracle")
    assert (best >= fixed).all() and best.sum() > fixed.sum()
