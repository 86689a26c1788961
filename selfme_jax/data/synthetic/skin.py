"""Where skin moves, and how, under each action unit (AU) of the flow fields.

More units than ``action_units.AUS``, whose rendered faces stay as they are, and mended
where real flow differs: dimples (14) and depressed corners (15) also move outward, a
raised lip (10) lifts the fold beside the nose, a wrinkled nose (9) the whole of it.
Places and directions are by FACS and by the mean published flow image of each AU of
CASME II, the development set; no value is fitted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.data.synthetic import anatomy
from selfme_jax.data.synthetic.action_units import Bump
from selfme_jax.data.synthetic.anatomy import Anatomy

BUMPS: dict[int, tuple[Bump, ...]] = {
    1: (
        Bump("brow_inner", (0.04, -0.10), (0.13, 0.14), (0.0, -1.0)),
        Bump("brow_middle", (-0.03, -0.06), (0.12, 0.12), (0.0, -0.4)),
    ),
    2: (
        Bump("brow_outer", (-0.09, -0.10), (0.13, 0.14), (0.05, -1.0)),
        Bump("brow_middle", (0.02, -0.06), (0.12, 0.12), (0.0, -0.4)),
    ),
    4: (
        Bump("brow_inner", (0.04, -0.10), (0.13, 0.13), (-0.7, 0.7)),
        Bump("brow_middle", (0.05, -0.06), (0.14, 0.12), (-0.5, 0.6)),
        Bump("nose_bridge", (0.0, -0.18), (0.10, 0.13), (0.0, 0.6)),
    ),
    5: (Bump("lid_upper", (0.0, 0.0), (0.11, 0.06), (0.0, -1.0)),),
    6: (
        Bump("cheek", (0.02, 0.0), (0.13, 0.13), (0.5, -0.8)),
        Bump("eye_outer", (0.0, 0.06), (0.08, 0.07), (-0.2, -0.3)),
    ),
    7: (
        Bump("lid_lower", (0.0, 0.01), (0.11, 0.06), (-0.15, -0.9)),
        Bump("lid_upper", (0.0, 0.0), (0.11, 0.05), (0.0, 0.45)),
    ),
    9: (
        Bump("nose_wing", (-0.02, -0.11), (0.10, 0.13), (0.05, -0.9)),
        Bump("nose_bridge", (0.0, 0.16), (0.09, 0.10), (0.0, -0.7)),
        Bump("brow_inner", (-0.01, 0.04), (0.10, 0.10), (-0.3, 0.5)),
    ),
    10: (
        Bump("nose_wing", (0.06, -0.08), (0.07, 0.12), (0.5, -0.7)),
        Bump("nose_wing", (0.12, 0.04), (0.10, 0.14), (0.0, -0.8)),
        Bump("lip_upper", (0.11, -0.03), (0.11, 0.08), (0.1, -0.5)),
    ),
    12: (
        Bump("mouth_corner", (0.03, -0.06), (0.12, 0.13), (0.6, -0.8)),
        Bump("cheek", (0.02, 0.18), (0.15, 0.13), (0.5, -0.5)),
        Bump("mouth_corner", (0.14, 0.05), (0.16, 0.22), (0.4, -0.1)),
    ),
    14: (
        Bump("mouth_corner", (0.03, -0.06), (0.11, 0.16), (0.9, -0.2)),
        Bump("mouth_corner", (-0.03, 0.06), (0.09, 0.12), (0.2, -0.7)),
    ),
    15: (
        Bump("mouth_corner", (0.0, 0.0), (0.11, 0.10), (0.2, 1.0)),
        Bump("mouth_corner", (0.02, -0.10), (0.10, 0.10), (0.8, 0.2)),
    ),
    16: (Bump("lip_lower", (0.07, 0.02), (0.14, 0.09), (0.1, 1.0)),),
    17: (
        Bump("chin", (0.0, -0.13), (0.09, 0.11), (0.0, -1.0)),
        Bump("lip_lower", (0.10, 0.08), (0.11, 0.10), (-0.4, -0.3)),
    ),
    18: (
        Bump("mouth_corner", (-0.02, 0.0), (0.12, 0.10), (-0.9, 0.0)),
        Bump("lip_upper", (0.0, 0.0), (0.10, 0.06), (0.0, -0.3)),
    ),
    20: (Bump("mouth_corner", (0.0, 0.03), (0.14, 0.12), (1.0, 0.2)),),
    23: (
        Bump("mouth_corner", (-0.03, 0.0), (0.11, 0.08), (-0.6, 0.0)),
        Bump("lip_lower", (0.0, 0.0), (0.13, 0.05), (0.0, -0.5)),
        Bump("lip_upper", (0.0, 0.0), (0.13, 0.05), (0.0, 0.5)),
    ),
    24: (
        Bump("lip_lower", (0.0, 0.02), (0.18, 0.08), (0.0, -0.9)),
        Bump("lip_upper", (0.0, -0.03), (0.18, 0.07), (0.0, 0.5)),
        Bump("chin", (0.0, -0.16), (0.15, 0.10), (0.0, -0.4)),
    ),
    25: (
        Bump("lip_lower", (0.0, 0.02), (0.16, 0.08), (0.0, 0.9)),
        Bump("lip_upper", (0.0, -0.02), (0.14, 0.06), (0.0, -0.4)),
    ),
    26: (
        Bump("lip_lower", (0.0, 0.10), (0.26, 0.18), (0.0, 0.9)),
        Bump("chin", (0.0, -0.05), (0.20, 0.14), (0.0, 0.7)),
    ),
    28: (
        Bump("lip_lower", (0.0, 0.03), (0.18, 0.09), (0.0, -1.0)),
        Bump("lip_upper", (0.0, -0.02), (0.16, 0.06), (0.0, 0.6)),
    ),
    38: (Bump("nose_wing", (0.0, 0.0), (0.06, 0.08), (1.0, -0.2)),),
    43: (Bump("lid_upper", (0.0, 0.0), (0.11, 0.06), (0.0, 1.0)),),
}

# What moves beside expressions and is noted by nobody; a gaze goes the same way on
# both sides, so it is no mirror image.
NUISANCES: dict[str, tuple[Bump, ...]] = {
    "lids": (Bump("lid_upper", (0.0, 0.02), (0.08, 0.06), (0.0, 1.0)),),
    "gaze": (Bump("eye_inner", (0.11, -0.01), (0.08, 0.05), (1.0, 0.0)),),
    "lips": (Bump("lip_upper", (0.0, 0.04), (0.18, 0.09), (0.0, 0.5)),),
}
SAME_WAY = ("gaze",)
LOWER = (9, 10, 12, 14, 15, 16, 17, 18, 20, 23, 24, 25, 26, 28, 38)  # of the lower face


class Table(NamedTuple):
    """All bumps of both sides as arrays over b.

    unit: [b] which of the units. pair: [b] alike for the two sides of a bump. side:
    [b] 0 left, 1 right, 2 the mean of both. signs: [b, 2] of x of (place, motion).
    landmark: [b] index, of the right side. shift, extent, motion: [b, 2], see Bump.
    """

    unit: np.ndarray
    pair: np.ndarray
    side: np.ndarray
    signs: np.ndarray
    landmark: np.ndarray
    shift: np.ndarray
    extent: np.ndarray
    motion: np.ndarray


def names() -> tuple[str, ...]:
    """Of landmarks, in the order of ``points``."""
    return tuple(anatomy.landmarks(Anatomy(*(low for low, _ in anatomy.RANGES))))


def points(people: Anatomy) -> np.ndarray:
    """Landmarks of n people, whose proportions are [n]: [n, k, 2]."""
    n = len(people.width)
    found = anatomy.landmarks(people).values()
    return np.stack(
        [np.stack([np.broadcast_to(c, n) for c in p], -1) for p in found], 1
    )


def table(units: Sequence[int]) -> Table:
    """Bumps of the AUs ``units``, then of NUISANCES, numbered in this order."""
    known = names()
    rows, pair = [], 0
    sources = [(BUMPS[au], True) for au in units]
    sources += [(bumps, name not in SAME_WAY) for name, bumps in NUISANCES.items()]
    for index, (bumps, mirrored) in enumerate(sources):
        for bump in bumps:
            middle = bump.landmark in known
            anchor = known.index(bump.landmark if middle else f"{bump.landmark}_r")
            single = middle and bump.shift[0] == 0
            for side in (2,) if single else (0, 1):
                sign = -1 if side == 0 else 1
                signs = (sign, sign if mirrored else 1)
                rows.append((index, pair, side, signs, anchor, *bump[1:]))
            pair += 1
    return Table(*(np.array(column) for column in zip(*rows, strict=True)))
