"""Paints the neutral face of a synthetic person: shape, skin, eyes, hair, light."""

from typing import NamedTuple

import numpy as np

from selfme_jax.data import anatomy
from selfme_jax.data.anatomy import Anatomy

EXTENT = 1.25  # the canvas spans [-EXTENT, EXTENT] in face coordinates
OVERSAMPLING = 2  # canvas pixels per frame pixel
BLUR = 0.75  # of the optics, frame pixels: makes point sampling free of aliasing

SKIN = np.array([[255, 219, 190], [224, 172, 135], [170, 115, 80], [104, 66, 46]]) / 255
HAIR = np.array([[25, 20, 18], [60, 38, 24], [120, 80, 45], [170, 130, 80]]) / 255
IRIS = np.array([[58, 36, 22], [96, 68, 36], [84, 104, 92], [96, 128, 160]]) / 255


class Canvas(NamedTuple):
    """Coordinates of the canvas pixels, [n, n] each, and the person's noise."""

    x: np.ndarray
    y: np.ndarray
    rng: np.random.Generator

    def noise(self, columns: int, rows: int) -> np.ndarray:
        """Smooth noise of unit deviation with so many cells across the canvas."""
        import cv2

        cells = self.rng.standard_normal((rows, columns), np.float32)
        return cv2.resize(cells, self.x.shape[::-1], interpolation=cv2.INTER_CUBIC)

    def ellipse(self, x: float, y: float, a: float, b: float, soft: float = 0.02):
        """Mask of an ellipse, 1 inside; its edge is ``soft`` wide."""
        radius = np.hypot((self.x - x) / a, (self.y - y) / b)
        return _edge((1 - radius) * min(a, b), soft)

    def spot(self, x: float, y: float, sx: float, sy: float) -> np.ndarray:
        """Gaussian spot of height 1."""
        return np.exp(-0.5 * (((self.x - x) / sx) ** 2 + ((self.y - y) / sy) ** 2))


def paint(face: Anatomy, rng: np.random.Generator, *, size: int) -> np.ndarray:
    """The neutral face on its canvas, lit, without sensor noise.

    Returns:
        [n, n, 3] float32 RGB, grey levels 0..255; n grows with the frame size and
        the picture does not depend on it but for detail.
    """
    import cv2

    n = round(OVERSAMPLING * EXTENT * size)
    axis = ((2 * np.arange(n) + 1) / n - 1).astype(np.float32) * EXTENT
    c = Canvas(*np.meshgrid(axis, axis), rng)
    skin = _mix(SKIN, rng) * rng.uniform(0.95, 1.05, 3)
    hair = _mix(HAIR, rng)
    radius = _radius(c, face)
    inside = _edge(1 - radius, 0.02)

    image = _background(c)
    _neck_and_hair(c, image, face, skin, hair)
    _cover(image, inside, _skin(c, face, skin))
    _marks(c, image, inside)
    _brows(c, image, face, hair)
    _mouth(c, image, face, skin)
    _fringe(c, image, face, hair, inside)
    image *= _light(c, face, radius)[..., None]
    _nose(c, image, face)
    _eyes(c, image, face, skin)  # moist: takes little of the shading
    image = np.clip(image, 0, 1) * 255
    return cv2.GaussianBlur(image, (0, 0), BLUR * OVERSAMPLING)


