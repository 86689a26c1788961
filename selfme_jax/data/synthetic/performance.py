"""Draws what a synthetic person does in one clip: expression, head, light."""

from typing import NamedTuple

import numpy as np

from selfme_jax.data.protocol import CLASSES
from selfme_jax.data.synthetic import action_units
from selfme_jax.data.synthetic.anatomy import Anatomy

PRIOR = (0.50, 0.28, 0.22)  # of CLASSES, about as in the real sets
BYSTANDERS = 2.0  # AUs that join an expression, on average
POSE_ANGLE = 0.05  # largest tilt of the head at the onset, radians
POSE_SHIFT = 0.04  # face coordinates, as the next
POSE_ZOOM = 0.04


class Performance(NamedTuple):
    """One clip of t frames, in face coordinates; affine maps are [2, 3]."""

    apex: int
    course: np.ndarray  # [t] activation: 0 at the onset, 1 at the apex
    field: action_units.Field  # displacement of the skin, not yet scaled
    pose: np.ndarray  # [2, 3] onset frame -> neutral face
    head: np.ndarray  # [t, 2, 3] frame t -> onset frame, rigid
    light: np.ndarray  # [t, 3] relative change of light: constant, along x, along y


def label(person: np.random.Generator, clip_number: int) -> int:
    """Class of a person's clip.

    Everybody leans to some classes and may lack others. A person's draws are spread
    by the golden ratio, so that few clips already show the person's mixture.
    """
    mixture = person.dirichlet(8 * np.array(PRIOR))
    draw = (person.random() + clip_number * 0.6180339887) % 1
    return min(int(np.searchsorted(np.cumsum(mixture), draw)), len(CLASSES) - 1)


def expression(rng: np.random.Generator, label: int) -> tuple[str, dict[int, float]]:
    """An emotion of the class and AU -> intensity.

    Faces rarely make one clean expression: any other AU may join at up to half the
    intensity, so that it takes the whole picture to tell the class.
    """
    choices = action_units.EXPRESSIONS[CLASSES[label]]
    emotion, units = choices[rng.integers(len(choices))]
    intensities = {au: level * rng.uniform(0.7, 1.3) for au, level in units.items()}
    for au in sorted(action_units.AUS.keys() - units.keys()):
        if rng.random() < BYSTANDERS / len(action_units.AUS):
            intensities[au] = rng.uniform(0.1, 0.5)
    return emotion, intensities


def perform(
    rng: np.random.Generator,
    face: Anatomy,
    intensities: dict[int, float],
    *,
    frames: int,
    head_motion: float,
    drift: float,
) -> Performance:
    """Draw the rest of a clip.

    Args:
        rng: of this clip alone.
        face: the person.
        intensities: AU -> factor.
        frames: t, the onset and the offset included.
        head_motion: largest shift of the head, face coordinates.
        drift: largest relative change of the light.
    """
    field = action_units.place(
        face,
        intensities,
        # Left/right differences of micro-expressions are small (PAPER, the method).
        sides=tuple(1 + np.clip(rng.normal(0, 0.05, 2), -0.12, 0.12)),
        extent=rng.uniform(0.85, 1.2),
    )
    apex = int(np.clip(round(rng.uniform(0.35, 0.7) * (frames - 1)), 1, frames - 2))
    angle = rng.uniform(-POSE_ANGLE, POSE_ANGLE)
    zoom = 1 + rng.uniform(-POSE_ZOOM, POSE_ZOOM)
    pose = _similarity(angle, zoom, rng.uniform(-POSE_SHIFT, POSE_SHIFT, 2))
    shift = head_motion / np.sqrt(2) * _wander(rng, frames, 2)
    angles = 0.5 * head_motion * _wander(rng, frames, 1)[:, 0]
    head = np.stack([_similarity(a, 1, s) for a, s in zip(angles, shift, strict=True)])
    light = drift * _wander(rng, frames, 3)
    return Performance(apex, _course(rng, frames, apex), field, pose, head, light)


def _course(rng: np.random.Generator, frames: int, apex: int) -> np.ndarray:
    """Rise from 0 at the onset to 1 at the apex, then decay to what is left."""
    t = np.arange(frames)
    rise = (t / apex).clip(0, 1) ** rng.uniform(0.7, 1.4)
    fall = ((t - apex) / (frames - 1 - apex)).clip(0, 1) ** rng.uniform(0.7, 1.4)
    left = rng.uniform(0, 0.4)
    up, down = (r * r * (3 - 2 * r) for r in (rise, fall))
    return up - (1 - left) * down


def _wander(rng: np.random.Generator, frames: int, paths: int) -> np.ndarray:
    """Smooth random paths within [-1, 1] that start at 0, [t, paths]."""
    t = np.linspace(0, np.pi, frames)
    waves = np.stack([np.sin(t), np.sin(2 * t), 1 - np.cos(t)], axis=1)
    path = waves @ rng.uniform(-1, 1, (3, paths))
    largest = np.abs(path).max(axis=0, keepdims=True)
    return path / largest * rng.uniform(0.3, 1.0, (1, paths))


def _similarity(angle: float, zoom: float, shift: np.ndarray) -> np.ndarray:
    """[2, 3] rotation and zoom about the middle of the frame, then a shift."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])
