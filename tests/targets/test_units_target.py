"""The target of action units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.evaluate import folds, unit_floors, units
from selfme_jax.targets import registry
from selfme_jax.targets.base import Target
from selfme_jax.types import Sample, UserError

CELLS = ("4+7", "L12B", "4+7?", "none", "R12 or L4", "1+2+25", "12", "7+4")


@pytest.fixture
def target():
    return registry.build("action_units", (), {"units": (1, 4, 7, 12)})


@pytest.fixture
def samples():
    return [
        Sample("d", f"s{i % 4}", f"c{i}", i % 2, aus=c) for i, c in enumerate(CELLS)
    ]


@pytest.fixture
def labels(target, samples):
    return target.labels(samples)


def test_is_a_target(target):
    assert isinstance(target, Target)
    assert target.outputs == ("au1", "au4", "au7", "au12")
    assert target.name == "action_units"


@pytest.mark.parametrize("units", [(), (4, 4), (0,), (4, 100), (4, -1)])
def test_refuses_units_that_are_none(units):
    with pytest.raises(UserError, match="numbers of FACS"):
        registry.build("action_units", (), {"units": units})


def test_the_bare_number_is_the_label(labels):
    expected = [
        *([0, 1, 1, 0], [0, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]),
        *([0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]),
    ]
    assert labels.dtype == np.int32 and labels.tolist() == expected


def test_what_is_announced(target, samples):
    assert target.announce(samples) == (
        "1 AU 1, 4 AU 4, 3 AU 7, 3 AU 12, 1 with none of these"
    )


def test_a_blank_cell_says_nothing(target, samples):
    bad = [*samples, Sample("smic", "s1", "c", 0), Sample("smic", "s2", "c", 0)]
    with pytest.raises(UserError, match="2 of 10 samples.*smic; first smic/s1/c"):
        target.labels(bad)


def test_draws_follow_the_rarest_unit(target, labels):
    train = np.array([0, 1, 2, 3, 4, 6, 7])  # without the only sample of AU 1
    # Counts there: AU 4 four times, 7 three, 12 three, none of them once.
    rarest = np.array([3, 3, 3, 1, 3, 3, 3])
    found = target.draws(labels, train, balance=0.5)
    np.testing.assert_allclose(found, rarest**-0.5)
    assert (target.draws(labels, train, balance=0.0) == 1).all()
    assert (target.draws(labels, train, balance=1000.0) > 0).all()


def test_shares_are_those_of_the_training_side(target, labels):
    found = target.shares(labels, np.array([0, 1, 5]))
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 1 / 3])
    assert found.dtype == np.float32


def test_both_sides_of_a_unit_weigh_half(target, labels):
    """Logits 0 cost log 2 each, whatever is decided: so do both halves together."""
    shares = target.shares(labels, np.arange(8))
    zero = jnp.zeros((8, 4))
    found = np.asarray(target.loss(zero, labels, shares, smoothing=0.0))
    assert found.shape == (8,) and found.mean() == pytest.approx(np.log(2), rel=1e-6)
    one = shares.copy()
    for a in range(4):  # what those who show the unit add
        weights = np.where(labels[:, a] == 1, 0.5 / one[a], 0)
        assert weights.mean() == pytest.approx(0.5)


def test_loss_by_hand(target, labels):
    generator = np.random.default_rng(0)
    logits = 3 * generator.normal(size=(8, 4))
    shares = np.array([0.1, 0.5, 0.0, 1.0], np.float32)
    probs = 1 / (1 + np.exp(-logits))
    for smoothing in (0.0, 0.2):
        expected = np.zeros(8)
        for i, a in np.ndindex(8, 4):
            y = labels[i, a]
            side = float(shares[a] if y else 1 - shares[a])
            weight = 0.5 / side if side else 0.5
            y = y * (1 - smoothing) + smoothing / 2
            entropy = y * np.log(probs[i, a]) + (1 - y) * np.log(1 - probs[i, a])
            expected[i] -= weight * entropy / 4
        found = target.loss(jnp.asarray(logits), labels, shares, smoothing=smoothing)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_loss_has_finite_gradients_far_out(target, labels):
    shares = target.shares(labels, np.arange(8))
    logits = 1e4 * jnp.asarray(1 - 2 * labels, jnp.float32)

    def total(x):
        return target.loss(x, labels, shares, smoothing=0.0).sum()

    assert np.isfinite(jax.grad(total)(logits)).all()


def test_same_sets_are_positives_of_each_other(target, labels):
    groups = np.asarray(jax.jit(target.groups)(labels))
    assert groups.dtype == np.int32
    sets = [tuple(row) for row in labels]
    alike = [[a == b for b in sets] for a in sets]
    np.testing.assert_array_equal(groups[:, None] == groups[None], alike)
    assert sum(map(sum, alike)) > 8


def test_hits_and_link(target, labels):
    logits = np.random.default_rng(1).normal(size=(8, 4))
    right = [(logits[i, a] >= 0) == labels[i, a] for i, a in np.ndindex(8, 4)]
    assert float(target.hits(logits, labels)) == pytest.approx(np.mean(right))
    probs = target.link(logits)
    assert isinstance(probs, np.ndarray) and probs.dtype == np.float64
    np.testing.assert_allclose(probs, 1 / (1 + np.exp(-logits)))
    traced = jax.jit(target.link)(jnp.asarray(logits))
    np.testing.assert_allclose(traced, probs, rtol=1e-5)
    with np.errstate(all="raise", under="ignore"):
        assert target.link(np.array([-2000.0, 2000.0])).tolist() == [0, 1]


def test_rows_floors_and_summary(target, samples, labels):
    splits = folds.loso(samples)
    generator = np.random.default_rng(2)
    rows = target.table(generator.normal(size=(2, 8, 4)), samples, splits, (3, 4))
    assert rows.several and rows.classes == target.outputs
    np.testing.assert_array_equal(rows.label, np.tile(labels, (2, 1)))
    assert registry.of(rows) == target
    floors = target.floors(samples, splits, generator.normal(size=(1, 8, 5, 5, 2)))
    found = target.summarise(rows, floors, resamples=20, rule="pooled")
    expected = units.summarise(rows, resamples=20)
    assert {k: found[k] for k in expected} == expected
    assert found["target"] == "action_units"
    assert set(found["floors"]) == {"constant", "prevalence", "linear"}
    assert found["floors"]["prevalence"] == unit_floors.guess(floors["prevalence"])
    assert set(found["margins"]) == {"constant", "linear"}
    with pytest.raises(UserError, match="score=pooled"):
        target.summarise(rows, floors, resamples=2, rule="mean_of_folds")


def test_files_of_another_target_are_refused(target, samples):
    splits = folds.loso(samples)
    options = ("au4", "au12"), {"units": (4, 12)}
    other = registry.build("classes", *options)
    shown = [s._replace(label=i % 2) for i, s in enumerate(samples)]
    noise = np.random.default_rng(0)
    theirs = other.table(noise.normal(size=(1, len(samples), 2)), shown, splits, (0,))
    k = len(target.outputs)
    ours = target.table(noise.normal(size=(1, len(samples), k)), samples, splits, (0,))
    for rows, floor in ((ours, theirs), (theirs, ours)):
        with pytest.raises(UserError, match="this run predicts"):
            target.summarise(rows, {"linear": floor}, resamples=2, rule="pooled")
