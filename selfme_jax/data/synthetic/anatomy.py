"""The layout of one synthetic face: proportions, landmarks, build.

Face coordinates: x to the right, y down, the frame spans [-1, 1]; the neutral face is
symmetric about x = 0. Sides are those of the picture: ``_l`` has x < 0.
"""

from typing import Generic, NamedTuple, TypeVar

import numpy as np

Proportion = TypeVar("Proportion")  # a number, a range, or [n] of n faces


class Anatomy(NamedTuple, Generic[Proportion]):
    """Proportions of a face, in face coordinates (1 = half the frame)."""

    width: Proportion  # half width of the face at the cheeks
    top: Proportion  # y of the crown below the hair
    chin: Proportion  # y of the chin
    jaw: Proportion  # how much narrower the jaw is, 0..1
    eye_x: Proportion
    eye_y: Proportion
    eye_w: Proportion  # half width
    eye_h: Proportion  # half opening
    brow_y: Proportion
    brow_w: Proportion  # half length
    brow_arch: Proportion
    nose_y: Proportion  # y of the tip
    nose_w: Proportion  # half width at the wings
    mouth_y: Proportion
    mouth_w: Proportion  # half width
    lip_upper: Proportion  # thickness
    lip_lower: Proportion
    hairline: Proportion  # y of the hairline at the midline


OUTLINE = 2.3  # exponent of the face's outline: a little squarer than an ellipse

# Smallest and largest of each proportion, field by field: our choice, such that all
# combinations look like a face.
RANGES = Anatomy(
    width=(0.58, 0.70),
    top=(-0.98, -0.88),
    chin=(0.84, 0.94),
    jaw=(0.16, 0.36),
    eye_x=(0.25, 0.30),
    eye_y=(-0.16, -0.08),
    eye_w=(0.105, 0.135),
    eye_h=(0.035, 0.060),
    brow_y=(-0.33, -0.27),
    brow_w=(0.13, 0.17),
    brow_arch=(0.01, 0.06),
    nose_y=(0.19, 0.27),
    nose_w=(0.09, 0.14),
    mouth_y=(0.46, 0.54),
    mouth_w=(0.19, 0.26),
    lip_upper=(0.022, 0.050),
    lip_lower=(0.040, 0.070),
    hairline=(-0.74, -0.58),
)


def draw(rng: np.random.Generator) -> Anatomy[float]:
    """A person: every proportion uniform in its range, independently."""
    return Anatomy(*(float(rng.uniform(low, high)) for low, high in RANGES))


def outline(a: Anatomy, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face as an egg |x / width|^p + |t|^p = 1, p = OUTLINE: (width, t) at y."""
    t = (y - 0.5 * (a.top + a.chin)) / (0.5 * (a.chin - a.top))
    return a.width * (1 - a.jaw * np.clip(t + 0.1, 0, 1.1) ** 2), t


def landmarks(a: Anatomy) -> dict[str, tuple[float, float]]:
    """Landmarks of the neutral face by name, in a fixed order."""
    width, t = outline(a, a.mouth_y)
    jaw = width * (1 - abs(t) ** OUTLINE) ** (1 / OUTLINE)
    right = {
        "brow_inner": (a.eye_x - a.brow_w, a.brow_y + 0.01),
        "brow_middle": (a.eye_x, a.brow_y - a.brow_arch),
        "brow_outer": (a.eye_x + a.brow_w, a.brow_y + 0.02),
        "eye_inner": (a.eye_x - a.eye_w, a.eye_y + 0.01),
        "lid_upper": (a.eye_x, a.eye_y - a.eye_h),
        "eye_outer": (a.eye_x + a.eye_w, a.eye_y),
        "lid_lower": (a.eye_x, a.eye_y + a.eye_h),
        "cheek": (a.eye_x + 0.08, 0.5 * (a.eye_y + a.nose_y) + 0.08),
        "nose_wing": (a.nose_w, a.nose_y),
        "mouth_corner": (a.mouth_w, a.mouth_y),
        "jaw": (jaw, a.mouth_y),
    }
    middle = {
        "nose_bridge": (0.0, a.eye_y),
        "nose_tip": (0.0, a.nose_y - 0.03),
        "lip_upper": (0.0, a.mouth_y - a.lip_upper),
        "lip_lower": (0.0, a.mouth_y + a.lip_lower),
        "chin": (0.0, a.chin),
    }
    both = {f"{name}_l": (-x, y) for name, (x, y) in right.items()}
    both |= {f"{name}_r": point for name, point in right.items()}
    return both | middle
