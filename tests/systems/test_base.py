"""The runs of a problem, and their outputs pooled again."""

from fractions import Fraction

import numpy as np
import pytest

from selfme_jax.evaluate import folds
from selfme_jax.systems import base as method
from selfme_jax.systems.base import Problem
from selfme_jax.targets.classes import Classes
from selfme_jax.types import Sample

# (subject, label): subjects of 1 to 4 clips, in no order; class 2 is of one subject.
CLIPS = [
    *(("b", 0), ("a", 1), ("c", 2), ("b", 1), ("d", 0)),
    *(("c", 2), ("b", 0), ("a", 0), ("b", 0), ("c", 0)),
]


def problem(copies=1, seeds=(7, 3)):
    samples = [Sample("toy", s, f"c{i}", label) for i, (s, label) in enumerate(CLIPS)]
    labels = np.array([label for _, label in CLIPS])
    flow = np.zeros((copies, len(CLIPS), 2, 2, 3), np.float32)
    splits = folds.loso(samples)
    return Problem(flow, labels, Classes(("x", "y", "z")), splits, seeds)


def held_out(fold):
    return [i for i, (s, _) in enumerate(CLIPS) if s == "abcd"[fold]]


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_weights_are_inverse_powers_of_the_training_counts(balance):
    runs, _ = method.training_runs(problem(), balance=balance)
    assert runs.weights.shape == (8, 10) and runs.weights.dtype == np.float32
    for weights, fold in zip(runs.weights, runs.fold, strict=True):
        out = held_out(fold)
        rest = [label for i, (_, label) in enumerate(CLIPS) if i not in out]
        for i, (_, label) in enumerate(CLIPS):
            expected = 0 if i in out else rest.count(label) ** -balance
            assert weights[i] == pytest.approx(expected, rel=1e-6)


def test_full_balance_draws_classes_alike():
    runs, _ = method.training_runs(problem(), balance=1.0)
    labels = np.array([label for _, label in CLIPS])
    totals = [np.bincount(labels, weights, 3) for weights in runs.weights]
    # Fold c holds out all of class 2.
    expected = [[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 1]] * 2
    np.testing.assert_allclose(totals, expected, rtol=1e-6)
    assert Fraction(1, 5) == Fraction(float(runs.weights[0][0])).limit_denominator(99)


def test_seeds_are_outermost_and_every_fold_is_run_with_each():
    runs, names = method.training_runs(problem(), balance=0.0)
    assert runs.seed.tolist() == [7] * 4 + [3] * 4
    assert runs.fold.tolist() == [0, 1, 2, 3] * 2
    assert names == [f"seed {s} fold toy/{p}" for s in (7, 3) for p in "abcd"]
    for test, fold in zip(runs.test, runs.fold, strict=True):
        out = held_out(fold)
        assert test[: len(out)].tolist() == out and len(test) == 4  # of fold b
    assert all(x.dtype == np.int32 for x in (runs.seed, runs.fold, runs.test))


def test_folds_share_one_flow_or_read_their_own():
    shared, _ = method.training_runs(problem(copies=1), balance=0.0)
    own, _ = method.training_runs(problem(copies=4), balance=0.0)
    assert shared.source.tolist() == [0] * 8
    assert own.source.tolist() == [0, 1, 2, 3] * 2


def test_gather_takes_each_sample_from_the_fold_that_held_it_out():
    made = problem()
    runs, _ = method.training_runs(made, balance=0.0)
    # An output names its seed, fold and sample; padding is poisoned.
    outputs = np.full((8, 4, 3), np.nan)
    for row, seed, fold in zip(range(8), runs.seed, runs.fold, strict=True):
        for place, sample in enumerate(held_out(fold)):
            outputs[row, place] = seed, fold, sample
    pooled = method.gather(made, outputs)
    assert pooled.shape == (2, 10, 3)
    for s, seed in enumerate((7, 3)):
        for i, (subject, _) in enumerate(CLIPS):
            assert pooled[s, i].tolist() == [seed, "abcd".index(subject), i]
