"""Linear SVMs under LOSO: against scikit-learn's own, and what they must not see."""

import numpy as np
import pytest
from sklearn.svm import SVC

from selfme_jax.baselines import bi_woof
from selfme_jax.evaluate import folds, metrics
from selfme_jax.systems import registry
from selfme_jax.systems import svm as classic
from selfme_jax.systems.base import Problem
from selfme_jax.systems.svm import LinearSVM
from selfme_jax.targets.classes import Classes
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample, UserError

CLASSES = ("x", "y", "z")
COSTS = (0.1, 1.0, 100.0)
PEOPLE = 8


def problem(spread=1.0, seed=0, copies=1, labels=None, seeds=(0,)):
    """8 people with 4 to 6 clips; classes of unlike size, ``spread`` of the noise."""
    rng = np.random.default_rng(seed)
    people = rng.permutation(np.repeat(np.arange(PEOPLE), [4, 5, 6, 4, 5, 6, 4, 5]))
    if labels is None:
        labels = rng.choice(3, len(people), p=(0.55, 0.3, 0.15))
        labels[:3] = 0, 1, 2
    samples = [
        Sample("toy", f"s{p}", f"c{i}", int(label))
        for i, (p, label) in enumerate(zip(people, labels, strict=True))
    ]
    values = rng.normal(size=(copies, len(people), 1, 2, 5)) * spread
    values += np.eye(10)[labels].reshape(1, -1, 1, 2, 5)
    splits = folds.loso(samples)
    return Problem(values.astype(np.float32), labels, Classes(CLASSES), splits, seeds)


def fit(made, costs=(1.0,), balance=1.0):
    stage = Stage("classifier", None, None)
    return LinearSVM(classic.flatten, costs, balance).fit_predict(made, stage)


@pytest.mark.parametrize(("balance", "weight"), [(0.0, None), (1.0, "balanced")])
@pytest.mark.parametrize("cost", [0.1, 30.0])
def test_a_fold_is_scikit_learns_svm(balance, weight, cost):
    made = problem()
    got = fit(made, (cost,), balance)[0]
    x = made[0][0].reshape(len(made.labels), -1).astype(float)
    for split in made.splits:
        model = SVC(C=cost, kernel="linear", class_weight=weight, break_ties=True)
        model.fit(x[split.train], made.labels[split.train])
        expected = model.decision_function(x[split.test])
        np.testing.assert_allclose(got[split.test], expected, atol=1e-6)
        pred = model.predict(x[split.test])
        np.testing.assert_array_equal(got[split.test].argmax(1), pred)


def test_half_balance_weighs_between():
    made = problem()
    got = fit(made, balance=0.5)[0]
    x = made[0][0].reshape(len(made.labels), -1).astype(float)
    split = made.splits[2]
    labels = made.labels[split.train]
    each = np.bincount(labels)[labels] ** -0.5
    model = SVC(C=1.0, kernel="linear")
    model.fit(x[split.train], labels, sample_weight=each / each.mean())
    expected = model.decision_function(x[split.test])
    np.testing.assert_allclose(got[split.test], expected, atol=1e-6)


def test_what_is_separable_is_separated_by_every_seed_alike():
    made = problem(spread=0.05, seeds=(3, 1, 2))
    got = fit(made, COSTS)
    assert got.shape == (3, len(made.labels), 3)
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[0], got[2])
    assert metrics.uf1_uar(made.labels, got[0].argmax(1), 3) == (1, 1)


def test_a_held_out_sample_changes_nothing_of_its_fold():
    made = problem(spread=1.5)
    before = fit(made, COSTS)[0]
    for fold in (0, 3):
        changed, *others = made.splits[fold].test
        values, labels = made[0].copy(), made.labels.copy()
        labels[changed] = (labels[changed] + 1) % 3
        after = fit(Problem(values, labels, *made[2:]), COSTS)[0]
        own = made.splits[fold].test
        np.testing.assert_array_equal(after[own], before[own])
        values[0, changed] = 40 - 3 * values[0, changed]
        after = fit(Problem(values, labels, *made[2:]), COSTS)[0]
        np.testing.assert_array_equal(after[others], before[others])
        assert (after[changed] != before[changed]).any()
        rest = np.setdiff1d(np.arange(len(labels)), own)
        assert (after[rest] != before[rest]).any()  # other folds train on it


def test_each_fold_reads_its_own_inputs():
    made = problem(copies=PEOPLE)
    got = fit(made)[0]
    for i, split in enumerate(made.splits):
        alone = fit(Problem(made[0][i : i + 1], *made[1:]))[0]
        np.testing.assert_array_equal(got[split.test], alone[split.test])
    assert (fit(Problem(made[0][:1], *made[1:]))[0] != got).any()


