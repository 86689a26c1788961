import numpy as np
import pytest

from selfme_jax.evaluate import folds
from selfme_jax.types import Sample, UserError


def test_loso_holds_out_each_person_once(samples):
    splits = folds.loso(samples)
    persons = sorted({s.person for s in samples})
    assert len(persons) == 7  # 's0' of dataset a is not 's0' of dataset b
    assert [s.held_out for s in splits] == persons
    assert [s.fold for s in splits] == list(range(7))
    for split in splits:
        assert {samples[i].person for i in split.test} == {split.held_out}
        assert split.held_out not in {samples[i].person for i in split.train}
        both = np.concatenate([split.train, split.test])
        assert sorted(both) == list(range(len(samples)))
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested) == list(range(len(samples)))


def test_cross_database_trains_on_the_other_datasets(samples):
    splits = folds.cross_database(samples)
    assert [(s.fold, s.held_out) for s in splits] == [(0, "a"), (1, "b")]
    for split in splits:
        assert {samples[i].dataset for i in split.test} == {split.held_out}
        assert {samples[i].dataset for i in split.train} == {"a", "b"} - {
            split.held_out
        }
        assert len(split.train) + len(split.test) == len(samples)


def test_cross_database_needs_two_datasets(samples):
    with pytest.raises(UserError, match=r"one. Take several"):
        folds.cross_database([s for s in samples if s.dataset == "a"])


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_subject_groups_partition_the_persons(samples, groups):
    splits = folds.subject_groups(samples, groups, seed=1)
    assert len(splits) == groups
    assert all(len(s.test) for s in splits)
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested) == list(range(len(samples)))
    for split in splits:
        test = {samples[i].person for i in split.test}
        assert test.isdisjoint(samples[i].person for i in split.train)
        assert split.held_out == ", ".join(sorted(test))


def test_subject_groups_depend_on_the_seed_alone():
    samples = [
        Sample("d", f"s{p:02d}", f"c{c}", c % 3) for p in range(12) for c in range(6)
    ]
    first = [s.held_out for s in folds.subject_groups(samples, 4, seed=0)]
    assert first == [s.held_out for s in folds.subject_groups(samples, 4, seed=0)]
    assert first != [s.held_out for s in folds.subject_groups(samples, 4, seed=1)]


def test_subject_groups_balance_classes():
    generator = np.random.default_rng(0)
    samples = [
        Sample("d", f"s{p:02d}", f"c{c}", int(label))
        for p in range(24)
        for c, label in enumerate(generator.choice(3, p=(0.6, 0.25, 0.15), size=6))
    ]
    for split in folds.subject_groups(samples, 4):
        labels = np.array([samples[i].label for i in split.test])
        totals = np.bincount([s.label for s in samples])
        np.testing.assert_allclose(np.bincount(labels) / totals, 0.25, atol=0.1)


def test_inner_never_touches_the_test_subject(samples):
    outer = folds.loso(samples)[4]
    splits = folds.inner(outer, samples, 3)
    assert len(splits) == 3
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested) == sorted(outer.train)
    for split in splits:
        assert not set(split.train) & set(outer.test)
        assert not set(split.test) & set(outer.test)
        assert sorted([*split.train, *split.test]) == sorted(outer.train)
        test = {samples[i].person for i in split.test}
        assert test.isdisjoint(samples[i].person for i in split.train)


@pytest.mark.parametrize(
    "samples, says",
    [
        ([], "0 subject"),
        ([Sample("d", "s1", "c1", 0), Sample("d", "s1", "c2", 1)], "1 subject"),
        (
            [Sample("d", "s1", "c1", 0), Sample("d", "s2", "c1", 1)],
            "without d/s1 the training side has one class",
        ),
    ],
)
def test_loso_refuses(samples, says):
    with pytest.raises(UserError, match=says):
        folds.loso(samples)


@pytest.mark.parametrize("groups", [1, 8])
def test_subject_groups_refuse(samples, groups):
    with pytest.raises(UserError, match="Choose 2 to 7 groups"):
        folds.subject_groups(samples, groups)
