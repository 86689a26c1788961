"""Which action units (AUs) micro-expressions are made of: counts of published sheets.

Counted here from the annotation sheets of CASME II (2014-05-08), SAMM (FACS codes v2),
CAS(ME)^3 (part A v2, part C) and DFME (test A): combinations of AUs by class, no clip
and no person. A bare number counts as present; 'L' is one side and stands for either
(all sides of a combination are swapped so that the first is L); intensities, doubt and
what is 'ref' (to an expression seen before) are left out; AU 13 counts as 12, 45 as
43; AUs of eyes, head and nostrils that compress are left out. Combinations met once
are left out: 10 % of the clips. Classes by the annotated emotion: happiness is
positive; disgust, repression (CASME II), sadness, fear, anger and contempt (the
others) are negative; what no class of the protocol takes is 'other'.
"""

from typing import NamedTuple

import numpy as np

from selfme_jax.types import UserError

SHEETS = ("casme2", "samm", "casme3_a", "casme3_c", "dfme")
CLASSES = ("negative", "positive", "surprise")
# Our choice: how often the classes of COUNTS are drawn, and how often CLASSES are met
# where a combination is found in several of them (about as in the real sets).
DRAWN = (0.30, 0.42, 0.17, 0.11)
MET = (0.50, 0.28, 0.22)

# class -> 'AUs: count in each of SHEETS; ...'
COUNTS = {
    "negative": """
        4: 11 12 202 21 68; 14: 2 1 66 1 19; 7: 0 31 13 1 20; 4+7: 20 4 1 0 36;
        24: 0 0 17 1 23; 17: 13 3 7 2 3; L14: 0 5 15 3 5; 1: 0 2 22 1 0;
        4+9: 4 1 16 0 0; L4: 1 1 0 4 10; 14+24: 0 0 6 1 8; 4+10: 2 0 2 4 6;
        L12: 0 0 3 0 11; 9: 0 2 11 0 0; 1+2: 0 0 9 0 2; 4+5: 0 0 0 0 11;
        L10: 2 2 2 0 5; L20: 0 3 3 0 4; 15: 4 0 3 0 0; 5: 0 0 2 1 4;
        6+L12: 0 0 0 0 7; 12: 0 0 2 1 3; 18: 0 0 4 0 2; 20: 0 2 0 0 4;
        4+9+14: 0 0 6 0 0; 4+L10: 6 0 0 0 0; 15+17: 4 1 0 0 0; 38: 0 0 5 0 0;
        4+43: 0 0 0 5 0; 1+2+5: 0 0 0 0 4; 16+24: 0 0 2 0 2; 4+25: 0 0 0 4 0;
        4+7+10: 2 0 0 0 2; L7: 0 1 1 0 2; 17+24: 0 0 0 0 3; 4+14: 0 0 0 3 0;
        4+6: 0 0 1 0 2; 4+6+7: 2 0 0 0 1; 4+6+9: 0 0 3 0 0; 4+7+43: 0 3 0 0 0;
        4+7+9: 3 0 0 0 0; 4+L7: 0 0 0 0 3; 7+14: 0 0 0 0 3; 9+14: 0 0 3 0 0;
        L1+L2+L5: 0 0 0 0 3; 1+4: 0 0 1 0 1; 10: 0 1 0 0 1; 12+15: 1 1 0 0 0;
        14+17: 0 0 1 0 1; 2+L4: 0 0 0 2 0; 28: 0 0 2 0 0; 4+14+24: 0 0 1 0 1;
        4+17: 0 0 2 0 0; 4+18: 0 0 1 1 0; 4+38: 0 0 1 1 0; 4+9+10: 2 0 0 0 0;
        43: 0 2 0 0 0; 6+10: 0 0 0 0 2; L1+L2: 0 0 2 0 0; L12+L14: 0 2 0 0 0;
        L2: 0 0 2 0 0; L2+10: 0 0 0 2 0; L4+14: 0 0 0 2 0; L4+43: 0 0 0 2 0;
        L4+7: 0 0 0 0 2; L4+L7: 0 0 0 0 2
    """,
    "positive": """
        12: 6 12 4 3 12; 6+12: 5 0 0 0 24; 14: 3 0 16 1 0; L12: 9 5 0 2 4;
        24: 0 0 10 0 0; 17: 0 0 1 1 5; 12+24: 0 1 0 0 4; 38: 0 0 5 0 0; 4: 0 0 5 0 0;
        7+12: 0 3 0 1 1; L14: 0 0 5 0 0; 15: 1 0 2 0 0; L6+L12: 1 1 0 0 1;
        10: 0 0 1 0 1; 6+24: 0 0 0 0 2; 9: 0 0 2 0 0; L2+12: 0 1 0 1 0;
        L6+L12+L15: 0 2 0 0 0
    """,
    "surprise": """
        1+2: 5 3 64 0 5; 1+2+5: 0 0 3 0 65; 5: 0 8 35 1 8; L1+L2: 6 0 20 0 3;
        1: 4 0 13 1 1; 4: 0 0 15 0 0; L2: 2 0 8 5 0; 2: 1 0 0 6 0;
        L1+L2+L5: 0 0 0 0 6; 14: 0 0 4 0 0; 16: 0 0 4 0 0; 25: 1 0 3 0 0;
        7: 0 0 4 0 0; 2+25: 0 0 0 3 0; 2+5: 0 0 0 3 0; 24: 0 0 3 0 0;
        L1+L2+5: 0 0 0 0 3; 1+2+5+17: 0 0 0 1 1; 1+L2: 2 0 0 0 0; 1+L2+5: 0 0 0 0 2;
        2+4: 0 0 0 2 0; 25+26: 0 1 1 0 0; 6: 0 0 2 0 0; L2+7: 0 0 0 2 0
    """,
    "other": """
        4: 59 0 9 0 0; 14: 12 0 48 2 0; 24: 2 5 10 5 0; 38: 0 1 17 0 0;
        L2: 0 12 4 0 0; 17: 4 0 7 0 0; L14: 3 0 8 0 0; 1: 5 0 4 0 0; 1+2: 0 0 8 0 0;
        18: 1 1 5 0 0; 25: 0 1 1 3 0; L4: 1 0 0 3 0; 12: 1 1 1 0 0; 14+24: 0 0 3 0 0;
        4+7: 3 0 0 0 0; 5: 0 0 3 0 0; 7: 1 0 2 0 0; 9: 0 0 2 1 0; L7: 0 0 3 0 0;
        1+4: 1 0 1 0 0; 16+24: 0 0 2 0 0; 18+25: 0 1 1 0 0; 2: 0 1 1 0 0;
        L12: 0 0 2 0 0
    """,
}


