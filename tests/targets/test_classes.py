"""The target of classes: what systems, floors and scores of classes always were."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.evaluate import folds, loso
from selfme_jax.targets import registry
from selfme_jax.targets.base import Target
from selfme_jax.types import Sample, UserError

NAMES = ("negative", "positive", "surprise")


@pytest.fixture
def target():
    return registry.build("classes", NAMES, {})


@pytest.fixture
def samples():
    generator = np.random.default_rng(0)
    labels = generator.choice(3, p=(0.6, 0.25, 0.15), size=40)
    return [Sample("d", f"s{i % 7}", f"c{i}", int(c)) for i, c in enumerate(labels)]


def test_is_a_target(target):
    assert isinstance(target, Target)
    assert (target.name, target.outputs) == ("classes", NAMES)
    with pytest.raises(UserError, match="Known: classes, action_units"):
        registry.build("emotions", NAMES, {})


def test_labels_and_what_is_announced(target, samples):
    labels = target.labels(samples)
    assert labels.dtype == np.int32
    assert labels.tolist() == [s.label for s in samples]
    counts = [labels.tolist().count(c) for c in range(3)]
    assert counts[0] > counts[1] > counts[2] > 0
    assert target.announce(samples) == (
        f"{counts[0]} negative, {counts[1]} positive, {counts[2]} surprise"
    )


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_draws_are_powers_of_the_counts_of_the_training_side(target, samples, balance):
    labels = target.labels(samples)
    train = np.flatnonzero(np.arange(40) % 7)
    own = labels[train].tolist()
    expected = [float(own.count(c)) ** -balance for c in own]
    weights = target.draws(labels, train, balance=balance)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, expected, rtol=1e-14)


@pytest.mark.parametrize("balance", [50.0, 1000.0])
def test_no_draw_underflows(target, balance):
    labels = np.repeat([0, 1, 2], [300, 200, 100])
    weights = target.draws(labels, np.arange(600), balance=balance)
    assert (weights.astype(np.float32) > 0).all() and np.isfinite(weights).all()
    assert (weights[-100:] == 1).all() and (weights[:500] < 1e-14).all()


def test_loss_is_cross_entropy_against_smoothed_labels(target):
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(6, 3)) * 3
    labels = np.array([0, 2, 1, 1, 0, 2])
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    for smoothing in (0.0, 0.2):
        even = np.full((6, 3), smoothing / 3)
        expected = -((even + (1 - smoothing) * np.eye(3)[labels]) * log).sum(1)
        found = target.loss(
            jnp.asarray(logits, jnp.float32), labels, jnp.zeros(1), smoothing=smoothing
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert target.shares(labels, np.arange(6)).tolist() == [0]


def test_hits_groups_and_link(target):
    logits = np.random.default_rng(2).normal(size=(4, 5, 3))
    labels = np.array([0, 1, 2, 0, 1])
    right = np.mean(
        [row.argmax() == c for row, c in zip(logits[0], labels, strict=True)]
    )
    assert float(target.hits(jnp.asarray(logits[0]), labels)) == pytest.approx(right)
    assert target.groups(labels).tolist() == labels.tolist()
    probs = target.link(logits)
    assert isinstance(probs, np.ndarray) and probs.dtype == np.float64
    np.testing.assert_allclose(probs, jax.nn.softmax(logits), rtol=1e-5)
    traced = jax.jit(target.link)(jnp.asarray(logits))
    np.testing.assert_allclose(traced, probs, rtol=1e-5)
    assert np.isfinite(target.link(np.array([[1e4, -1e4, 0.0]]))).all()


def test_table_has_a_row_for_each_seed_and_sample(target, samples):
    splits = folds.loso(samples)
    logits = np.random.default_rng(3).normal(size=(2, 40, 3))
    rows = target.table(logits, samples, splits, (5, 9))
    assert rows.classes == NAMES and rows.probs.shape == (80, 3)
    assert rows.seed.tolist() == [5] * 40 + [9] * 40
    for i in (0, 13, 39):
        split = next(s for s in splits if i in s.test)
        for k in range(2):
            at = 40 * k + i
            assert rows.fold[at] == split.fold
            assert rows.sample[at] == samples[i].sample
            assert rows.label[at] == samples[i].label
            assert rows.pred[at] == logits[k, i].argmax()


def test_summary_is_that_of_classes(target, samples):
    splits = folds.loso(samples)
    generator = np.random.default_rng(4)
    rows = target.table(generator.normal(size=(2, 40, 3)), samples, splits, (0, 1))
    told = []
    floors = target.floors(
        samples,
        splits,
        generator.normal(size=(1, 40, 4, 4, 2)),
        tell=lambda *words: told.append(words),
    )
    found = target.summarise(rows, floors, resamples=20, rule="pooled")
    expected = loso.summarise(rows, resamples=20)
    assert {k: found[k] for k in expected} == expected
    assert found["target"] == "classes"
    assert set(found["floors"]) == {"random", "majority", "linear"}
    assert found["margins"] == loso.margins(rows, floors, resamples=20)
    assert told[-1][:3] == ("floor linear", 7, 7) and len(told) == 7


def test_files_of_another_target_are_refused(target, samples):
    splits = folds.loso(samples)
    options = ("au4", "au12"), {"units": (4, 12)}
    other = registry.build("action_units", *options)
    cells = ["4" if i % 2 else "none" for i in range(len(samples))]
    shown = [s._replace(aus=c) for s, c in zip(samples, cells, strict=True)]
    noise = np.random.default_rng(0)
    theirs = other.table(noise.normal(size=(1, len(samples), 2)), shown, splits, (0,))
    k = len(target.outputs)
    ours = target.table(noise.normal(size=(1, len(samples), k)), samples, splits, (0,))
    for rows, floor in ((ours, theirs), (theirs, ours)):
        with pytest.raises(UserError, match="this run predicts"):
            target.summarise(rows, {"linear": floor}, resamples=2, rule="pooled")
