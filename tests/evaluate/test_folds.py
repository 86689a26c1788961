import numpy as np
import pytest

from selfme_jax.evaluate import folds
from selfme_jax.types import Sample, Split, UserError


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


def test_each_dataset_is_held_out_once(samples):
    splits = folds.leave_one_dataset_out(samples)
    assert [(s.fold, s.held_out) for s in splits] == [(0, "a"), (1, "b")]
    for split in splits:
        assert {samples[i].dataset for i in split.test} == {split.held_out}
        assert {samples[i].dataset for i in split.train} == {"a", "b"} - {
            split.held_out
        }
        assert len(split.train) + len(split.test) == len(samples)


def test_leaving_a_dataset_out_needs_two(samples):
    with pytest.raises(UserError, match=r"one. Take several"):
        folds.leave_one_dataset_out([s for s in samples if s.dataset == "a"])


@pytest.mark.parametrize("test", ["b", " b, ", "b,c"])
def test_what_is_held_out_by_name_is_tested_alone(samples, test):
    samples = [*samples, *(s._replace(dataset="c") for s in samples)]
    names = {name.strip() for name in test.split(",")} - {""}
    (split,) = folds.split(samples, "hold_out", test)
    assert (split.fold, split.held_out) == (0, ",".join(sorted(names)))
    expected = [i for i, s in enumerate(samples) if s.dataset in names]
    assert split.test.tolist() == expected == folds.tested([split]).tolist()
    rest = [i for i, s in enumerate(samples) if s.dataset not in names]
    assert split.train.tolist() == rest


@pytest.mark.parametrize("test", ["", "d", "a,d", "a,b", " , "])
def test_names_that_cannot_be_held_out(samples, test):
    with pytest.raises(UserError, match="one or some of a, b to test on"):
        folds.split(samples, "hold_out", test)


@pytest.mark.parametrize("how", ["leave_one_dataset_out", "hold_out"])
def test_people_of_two_datasets_are_never_one(samples, how):
    """Who is called alike in two datasets is two people, on one side each."""
    for split in folds.split(samples, how, "a" if how == "hold_out" else ""):
        train = {samples[i].person for i in split.train}
        assert train.isdisjoint(samples[i].person for i in split.test)


@pytest.mark.parametrize("count", [0, 1])
def test_loso_refuses(count):
    samples = [Sample("d", "s1", f"c{i}", i) for i in range(2 * count)]
    with pytest.raises(UserError, match=f"{count} subject"):
        folds.loso(samples)


def test_a_training_side_must_tell_something_apart():
    samples = [Sample("d", f"s{i}", "c", i % 2) for i in range(4)]
    splits = folds.loso(samples)
    classes = np.array([0, 1, 1, 1])
    folds.check(splits[1:], classes)
    with pytest.raises(UserError, match="without d/s0 the training side has one class"):
        folds.check(splits, classes)
    units = np.array([[1, 0], [1, 1], [1, 1], [1, 1]])
    folds.check(splits[1:], units)
    with pytest.raises(UserError, match="without d/s0 .* nothing to tell apart"):
        folds.check(splits, units)


def test_nobody_is_tested_twice():
    split = Split(0, "d", np.array([2]), np.array([0, 1]))
    with pytest.raises(ValueError, match="twice"):
        folds.tested([split, split])
