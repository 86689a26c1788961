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
