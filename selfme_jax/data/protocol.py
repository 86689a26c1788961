"""The 3-class protocol of MEGC 2019: class names and the counts it is known by.

Papers call 145, 147, 150 or 254 clips of CASME II "3-class"; scores are comparable
only on the same clips, so the counts are asserted.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.types import Sample, UserError

_SHUFFLE = 0x5F  # a stream of its own: seeds of training are small numbers too

CLASSES = ("negative", "positive", "surprise")


class Counts(NamedTuple):
    """How many subjects a dataset has, and how many clips of each class."""

    subjects: int
    clips: tuple[int, ...]


COUNTS = {
    "casme2": Counts(24, (88, 32, 25)),
    "smic": Counts(16, (70, 51, 43)),
    "samm": Counts(28, (92, 26, 15)),
}


def parse_label(text: str, classes: Sequence[str] = CLASSES) -> int:
    """Index into ``classes`` of a class name (any case) or of the index itself.

    Raises:
        UserError: neither one nor the other.
    """
    word = text.strip().lower()
    if word in classes:
        return classes.index(word)
    if word.isdecimal() and int(word) < len(classes):
        return int(word)
    known = ", ".join(f"{name} ({i})" for i, name in enumerate(classes))
    raise UserError(f"unknown label {text.strip()!r}. Use one of: {known}.")


def shuffle_labels(samples: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """A control: the labels of each dataset dealt out anew, counts kept."""
    rng = np.random.default_rng([seed, _SHUFFLE])
    samples = list(samples)
    for dataset in sorted({s.dataset for s in samples}):
        own = [i for i, s in enumerate(samples) if s.dataset == dataset]
        dealt = rng.permutation([samples[i].label for i in own])
        for i, label in zip(own, dealt, strict=True):
            samples[i] = samples[i]._replace(label=int(label))
    return tuple(samples)


def count(samples: Sequence[Sample], dataset: str) -> Counts:
    """Subjects and clips per class of one dataset."""
    own = [s for s in samples if s.dataset == dataset]
    clips = tuple(sum(s.label == i for s in own) for i in range(len(CLASSES)))
    return Counts(len({s.subject for s in own}), clips)


def check_counts(
    samples: Sequence[Sample], *, remedy: str, datasets: Collection[str] = ()
) -> None:
    """Refuse a known dataset that has not exactly the clips of the protocol.

    Args:
        samples: of any number of datasets; unknown ones pass.
        remedy: last sentence of the message.
        datasets: that must be there, even if none of their samples is.

    Raises:
        UserError: with the numbers found and expected.
    """
    for dataset in sorted({*datasets, *(s.dataset for s in samples)} & COUNTS.keys()):
        found, expected = count(samples, dataset), COUNTS[dataset]
        if found != expected:
            raise UserError(
                f"{dataset}: found {_words(found)}; expected {_words(expected)}.\n"
                f"{remedy}"
            )


def partial(samples: Sequence[Sample], classes: Sequence[str]) -> str:
    """What a score on these samples must say of them; '' where nothing is missing."""
    if tuple(classes) != CLASSES:
        return ""
    lacking = []
    for dataset in sorted({s.dataset for s in samples} & COUNTS.keys()):
        found, expected = count(samples, dataset), COUNTS[dataset]
        if found != expected:
            lacking.append(
                f"{sum(found.clips)} of {sum(expected.clips)} clips of {dataset}"
            )
    return ", ".join(lacking)


def _words(counts: Counts) -> str:
    per_class = ", ".join(
        f"{n} {name}" for n, name in zip(counts.clips, CLASSES, strict=True)
    )
    return f"{sum(counts.clips)} clips of {counts.subjects} subjects ({per_class})"
