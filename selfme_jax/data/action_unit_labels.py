"""Action units as annotators write them: '4+7', 'L12B', '4+7?', 'R6 or R12', 'AD31'.

Sheets differ in separators, in what they add to a number, and in their words for
none. What is added is kept; what is scored is the bare number, as MEB does (Varanka et
al. 2023, the CD6ME protocol).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.types import UserError

# The twelve that CD6ME scores.
MEB = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)

# One action unit, without brackets: REFL10B, A/L12, AU4, AD31, M58, 10A/B, AU12R, 7?
_UNIT = re.compile(
    r"(?P<ref>REF)?(?:AU|AD|M)?(?:A/)?(?P<side>[LRATB])?(?:AU|AD)?(?P<number>\d{1,2})"
    r"(?P<intensity>[A-E])?(?:/[A-E])?(?P<after>[LR])?(?P<doubt>\?)?"
)
_IGNORED = "(K)"  # of 4DME: what it marks does not count


class ActionUnit(NamedTuple):
    """One annotated action unit.

    number: of FACS, 1 to 99. side: L, R; A = both, one more; T, B = upper, lower lip;
    '' = both. intensity: A (trace) to E (maximum), the lower of two; '' = not said.
    doubt: '?', one of several alternatives ('or'), or 'ref(...)'.
    """

    number: int
    side: str = ""
    intensity: str = ""
    doubt: bool = False


def parse(cell: str) -> tuple[ActionUnit, ...]:
    """The action units of a cell, in its order.

    Words without a number ('NULL', '?', 'soft focus') are none, nor is what 4DME
    marks with (k). Of alternatives ('L12 or L14') all are given, in doubt.

    Raises:
        UserError: a number that is part of no action unit, or of over two digits.
    """
    text = unicodedata.normalize("NFKC", cell).upper()
    text = re.sub(r"(?<=\d)\.0+$", "", text.strip())  # a number in a sheet
    units = []
    for term in re.split(r"[+,;&、]", text):
        alternatives = re.split(r"\bOR\b", term)
        for one in alternatives:
            bare = " ".join(re.sub(r"[()]", " ", one).split())
            bare = re.sub(r"(?<!\d) | (?!\d)", "", bare)  # '4 7' stays two numbers
            if not re.search(r"\d", bare) or _IGNORED in one:
                continue
            match = _UNIT.fullmatch(bare)
            if match is None or not int(match["number"]):
                raise UserError(
                    f"cannot read the action unit {one.strip()[:40]!r}. Write numbers "
                    "joined by +, such as 4+L12B?."
                )
            doubt = len(alternatives) > 1 or match["ref"] or match["doubt"]
            units.append(
                ActionUnit(
                    int(match["number"]),
                    match["side"] or match["after"] or "",
                    match["intensity"] or "",
                    bool(doubt),
                )
            )
    return tuple(units)


def numbers(cell: str) -> frozenset[int]:
    """The numbers of a cell's action units, those in doubt too: what is scored.

    Raises:
        UserError: see ``parse``.
    """
    return frozenset(unit.number for unit in parse(cell))


def present(cells: Sequence[str], units: Sequence[int] = MEB) -> np.ndarray:
    """[n, u] bool: whether each cell has each of these numbers.

    A cell that is blank has none, which is not to say that none was seen: ask
    ``annotated`` first.

    Raises:
        UserError: see ``parse``.
    """
    rows = [[unit in found for unit in units] for found in map(numbers, cells)]
    return np.array(rows, bool).reshape(len(cells), len(units))


def annotated(cell: str) -> bool:
    """Whether an annotator looked for action units: a blank cell says nothing."""
    return bool(cell.strip())