class Mixture(NamedTuple):
    """m combinations of AUs: how often each is met, and in which class.

    units: AU numbers, ascending. sides: [m, a, 2] float32, 1 where a combination has
    the unit on the (left, right) of the picture. shares: [m] float64, sum 1. classes:
    [m, 3] float32, the shares of CLASSES among the clips of the combination, were the
    classes as frequent as MET; zeros where it is met under 'other' alone.
    """

    units: tuple[int, ...]
    sides: np.ndarray
    shares: np.ndarray
    classes: np.ndarray


def parse(combination: str) -> dict[int, tuple[float, float]]:
    """'4+L10' -> {4: (1, 1), 10: (1, 0)}: the AUs on the (left, right)."""
    sides = {"L": (1.0, 0.0), "R": (0.0, 1.0)}
    tokens = combination.split("+")
    return {int(t.lstrip("LR")): sides.get(t[0], (1.0, 1.0)) for t in tokens}


def frequencies(*, without: str = "") -> dict[str, np.ndarray]:
    """Combination -> its share of each class of COUNTS, [4] float64.

    Every sheet counts alike in a class, whatever its size.

    Args:
        without: one of SHEETS that is left out, to see what its own frequencies are
            worth where its clips are the test.

    Raises:
        UserError: ``without`` is no sheet.
    """
    if without and without not in SHEETS:
        raise UserError(f"no sheet {without!r}; there are {', '.join(SHEETS)}.")
    used = [i for i, name in enumerate(SHEETS) if name != without]
    found: dict[str, np.ndarray] = {}
    for label, text in enumerate(COUNTS.values()):
        rows = [row.split(":") for row in text.split(";") if row.strip()]
        counts = np.array([c.split() for _, c in rows], float)[:, used]
        own = (counts / np.maximum(counts.sum(0), 1)).sum(1)
        for (name, _), share in zip(rows, own / own.sum(), strict=True):
            found.setdefault(name.strip(), np.zeros(len(COUNTS)))[label] = share
    return {name: shares for name, shares in found.items() if shares.any()}


def mixture(*, without: str = "", flat: float = 0.0, sharpness: float = 1.0) -> Mixture:
    """What is drawn from.

    Args:
        without: see ``frequencies``.
        flat: in [0, 1]; frequencies to the power of 1 - flat, so that rare
            combinations are met more often.
        sharpness: power of ``classes``; above 1 takes less notice of annotators who
            see what others do not.
    """
    found = frequencies(without=without)
    units = tuple(sorted({au for name in found for au in parse(name)}))
    sides = np.zeros((len(found), len(units), 2), np.float32)
    for row, name in zip(sides, found, strict=True):
        for au, on in parse(name).items():
            row[units.index(au)] = on
    shares = np.stack(list(found.values()))
    own = (shares[:, : len(CLASSES)] * MET) ** sharpness
    classes = own / np.where(own.any(1), own.sum(1), 1)[:, None]
    often = (shares @ DRAWN) ** (1 - flat)
    return Mixture(units, sides, often / often.sum(), classes.astype(np.float32))
