"""Whether samples of several people are of one: the same name, or the same pixels."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Sequence

from selfme_jax.types import Sample, UserError

_SHOWN = 3  # of those that are found


def spelled(name: str) -> str:
    """What is left of a name without case, width, accents' form, blanks and zeros.

    'S01', 's1' and full-width 's 1' are one; so is what only has no width besides.
    """
    shown = "".join(c for c in name if unicodedata.category(c) != "Cf")
    text = unicodedata.normalize("NFKC", shown).casefold()
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]+", "", text))


def namesakes(samples: Sequence[Sample]) -> list[str]:
    """'casme2: S01 = s1' for people of a dataset that differ in spelling alone."""
    names = defaultdict(set)
    for sample in samples:
        names[sample.dataset, spelled(sample.subject)].add(sample.subject)
    found = sorted((key[0], sorted(own)) for key, own in names.items() if len(own) > 1)
    return [f"{dataset}: {' = '.join(own)}" for dataset, own in found]


def doubles(samples: Sequence[Sample]) -> list[str]:
    """'a/s1/x = a/s2/y' for clips of different people that hold the same pixels."""
    clips: dict[Hashable, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.sha256:  # else: nothing is known of its pixels
            clips[sample.sha256].append(sample)
    return [
        " = ".join(f"{sample.person}/{sample.sample}" for sample in own)
        for own in clips.values()
        if len({sample.person for sample in own}) > 1
    ]


def check(samples: Sequence[Sample], *, allow: bool) -> None:
    """Refuse people that look like one: LOSO would train on whom it tests.

    Args:
        samples: of a run.
        allow: go on all the same; ``told`` is what a score says of it then.

    Raises:
        UserError: there are some; or a name holds what is no text, whatever is allowed.
    """
    if odd := [s for s in samples if not _is_text(s.person + s.sample)]:
        raise UserError(
            "the name of a sample holds control characters or is no Unicode: "
            f"{odd[0].person!a}, {odd[0].sample!a}. Rename it."
        )
    if allow:
        return
    if found := namesakes(samples):
        raise UserError(
            f"names that may be of one person, spelled differently: {_cut(found)}.\n"
            "Correct the names, or say that they are several: "
            "--config.data.allow_doubles=True."
        )
    if found := doubles(samples):
        raise UserError(
            f"{len(found)} time(s) clips of different people hold the same pixels: "
            f"{_cut(found)}.\nLeave out what is wrong, or go on and say so: "
            "--config.data.allow_doubles=True."
        )


def _is_text(name: str) -> bool:
    """Whether there are neither control characters nor halves of pairs in it."""
    return not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)


def told(samples: Sequence[Sample]) -> str:
    """What a score must say of it; '' where there is nothing."""
    parts = []
    if found := namesakes(samples):
        parts.append(f"names that may be of one person ({_cut(found)})")
    if found := doubles(samples):
        parts.append(f"the same pixels under different people ({_cut(found)})")
    return "; ".join(parts)


def _cut(found: Sequence[str]) -> str:
    more = len(found) - _SHOWN
    return "; ".join(found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
