"""No sampler draws from outside the training side: by construction, and checked."""

import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.inputs import device_clips, learning
from selfme_jax.systems import base, deep
from selfme_jax.systems.deep import Data
from selfme_jax.targets import classes
from selfme_jax.train import draws, loop
from selfme_jax.train.draws import DrawnOutsideError
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy


@jax.jit
def plain(key, weights):
    """What was drawn before there was a mask."""
    return jax.random.categorical(key, jnp.log(weights), shape=(512,))


@jax.jit
def masked(key, weights):
    return draws.index(key, weights, 512)


@pytest.mark.parametrize("balance", [0.0, 0.3, 0.5, 1.0, 2.0])
def test_usual_weights_give_the_draws_they_always_gave(balance):
    rng = np.random.default_rng(0)
    for seed in range(40):
        labels = rng.integers(4, size=200)  # of one shape: compiled once
        train = np.flatnonzero(rng.random(len(labels)) < rng.uniform(0.02, 1))
        values = np.bincount(labels[train])[labels[train]].astype(float) ** -balance
        given = draws.weights(values, train, len(labels), name="f")
        before = np.zeros(len(labels), np.float32)
        before[train] = values
        np.testing.assert_array_equal(given, before)
        key = jax.random.key(seed)
        drawn = masked(key, given)
        np.testing.assert_array_equal(drawn, plain(key, before))
        assert set(np.asarray(drawn)) <= set(train)


def test_weights_that_float32_does_not_hold_are_scaled():
    values = np.array([1e-60, 3e-60, 1e-300])
    given = draws.weights(values, np.array([4, 1, 2]), 6, name="f")
    assert given[[4, 1]] == pytest.approx([1 / 3, 1]) and 0 < given[2] < 1e-30
    assert not given[[0, 3, 5]].any()
    drawn = np.asarray(masked(jax.random.key(0), given))
    assert set(drawn) == {1, 4}


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 0.0], [np.nan, 1], [np.inf, 1]])
def test_a_fold_with_samples_that_cannot_be_drawn_is_refused(values):
    with pytest.raises(UserError, match="fold toy/s3 has .*\nLower train.balance"):
        draws.weights(np.array(values), np.array([1, 2]), 5, name="toy/s3")


def test_a_fold_without_samples_is_refused():
    with pytest.raises(UserError, match="nobody to train on"):
        draws.weights(np.zeros(0), np.zeros(0, int), 5, name="toy/s3")


def test_a_balance_beyond_all_measure_draws_the_rarest_class_of_training():
    """It once drew sample 0, which is held out by some fold, in every step of all."""
    problem = toy.problem(seeds=(0,))
    runs, _ = base.training_runs(problem, balance=1000.0)
    for weights, split in zip(runs.weights, problem.splits, strict=True):
        drawn = np.unique(masked(jax.random.key(0), weights))
        counts = np.bincount(problem.labels[split.train])
        rare = np.flatnonzero(counts == counts[counts > 0].min())
        assert set(drawn) <= set(split.train)
        assert set(problem.labels[drawn]) <= set(rare)


def test_weights_of_which_none_is_left_are_found_where_they_are_drawn():
    with draws.recorded() as drawn:
        draws.index(jax.random.key(0), jnp.zeros(4), 7)
        draws.index(jax.random.key(0), jnp.array([0, 1.0, jnp.nan, 0]), 7)
    assert draws.outside(jnp.zeros(4), drawn[:1]) == 7
    assert draws.outside(jnp.array([0, 1.0, jnp.nan, 0]), drawn[1:]) == 0
    assert draws.outside(jnp.array([1.0, jnp.nan, 1, 1]), drawn[1:]) == 7


def fit(folder, change=lambda runs: runs, **changes):
    task, runs, names, data = toy.setting(steps=6)
    run = open_workdir(folder)
    log = Log(run)
    stage = Stage("toy", run, log, log_every=4, save_seconds=0.0)
    try:
        return loop.fit(
            *(task._replace(**changes), change(runs), data, lambda v, *_: v),
            *(stage, names),
        )
    finally:
        log.close()


def test_runs_that_could_draw_what_they_hold_out_do_not_begin(tmp_path):
    def leak(runs):
        weights = np.array(runs.weights)
        weights[5, runs.test[5, 1]] = 0.1
        return runs._replace(weights=weights)

    with pytest.raises(DrawnOutsideError, match="seed 0 fold toy/s5 could draw"):
        fit(tmp_path, leak)

    def nothing(runs):
        weights = np.array(runs.weights)
        weights[2] = 0
        return runs._replace(weights=weights)

    with pytest.raises(UserError, match="seed 0 fold toy/s2: no training sample"):
        fit(tmp_path, nothing)
    assert not (tmp_path / "checkpoints").exists()


def test_a_step_that_draws_outside_ends_the_run_before_it_is_saved(tmp_path):
    """A sampler that is wrong: seldom, and in some runs only."""
    task, runs, _, _ = toy.setting()
    bad = runs.test[9, 0]

    def batch(key, data, run):
        batch = task.batch(key, data, run)
        wrong = (run.fold == 2) & (run.seed == 1) & (jax.random.uniform(key) < 0.9)
        drawn = jnp.where(wrong, bad, jnp.argmax(run.weights))
        draws._RECORD.get().append(drawn[None])
        return batch

    with pytest.raises(
        DrawnOutsideError, match=r"step \d of seed 1 fold toy/s2 drew 1"
    ):
        fit(tmp_path, batch=batch)
    assert not list((tmp_path / "checkpoints").rglob("state"))


def test_a_sampler_of_its_own_is_refused(tmp_path):
    """What does not draw by ``draws.index`` is not looked at."""

    def batch(key, data, run):
        chosen = jax.random.categorical(key, jnp.log(run.weights), shape=(8,))
        return data.inputs[0, chosen], data.labels[chosen]

    with pytest.raises(TypeError, match="draws.index"):
        fit(tmp_path, batch=batch)


def test_all_samplers_draw_where_they_are_looked_at():
    _, runs, _, data = toy.setting()
    run = jax.tree.map(lambda x: jnp.asarray(x[0]), runs)
    key, n = jax.random.key(0), len(runs.weights[0])
    frames = device_clips.DeviceClips(
        np.zeros((n, 2, 4, 4, 3), np.uint8), np.ones(n), np.full(n, 2)
    )
    frames = jax.tree.map(jnp.asarray, frames)._replace(
        apex=jnp.ones(n, int), length=jnp.full(n, 2)
    )

    class Pairs:
        batch_size, onset_apex, mirror = 16, 0.5, 0.5

    samplers = [
        lambda: deep.draw(key, Data(*map(jnp.asarray, data)), run, size=16, mirror=0.5),
        lambda: learning.pairs(key, frames, run, Pairs),
        lambda: device_clips.draw_pairs(
            *(key, frames, run), size=16, onset_apex=0.5, mirror=0.5
        ),
    ]
    for sampler in samplers:
        with draws.recorded() as drawn:
            sampler()
        (chosen,) = drawn
        assert chosen.shape == (16,) and draws.outside(run.weights, drawn) == 0


def test_a_balance_that_overflows_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(classes.by_count(np.array([2, 3]), -1000.0)[1])