def best_cost(made, fold, balance):
    """The cost of a fold by loops over groups of its training subjects."""
    x = made[0][0].reshape(len(made.labels), -1).astype(float)
    others = [s.test for i, s in enumerate(made.splits) if i != fold]
    scores = []
    for cost in COSTS:
        pred = np.zeros(len(made.labels), int)
        for g in range(5):
            test = [i for k, who in enumerate(others) if k % 5 == g for i in who]
            train = [i for i in made.splits[fold].train if i not in test]
            model = SVC(C=cost, kernel="linear", class_weight=balance, break_ties=True)
            pred[test] = model.fit(x[train], made.labels[train]).predict(x[test])
        train = made.splits[fold].train
        scores.append(metrics.uf1_uar(made.labels[train], pred[train], 3)[0])
    return COSTS[int(np.argmax(scores))]


def test_the_cost_is_chosen_on_training_subjects(capsys):
    made = problem(spread=0.9, seed=5)
    got = fit(made, COSTS)[0]
    expected = [best_cost(made, i, "balanced") for i in range(PEOPLE)]
    said = [
        line.split("C = ")[1].split()[0]
        for line in capsys.readouterr().out.split("\n")
        if line
    ]
    assert said[-1] == f"{expected[-1]:g}"
    assert len(set(expected)) > 1
    for split, cost in zip(made.splits, expected, strict=True):
        np.testing.assert_array_equal(
            got[split.test], fit(made, (cost,))[0][split.test]
        )


def test_groups_hold_whole_subjects_of_the_training_side():
    made = problem()
    owner = np.empty(len(made.labels), int)
    for split in made.splits:
        owner[split.test] = split.fold
    for split in made.splits:
        inner = classic.inner_groups(classic.people(made), split)
        assert len(inner) == 5
        tested = np.concatenate([test for _, test in inner])
        np.testing.assert_array_equal(np.sort(tested), np.sort(split.train))
        for train, test in inner:
            assert not set(owner[train]) & set(owner[test])
            assert set(train) | set(test) == set(split.train)


def test_a_class_that_only_the_held_out_subject_has():
    made = problem(spread=0.05)
    own = made.splits[4].test
    labels = made.labels % 2
    labels[own[0]] = 2
    made = problem(spread=0.05, labels=labels)
    got = fit(made, COSTS)[0]
    assert np.isfinite(got).all()
    assert (got[own, 2] == classic.ABSENT).all() and (got[own, :2] > -10).all()
    # Two classes are left: one margin, shared by both sides.
    np.testing.assert_allclose(got[own, 0], -got[own, 1])
    assert (got[own[1:], :2].argmax(1) == labels[own[1:]]).all()


def test_groups_that_leave_one_class_and_a_single_training_subject():
    labels = np.array([0, 1, 0, 0, 0, 1, 0, 0])
    samples = [
        Sample("toy", f"s{i // 2}", f"c{i}", int(n)) for i, n in enumerate(labels)
    ]
    values = np.random.default_rng(0).normal(size=(1, 8, 1, 1, 3)).astype(np.float32)
    made = Problem(values, labels, Classes(CLASSES), folds.loso(samples), (0,))
    assert np.isfinite(fit(made, COSTS)).all()
    pair = [Sample("toy", f"s{i // 2}", f"c{i}", i % 2) for i in range(4)]
    small = Problem(
        values[:, :4], np.array([0, 1, 0, 1]), Classes(CLASSES), folds.loso(pair), (0,)
    )
    np.testing.assert_array_equal(fit(small, COSTS), fit(small, (0.1,)))


def test_bi_woof_reads_prepared_motion_and_raw_strain():
    rng = np.random.default_rng(0)
    flow = abs(rng.normal(100, 30, (2, 3, 10, 10, 3))).astype(np.float32)

    def prepare(flow):
        return 0.2 * (flow - np.median(flow, axis=(2, 3), keepdims=True))[..., :2]

    svm = {"costs": (1.0,), "balance": 0.0}
    made = registry.SYSTEMS["bi_woof"].create(
        None, prepare, {"model": {"blocks": (5, 5)}, "svm": svm}, None
    )
    assert made[1:] == ((1.0,), 0.0)
    got = made.describe(flow)
    centred = flow - np.median(flow, axis=(2, 3), keepdims=True)
    centred[..., 2] = flow[..., 2]
    expected = bi_woof.describe(centred, blocks=(5, 5))
    assert got.shape == (2, 3, 200)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_lbp_top_reads_what_the_first_stage_took():
    made = registry.SYSTEMS["lbp_top"].create(
        None, None, {"svm": {"costs": (1.0,), "balance": 0.0}}, None
    )
    values = np.random.default_rng(0).normal(size=(1, 4, 1, 1, 6))
    np.testing.assert_array_equal(made.describe(values), values.reshape(1, 4, 6))


@pytest.mark.parametrize("costs", [(), (1.0, 0.0)])
@pytest.mark.parametrize("name", ["lbp_top", "bi_woof"])
def test_costs_that_are_none(name, costs):
    with pytest.raises(UserError, match=r"costs=\(.*above 0"):
        svm = {"costs": costs, "balance": 1.0}
        registry.SYSTEMS[name].create(None, None, {"model": {}, "svm": svm}, None)
