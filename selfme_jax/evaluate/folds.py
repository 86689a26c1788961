"""Who is held out: one subject, or one dataset, at a time."""

from collections.abc import Sequence

import numpy as np

from selfme_jax.types import Sample, Split, UserError


def loso(samples: Sequence[Sample]) -> list[Split]:
    """Leave-one-subject-out over ``Sample.person``, in sorted order.

    Raises:
        UserError: fewer than two subjects, or a training side with one class only.
    """
    persons = sorted({s.person for s in samples})
    return _splits(samples, [[p] for p in persons])


def cross_database(samples: Sequence[Sample]) -> list[Split]:
    """Each dataset is held out once, trained on all of the others.

    Raises:
        UserError: fewer than two datasets, or a training side with one class only.
    """
    names = sorted({s.dataset for s in samples})
    if len(names) < 2:
        raise UserError(
            f"cross_database needs at least two datasets; {', '.join(names)} is one. "
            "Take several, or --config.protocol.split=loso."
        )
    people = {s.person: s.dataset for s in samples}
    held_out = [[p for p in sorted(people) if people[p] == name] for name in names]
    splits = _splits(samples, held_out)
    return [s._replace(held_out=n) for s, n in zip(splits, names, strict=True)]


SPLITS = {"loso": loso, "cross_database": cross_database}


def _splits(samples: Sequence[Sample], held_out: list[list[str]]) -> list[Split]:
    if len(held_out) < 2:
        raise UserError(
            f"{len(held_out)} subject(s) found; holding one out needs at least 2. "
            "Add subjects."
        )
    person = np.array([s.person for s in samples])
    splits = []
    for fold, names in enumerate(held_out):
        test = np.isin(person, names)
        sides = np.flatnonzero(~test), np.flatnonzero(test)
        split = Split(fold, ", ".join(names), *sides)
        _check(split, samples)
        splits.append(split)
    return splits


def _check(split: Split, samples: Sequence[Sample]) -> None:
    train = {samples[i].person for i in split.train}
    test = {samples[i].person for i in split.test}
    assert train.isdisjoint(test), f"fold {split.fold}: {train & test} on both sides"
    if len({samples[i].label for i in split.train}) < 2:
        raise UserError(
            f"without {split.held_out} the training side has one class only. "
            "Add subjects or clips of other classes."
        )
