"""Batches and durations of classifiers; what they predict."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.systems import deep
from selfme_jax.systems.deep import Data, Deep, Recipe
from selfme_jax.targets.classes import Classes
from selfme_jax.train.state import Run
from selfme_jax.types import UserError

WEIGHTS = np.array([0.0, 1.0, 2.0, 0.0, 0.5, 1.5], np.float32)
HELD_OUT = np.array([0, 3], np.int32)


@pytest.fixture
def data():
    """Two copies of 6 samples of 3x4; the first value says which is which."""
    inputs = np.random.default_rng(0).normal(size=(2, 6, 3, 4, 3)).astype(np.float32)
    inputs[..., 1, 1, 2] = np.array([[0], [10]]) + np.arange(6)
    return Data(jnp.array(inputs), jnp.array([2, 0, 1, 2, 1, 0]))


def run(source=0):
    return Run(
        seed=jnp.array(0),
        fold=jnp.array(0),
        source=jnp.array(source),
        weights=jnp.array(WEIGHTS),
        test=jnp.array(HELD_OUT),
    )


@functools.partial(jax.jit, static_argnames="size")
def jitted(key, data, run, size, mirror):
    return deep.draw(key, data, run, size=size, mirror=mirror)


def draw(data, *, seed=0, source=0, size=4000, mirror=0.0):
    key = jax.random.key(seed)
    inputs, labels = jitted(key, data, run(source), size, mirror)
    return np.asarray(inputs), np.asarray(labels)


def identify(inputs, mirrored=False):
    return inputs[:, 1, 2 if mirrored else 1, 2].astype(int)


def test_samples_come_as_often_as_they_weigh(data):
    inputs, labels = draw(data)
    chosen = identify(inputs)
    np.testing.assert_array_equal(inputs, np.asarray(data.inputs)[0, chosen])
    np.testing.assert_array_equal(labels, np.asarray(data.labels)[chosen])
    share = WEIGHTS / WEIGHTS.sum()
    counts = np.bincount(chosen, minlength=6)
    assert not counts[HELD_OUT].any()
    sd = np.sqrt(4000 * share * (1 - share))
    assert (abs(counts - 4000 * share) <= 4 * sd).all()


def test_held_out_values_enter_no_batch(data):
    poisoned = data._replace(inputs=data.inputs.at[:, HELD_OUT].set(jnp.nan))
    inputs, _ = draw(poisoned, mirror=0.5)
    assert np.isfinite(inputs).all()
    np.testing.assert_array_equal(inputs, draw(data, mirror=0.5)[0])


def test_each_fold_reads_its_own_copy(data):
    inputs, _ = draw(data, source=1)
    assert identify(inputs).min() >= 10
    own = np.asarray(data.inputs)[1, identify(inputs) - 10]
    np.testing.assert_array_equal(inputs, own)


def test_mirroring_flips_x_and_negates_u(data):
    inputs, _ = draw(data, mirror=1.0)
    expected = np.asarray(data.inputs)[0, identify(inputs, mirrored=True)][:, :, ::-1]
    expected = expected * np.array([-1, 1, 1])
    np.testing.assert_array_equal(inputs, expected)
    some, _ = draw(data, mirror=0.25)
    plain, _ = draw(data, mirror=0.0)
    changed = (some != plain).any((1, 2, 3)).mean()
    assert changed == pytest.approx(0.25, abs=0.03)


def test_a_batch_depends_on_its_key_alone(data):
    np.testing.assert_array_equal(draw(data)[0], draw(data)[0])
    assert (draw(data)[0] != draw(data, seed=1)[0]).any()
    eager = deep.draw(jax.random.key(0), data, run(), size=4000, mirror=0.5)
    np.testing.assert_array_equal(eager[0], draw(data, mirror=0.5)[0])


TARGET = Classes(("a", "b", "c"))


def recipe(**options):
    usual = {"epochs": 0.0, "steps": 0, "batch_size": 8}
    return Recipe(
        **{**usual, **options}, optimizer=lambda steps: steps, balance=0, ema=0
    )


def test_durations_are_epochs_or_steps():
    assert deep.duration(recipe(steps=7), samples=99) == 7
    assert deep.duration(recipe(epochs=2.5), samples=20) == 6  # 6.25
    assert deep.duration(recipe(epochs=0.1), samples=20) == 1
    for both in ({}, {"epochs": 1.0, "steps": 1}):
        with pytest.raises(UserError, match="set one of the two"):
            deep.duration(recipe(**both), samples=20)


class Sum(nn.Module):
    """Logits that say what was read."""

    @nn.compact
    def __call__(self, x, *, train=False):
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return x.sum((1, 2)) + bias


def test_predictions_are_of_the_held_out_samples_of_the_own_copy(data):
    method = Deep(
        lambda flow: flow, Sum(), None, lambda output: output, TARGET, recipe()
    )
    variables = {"params": {"bias": jnp.array([1.0, 2.0, 3.0])}}
    for source in (0, 1):
        got = method.predict(variables, run(source), data)
        read = np.asarray(data.inputs)[source, HELD_OUT].sum((1, 2))
        np.testing.assert_allclose(got, read + np.array([1, 2, 3]), rtol=1e-5)


def test_the_task_is_sized_by_its_input():
    method = Deep(
        lambda flow: flow, Sum(), None, lambda out: out, TARGET, recipe(epochs=4.0)
    )
    task = method.task((2, 6, 3, 4, 5), 6)
    assert task.steps == task.optimizer == 3
    assert task.init(jax.random.key(0))["params"]["bias"].shape == (5,)
