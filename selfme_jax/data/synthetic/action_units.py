"""Facial action units (FACS) as smooth displacement fields on a synthetic face.

An action unit (AU) is a few Gaussian bumps of skin displacement, each at a landmark of
the person; the left side is the mirror image of the right one. Our choice throughout:
places and directions follow the muscles' description in FACS, extents are guesses.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from selfme_jax.data.synthetic import anatomy
from selfme_jax.data.synthetic.anatomy import Anatomy


class Bump(NamedTuple):
    """Skin moves along ``motion`` around a landmark, in face coordinates."""

    landmark: str  # of the right side, or of the midline
    shift: tuple[float, float]  # from the landmark, x outward
    extent: tuple[float, float]  # standard deviations
    motion: tuple[float, float]  # x outward, y down; length 1 is the unit's peak


AUS: dict[int, tuple[Bump, ...]] = {
    1: (Bump("brow_inner", (0.02, -0.03), (0.13, 0.15), (0.0, -1.0)),),
    2: (Bump("brow_outer", (-0.02, -0.03), (0.14, 0.15), (0.1, -1.0)),),
    4: (Bump("brow_inner", (0.03, 0.0), (0.14, 0.12), (-0.5, 0.85)),),
    5: (Bump("lid_upper", (0.0, 0.0), (0.11, 0.06), (0.0, -1.0)),),
    6: (Bump("cheek", (0.0, 0.0), (0.17, 0.12), (-0.15, -1.0)),),
    7: (Bump("lid_lower", (0.0, 0.01), (0.11, 0.06), (0.0, -1.0)),),
    9: (
        Bump("nose_wing", (-0.02, -0.11), (0.10, 0.14), (0.05, -1.0)),
        Bump("brow_inner", (-0.01, 0.04), (0.09, 0.09), (-0.3, 0.5)),
    ),
    10: (Bump("lip_upper", (0.11, -0.03), (0.12, 0.09), (0.1, -1.0)),),
    12: (Bump("mouth_corner", (0.03, -0.03), (0.15, 0.15), (0.7, -0.7)),),
    14: (Bump("mouth_corner", (0.02, 0.0), (0.10, 0.10), (-1.0, 0.0)),),
    15: (Bump("mouth_corner", (0.0, 0.03), (0.13, 0.13), (0.15, 1.0)),),
    17: (Bump("chin", (0.0, -0.20), (0.20, 0.13), (0.0, -1.0)),),
    26: (Bump("lip_lower", (0.0, 0.15), (0.28, 0.20), (0.0, 1.0)),),
    45: (Bump("lid_upper", (0.0, 0.0), (0.11, 0.06), (0.0, 1.0)),),
}

# class -> (the annotator's word, AU -> relative intensity)
EXPRESSIONS: dict[str, tuple[tuple[str, dict[int, float]], ...]] = {
    "negative": (
        ("anger", {4: 1.0}),
        ("anger", {4: 1.0, 7: 0.6}),
        ("disgust", {9: 1.0}),
        ("disgust", {9: 1.0, 10: 0.7}),
        ("disgust", {4: 0.8, 9: 0.8}),
        ("sadness", {15: 1.0}),
        ("sadness", {15: 1.0, 17: 0.6}),
        ("sadness", {1: 0.4, 4: 0.7, 15: 0.8}),
    ),
    "positive": (
        ("happiness", {12: 1.0}),
        ("happiness", {12: 1.0, 6: 0.5}),
    ),
    "surprise": (
        ("surprise", {1: 1.0, 2: 0.9, 5: 0.6}),
        ("surprise", {1: 0.9, 2: 0.8, 26: 0.8}),
    ),
}


class Field(NamedTuple):
    """Sum of n placed bumps; ``evaluate`` gives the skin's displacement."""

    centres: np.ndarray  # [n, 2]
    extents: np.ndarray  # [n, 2]
    motions: np.ndarray  # [n, 2]

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """Displacement of the skin, [..., 2] -> [..., 2], face coordinates."""
        total = np.zeros_like(points)
        x, y = points[..., 0], points[..., 1]
        columns = (column.astype(points.dtype) for column in self)
        for centre, extent, motion in zip(*columns, strict=True):
            dx, dy = (x - centre[0]) / extent[0], (y - centre[1]) / extent[1]
            bump = np.exp(-0.5 * (dx * dx + dy * dy))
            total[..., 0] += bump * motion[0]
            total[..., 1] += bump * motion[1]
        return total


def place(
    face: Anatomy,
    intensities: Mapping[int, float],
    *,
    sides: tuple[float, float] = (1.0, 1.0),
    extent: float = 1.0,
) -> Field:
    """Bumps of the given AUs on a person's face.

    Args:
        face: where the landmarks are.
        intensities: AU -> factor on its motion.
        sides: factors on the left and right half; equal ones give a symmetric field.
        extent: factor on all extents.
    """
    points = anatomy.landmarks(face)
    rows = []
    for au, intensity in intensities.items():
        for bump in AUS[au]:
            middle = bump.landmark in points
            anchor = np.array(points[bump.landmark if middle else bump.landmark + "_r"])
            centre, motion = anchor + bump.shift, intensity * np.array(bump.motion)
            if middle and centre[0] == 0:
                rows.append((centre, np.mean(sides) * motion, bump.extent))
                continue
            for sign, side in zip((-1, 1), sides, strict=True):
                mirror = np.array([sign, 1])
                rows.append((mirror * centre, side * mirror * motion, bump.extent))
    centres, motions, extents = (np.array(column) for column in zip(*rows, strict=True))
    return Field(centres, extent * extents, motions)
