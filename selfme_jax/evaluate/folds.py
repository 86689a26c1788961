"""Who is held out: one subject, one dataset at a time, or some datasets by name."""

from collections.abc import Sequence

import numpy as np

from selfme_jax.types import Sample, Split, UserError

SPLITS = ("loso", "leave_one_dataset_out", "hold_out")


def split(samples: Sequence[Sample], how: str, test: str = "") -> list[Split]:
    """The folds of a protocol.

    Args:
        how: one of SPLITS.
        test: of hold_out: the datasets that are tested on, joined by commas.

    Raises:
        UserError: samples from which nothing can be held out so.
    """
    if how == "hold_out":
        return hold_out(samples, test)
    return {"loso": loso, "leave_one_dataset_out": leave_one_dataset_out}[how](samples)


def loso(samples: Sequence[Sample]) -> list[Split]:
    """Leave-one-subject-out over ``Sample.person``, in sorted order.

    Raises:
        UserError: fewer than two subjects.
    """
    persons = sorted({s.person for s in samples})
    if len(persons) < 2:
        raise UserError(
            f"{len(persons)} subject(s) found; holding one out needs at least 2. "
            "Add subjects."
        )
    return [
        _split(samples, fold, person, {person}) for fold, person in enumerate(persons)
    ]


def leave_one_dataset_out(samples: Sequence[Sample]) -> list[Split]:
    """Each dataset is held out once, trained on all of the others (CD6ME).

    Raises:
        UserError: fewer than two datasets.
    """
    names = sorted({s.dataset for s in samples})
    if len(names) < 2:
        raise UserError(
            f"leave_one_dataset_out needs at least two datasets; {', '.join(names)} is "
            "one. Take several, or --config.protocol.split=loso."
        )
    return [
        _split(samples, fold, name, _people(samples, {name}))
        for fold, name in enumerate(names)
    ]


def hold_out(samples: Sequence[Sample], test: str) -> list[Split]:
    """One fold: trained on all datasets but those of ``test``, tested on these.

    Raises:
        UserError: a name that no sample has, none, or nothing left to train on.
    """
    names = sorted({s.dataset for s in samples})
    wanted = {name.strip() for name in test.split(",")} - {""}
    if not wanted or not wanted < set(names):
        raise UserError(
            f"config.protocol.test={test!r}: name one or some of {', '.join(names)} to "
            "test on, not all of them."
        )
    held_out = ",".join(sorted(wanted))
    return [_split(samples, 0, held_out, _people(samples, wanted))]


def check(splits: Sequence[Split], labels: np.ndarray) -> None:
    """That every training side has something to tell apart.

    Args:
        labels: [n] of classes, or [n, k] of 0/1 of several things.

    Raises:
        UserError: one has a single class, or nothing that some of it show and some
            do not.
    """
    for one in splits:
        own = labels[one.train]
        if not len(own) or (own == own[0]).all():
            lack = "one class only" if labels.ndim == 1 else "nothing to tell apart"
            raise UserError(
                f"without {one.held_out} the training side has {lack}. "
                "Add subjects or clips of other classes."
            )


def tested(splits: Sequence[Split]) -> np.ndarray:
    """Sorted indices of the samples that some fold holds out, each once."""
    found = np.sort(np.concatenate([one.test for one in splits]))
    if (np.diff(found) == 0).any():
        raise ValueError("splits must hold out no sample twice")
    return found


def _people(samples: Sequence[Sample], datasets: set[str]) -> set[str]:
    return {s.person for s in samples if s.dataset in datasets}


def _split(
    samples: Sequence[Sample], fold: int, held_out: str, people: set[str]
) -> Split:
    """A person is on one side: a name counts as ``Sample.person``, with its dataset."""
    test = np.array([s.person in people for s in samples])
    train = {s.person for s, out in zip(samples, test, strict=True) if not out}
    assert train.isdisjoint(people), f"fold {fold}: {train & people} on both sides"
    return Split(fold, held_out, np.flatnonzero(~test), np.flatnonzero(test))
