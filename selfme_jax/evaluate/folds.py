"""Who is held out: LOSO, and splits by subject for choosing settings."""

from collections.abc import Sequence

import numpy as np

from selfme_jax.types import Sample, Split, UserError


def loso(samples: Sequence[Sample]) -> list[Split]:
    """Leave-one-subject-out over ``Sample.person``, in sorted order.

    Raises:
        UserError: fewer than two subjects, or a training side with one class only.
    """
    persons = sorted({s.person for s in samples})
    return _splits(samples, np.arange(len(samples)), [[p] for p in persons])


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
    splits = _splits(samples, np.arange(len(samples)), held_out)
    return [s._replace(held_out=n) for s, n in zip(splits, names, strict=True)]


SPLITS = {"loso": loso, "cross_database": cross_database}


def inner(
    split: Split, samples: Sequence[Sample], groups: int, *, seed: int = 0
) -> list[Split]:
    """Groups of subjects within the training side of a fold.

    For choosing settings (epochs, learning rate) of a fold without its test subject.
    Indices are those of ``samples``; see ``subject_groups``.
    """
    return _grouped(samples, split.train, groups, seed)


def subject_groups(
    samples: Sequence[Sample], groups: int, *, seed: int = 0
) -> list[Split]:
    """k-fold over subjects: each group of subjects is held out once.

    Groups get about the same number of samples of each class (greedy, largest
    subject first, ties in an order drawn from ``seed``).

    Raises:
        UserError: fewer than two groups, more groups than subjects, or a training
            side with one class only.
    """
    return _grouped(samples, np.arange(len(samples)), groups, seed)


def _grouped(
    samples: Sequence[Sample], indices: np.ndarray, groups: int, seed: int
) -> list[Split]:
    persons = sorted({samples[i].person for i in indices})
    if not 2 <= groups <= len(persons):
        raise UserError(
            f"cannot split {len(persons)} subject(s) into {groups} group(s). "
            f"Choose 2 to {len(persons)} groups."
        )
    counts = _class_counts(samples, indices, persons)
    members = _deal(counts, groups, np.random.default_rng(seed))
    return _splits(samples, indices, [[persons[i] for i in m] for m in members])


def _class_counts(
    samples: Sequence[Sample], indices: np.ndarray, persons: list[str]
) -> np.ndarray:
    """[persons, classes] number of samples."""
    row = {person: i for i, person in enumerate(persons)}
    counts = np.zeros((len(persons), 1 + max(samples[i].label for i in indices)))
    for i in indices:
        counts[row[samples[i].person], samples[i].label] += 1
    return counts


def _deal(
    counts: np.ndarray, groups: int, generator: np.random.Generator
) -> list[list[int]]:
    """Row indices of each group; no group stays empty."""
    shares = counts / np.maximum(counts.sum(0), 1)
    order = generator.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    members: list[list[int]] = [[] for _ in range(groups)]
    load = np.zeros((groups, counts.shape[1]))
    for i in order:
        # Overlap with what a group has; an empty group wins every tie.
        overlap = load @ shares[i]
        best = min(range(groups), key=lambda g: (overlap[g], load[g].sum(), g))
        members[best].append(int(i))
        load[best] += shares[i]
    return [sorted(m) for m in members]


def _splits(
    samples: Sequence[Sample], indices: np.ndarray, held_out: list[list[str]]
) -> list[Split]:
    if len(held_out) < 2:
        raise UserError(
            f"{len(held_out)} subject(s) found; holding one out needs at least 2. "
            "Add subjects."
        )
    person = np.array([samples[i].person for i in indices])
    splits = []
    for fold, names in enumerate(held_out):
        test = np.isin(person, names)
        split = Split(fold, ", ".join(names), indices[~test], indices[test])
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