def _edge(distance: np.ndarray, soft: float) -> np.ndarray:
    ramp = np.clip(distance / soft + 0.5, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _cover(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    image += mask[..., None] * (colour - image)


def _mix(palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A colour between two neighbours of the palette."""
    at = rng.uniform(0, len(palette) - 1)
    low = int(at)
    return palette[low] + (at - low) * (palette[low + 1] - palette[low])


def _radius(c: Canvas, face: Anatomy) -> np.ndarray:
    """1 on the outline of the face, 0 at its centre."""
    width, t = anatomy.outline(face, c.y)
    power = anatomy.OUTLINE
    return (np.abs(c.x / width) ** power + np.abs(t) ** power) ** (1 / power)


def _background(c: Canvas) -> np.ndarray:
    colour = c.rng.uniform(0.25, 0.75) + c.rng.uniform(-0.06, 0.06, 3)
    slope = c.rng.uniform(-0.1, 0.1, 2)
    tone = 1 + slope[0] * c.x + slope[1] * c.y + 0.02 * c.noise(8, 8)
    return (tone[..., None] * colour).astype(np.float32)


def _neck_and_hair(c, image, face, skin, hair) -> None:
    long = c.rng.uniform(-0.3, 0.9)  # how far down the hair falls
    back = c.ellipse(0, face.top + 0.45, face.width + 0.14, 0.68, 0.08)
    sides = _edge(face.width + 0.10 - np.abs(c.x), 0.1) * _edge(long - c.y, 0.2)
    strands = 1 + 0.16 * c.noise(90, 10) + 0.08 * c.noise(180, 24)
    _cover(
        image,
        np.maximum(back, sides * (c.y > face.top + 0.4)),
        hair * strands[..., None],
    )
    neck = _edge(0.75 * face.width - np.abs(c.x), 0.04) * _edge(c.y - 0.55, 0.1)
    _cover(image, neck, 0.72 * skin)
    shirt = _edge(c.y - 1.08 - 0.1 * np.abs(c.x), 0.03)
    _cover(image, shirt, c.rng.uniform(0.1, 0.8, 3))
    for side in (-1, 1):
        ear = c.ellipse(side * (face.width + 0.02), face.eye_y + 0.14, 0.06, 0.16)
        _cover(image, ear, 0.85 * skin)


def _skin(c: Canvas, face: Anatomy, skin: np.ndarray) -> np.ndarray:
    """Skin with blotches and pores, redder at cheeks and nose."""
    pores = c.rng.uniform(0.6, 1.4)
    tone = 1 + 0.03 * c.noise(14, 14)
    tone += pores * (0.022 * c.noise(48, 48) + 0.028 * c.noise(96, 96))
    tone += pores * 0.03 * c.noise(192, 192)
    red = 0.5 * c.spot(0, face.nose_y, 0.1, 0.1)
    for side in (-1, 1):
        red += c.spot(
            side * (face.eye_x + 0.1),
            0.5 * (face.nose_y + face.eye_y) + 0.1,
            0.16,
            0.14,
        )
    flush = c.rng.uniform(0.02, 0.10) * red
    colour = skin * tone[..., None]
    return colour * (1 + flush[..., None] * np.array([0.6, -0.7, -0.7]))


def _marks(c: Canvas, image: np.ndarray, inside: np.ndarray) -> None:
    """Freckles, moles, and for some people a shadow of a beard."""
    rng = c.rng
    freckles = int(rng.choice([0, 8, 40], p=[0.4, 0.4, 0.2]))
    for number in range(freckles + 4):
        mole = number < 4
        x, y = (
            rng.uniform(-0.5, 0.5),
            rng.uniform(-0.6, 0.8) if mole else rng.uniform(-0.1, 0.4),
        )
        radius = rng.uniform(0.008, 0.016)
        depth = rng.uniform(0.2, 0.6) if mole else rng.uniform(0.08, 0.25)
        image *= 1 - depth * (inside * c.spot(x, y, radius, radius))[
            ..., None
        ] * np.array([0.8, 1, 1])
    if rng.random() < 0.35:
        beard = _edge(c.y - 0.42, 0.3) * inside
        stubble = np.clip(0.6 + 0.4 * c.noise(150, 150), 0, 1)
        image *= 1 - rng.uniform(0.1, 0.3) * (beard * stubble)[..., None]


def _brows(c: Canvas, image: np.ndarray, face: Anatomy, hair: np.ndarray) -> None:
    thickness, dark = c.rng.uniform(0.022, 0.042), c.rng.uniform(0.6, 0.95)
    strands = np.clip(0.8 + 0.3 * c.noise(150, 60), 0, 1)
    for side in (-1, 1):
        along = (side * c.x - face.eye_x) / face.brow_w  # -1 inner end, 1 outer end
        centre = face.brow_y + 0.015 + 0.01 * along - face.brow_arch * (1 - along**2)
        half = thickness * np.sqrt(np.clip(1 - along**2, 0, 1)) * (1 - 0.35 * along)
        mask = _edge(half - np.abs(c.y - centre), 0.03) * (np.abs(along) < 1)
        _cover(image, dark * mask * strands, 0.7 * hair)


def _mouth(c: Canvas, image: np.ndarray, face: Anatomy, skin: np.ndarray) -> None:
    across = c.x / face.mouth_w
    bow = np.sqrt(np.clip(1 - across**2, 0, 1))
    line = face.mouth_y + 0.005 * np.cos(2 * np.pi * across) * bow
    dip = 1 - 0.25 * np.exp(-0.5 * (across / 0.12) ** 2)
    upper = _edge(c.y - line + face.lip_upper * bow * dip, 0.015) * _edge(
        line - c.y, 0.015
    )
    lower = _edge(line + face.lip_lower * bow - c.y, 0.02) * _edge(c.y - line, 0.015)
    colour = skin * np.array([0.95, 0.62, 0.62]) * c.rng.uniform(0.85, 1.0)
    streaks = (1 + 0.06 * c.noise(120, 30))[..., None]
    inside = np.abs(across) < 1
    _cover(image, 0.85 * inside * upper, 0.86 * colour * streaks)
    _cover(image, 0.85 * inside * lower, 1.02 * colour * streaks)
    gap = np.exp(-0.5 * ((c.y - line) / 0.010) ** 2) * _edge(1.02 - np.abs(across), 0.1)
    _cover(image, 0.8 * gap, 0.28 * colour)


def _fringe(c, image, face, hair, inside) -> None:
    curve = (
        face.hairline
        + c.rng.uniform(0, 0.5) * c.x**2
        + c.rng.uniform(-0.15, 0.15) * c.x
    )
    strands = 1 + 0.16 * c.noise(90, 12) + 0.08 * c.noise(180, 24)
    _cover(
        image,
        inside * _edge(curve + 0.02 * c.noise(40, 4) - c.y, 0.08),
        hair * strands[..., None],
    )


def _light(c: Canvas, face: Anatomy, radius: np.ndarray) -> np.ndarray:
    """Lambertian shading of a rough relief of the head under one lamp."""
    relief = 0.55 * np.sqrt(np.clip(1 - radius**2, 0, 1) + 0.03)
    ridge = np.clip((c.y - face.eye_y) / (face.nose_y - face.eye_y), 0, 1)
    relief += (
        0.13
        * ridge
        * np.exp(-0.5 * (c.x / 0.055) ** 2)
        * _edge(face.nose_y + 0.03 - c.y, 0.1)
    )
    relief += 0.05 * c.spot(0, face.mouth_y, 0.22, 0.10) + 0.05 * c.spot(
        0, face.chin - 0.1, 0.13, 0.09
    )
    for side in (-1, 1):
        relief += 0.03 * c.spot(side * face.nose_w * 0.8, face.nose_y, 0.04, 0.04)
        relief -= 0.06 * c.spot(side * face.eye_x, face.eye_y, 0.15, 0.10)
        relief += 0.03 * c.spot(side * face.eye_x, face.brow_y + 0.02, 0.2, 0.05)
        relief += 0.04 * c.spot(
            side * (face.eye_x + 0.1), face.nose_y - 0.06, 0.14, 0.12
        )
    step = c.x[0, 1] - c.x[0, 0]
    slope_y, slope_x = np.gradient(relief, step)
    lamp = np.array([c.rng.uniform(-0.7, 0.7), c.rng.uniform(-0.8, -0.1), 1.0])
    lamp /= np.linalg.norm(lamp)
    facing = (-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) / np.sqrt(
        1 + slope_x**2 + slope_y**2
    )
    ambient = c.rng.uniform(0.35, 0.6)
    shade = ambient + (1 - ambient) * np.clip(facing, 0, None)
    inside = _edge(1 - radius, 0.02)  # the relief is that of the face alone
    return c.rng.uniform(0.85, 1.05) * (0.8 + inside * (shade - 0.8))


def _nose(c: Canvas, image: np.ndarray, face: Anatomy) -> None:
    for side in (-1, 1):
        x = side * 0.55 * face.nose_w
        image *= 1 - 0.65 * c.ellipse(x, face.nose_y + 0.02, 0.032, 0.016)[..., None]
        wing = c.spot(side * face.nose_w, face.nose_y - 0.005, 0.014, 0.035)
        fold_x = face.nose_w + 0.02 + 0.35 * np.clip(c.y - face.nose_y, 0, None)
        fold = np.exp(-0.5 * ((side * c.x - fold_x) / 0.016) ** 2)
        fold *= _edge(c.y - face.nose_y + 0.02, 0.1) * _edge(
            face.mouth_y - 0.02 - c.y, 0.1
        )
        image *= 1 - (0.22 * wing + 0.10 * fold)[..., None]


def _eyes(c: Canvas, image: np.ndarray, face: Anatomy, skin: np.ndarray) -> None:
    iris, tilt = _mix(IRIS, c.rng), c.rng.uniform(-0.06, 0.10)
    crease, gaze = c.rng.uniform(0.02, 0.045), c.rng.uniform(-0.015, 0.015)
    texture = 1 + 0.2 * c.noise(160, 160)
    for side in (-1, 1):
        across = (side * c.x - face.eye_x) / face.eye_w
        bow = np.clip(1 - across**2, 0, 1)
        y = face.eye_y - tilt * face.eye_w * across
        top, bottom = y - face.eye_h * bow**0.7, y + 0.85 * face.eye_h * bow
        opening = (
            _edge(c.y - top, 0.012) * _edge(bottom - c.y, 0.012) * (np.abs(across) < 1)
        )
        ball = 0.82 - 0.25 * np.abs(across) ** 2
        _cover(image, opening, ball[..., None] * np.array([1.0, 0.97, 0.94]))
        x, disc = side * face.eye_x + gaze, 1.05 * face.eye_h + 0.008
        _cover(
            image,
            opening * c.ellipse(x, face.eye_y, disc, disc),
            iris * texture[..., None],
        )
        pupil = c.ellipse(x, face.eye_y, 0.45 * disc, 0.45 * disc)
        _cover(image, opening * pupil, np.full(3, 0.03))
        _cover(
            image,
            opening * c.spot(x + 0.015, face.eye_y - 0.018, 0.008, 0.008),
            np.ones(3),
        )
        lashes = np.exp(-0.5 * ((c.y - top) / 0.010) ** 2) * _edge(
            1.05 - np.abs(across), 0.1
        )
        _cover(image, 0.8 * lashes, 0.15 * skin)
        rim = np.exp(-0.5 * ((c.y - bottom) / 0.008) ** 2) * _edge(
            1 - np.abs(across), 0.1
        )
        _cover(image, 0.35 * rim, 0.45 * skin)
        fold = np.exp(-0.5 * ((c.y - top + crease) / 0.010) ** 2) * _edge(
            0.95 - np.abs(across), 0.3
        )
        image *= 1 - 0.3 * fold[..., None]
