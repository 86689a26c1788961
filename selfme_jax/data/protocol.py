"""Class names, and the counts that protocols are known by.

Papers call 145, 147, 150 or 254 clips of CASME II "3-class"; scores are comparable
only on the same clips, so the counts are asserted.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from selfme_jax.data.releases import registry
from selfme_jax.data.releases.record import THREE, Counts
from selfme_jax.types import Sample, UserError

_SHUFFLE = 0x5F  # a stream of its own: seeds of training are small numbers too

CLASSES = THREE


def counts(name: str, number: int) -> dict[str, Counts]:
    """Of each dataset in a release or composite, as far as a source says.

    Raises:
        UserError: no such release, or no such protocol of it.
    """
    both = zip(registry.parts(name), registry.protocols(name, number), strict=True)
    return {part.dataset: own.counts for part, own in both if own.counts is not None}


COUNTS = counts("megc2019", 3)


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
    """A control: labels and action units of each dataset dealt out anew."""
    rng = np.random.default_rng([seed, _SHUFFLE])
    found = list(samples)
    for dataset in sorted({s.dataset for s in samples}):
        own = [i for i, s in enumerate(samples) if s.dataset == dataset]
        for i, j in zip(own, rng.permutation(own), strict=True):
            given = samples[j]
            found[i] = samples[i]._replace(label=given.label, aus=given.aus)
    return tuple(found)


def count(samples: Sequence[Sample], dataset: str, number: int = 3) -> Counts:
    """Subjects and clips per class, of so many classes, of one dataset."""
    own = [s for s in samples if s.dataset == dataset]
    clips = tuple(sum(s.label == i for s in own) for i in range(number))
    return Counts(len({s.subject for s in own}), clips)


def check_counts(
    samples: Sequence[Sample],
    *,
    remedy: str,
    datasets: Collection[str] = (),
    known: Mapping[str, Counts] = COUNTS,
    classes: Sequence[str] = CLASSES,
) -> None:
    """Refuse a known dataset that has not exactly the clips of the protocol.

    Args:
        samples: of any number of datasets; unknown ones pass.
        remedy: last sentence of the message.
        datasets: that must be there, even if none of their samples is.
        known: what is expected of which dataset.
        classes: their names.

    Raises:
        UserError: with the numbers found and expected.
    """
    for dataset in sorted({*datasets, *(s.dataset for s in samples)} & known.keys()):
        found, expected = count(samples, dataset, len(classes)), known[dataset]
        if found != expected:
            raise UserError(
                f"{dataset}: found {_words(found, classes)}; expected "
                f"{_words(expected, classes)}.\n{remedy}"
            )


def partial(samples: Sequence[Sample], classes: Sequence[str]) -> str:
    """What a score on these samples must say of them; '' where nothing is missing."""
    lacking = []
    for dataset in sorted({s.dataset for s in samples}):
        own = [s for s in samples if s.dataset == dataset]
        for expected in _protocols(dataset, classes):
            found = count(own, dataset, len(classes))
            total = expected.total or len(own)
            if len(own) != total or found != (expected.counts or found):
                lacking.append(f"{len(own)} of {total} clips of {dataset}")
    return ", ".join(lacking)


def _protocols(dataset: str, classes: Sequence[str]):
    """Those (none, or one) of a dataset that have these classes."""
    for release in registry.RELEASES.values():
        if release.dataset == dataset:
            own = release.protocols.values()
            yield from (p for p in own if p.classes == tuple(classes))


def _words(counts: Counts, classes: Sequence[str]) -> str:
    per_class = ", ".join(
        f"{n} {name}" for n, name in zip(counts.clips, classes, strict=True)
    )
    return f"{sum(counts.clips)} clips of {counts.subjects} subjects ({per_class})"
