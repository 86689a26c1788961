"""Paints the neutral face of a synthetic person: shape, skin, eyes, hair, light.

The numbers are by eye, chosen on contact sheets; sizes are in face coordinates.
"""

import numpy as np

from selfme_jax.data.synthetic import anatomy
from selfme_jax.data.synthetic.anatomy import Anatomy
from selfme_jax.data.synthetic.canvas import Canvas, blank, edge, line

EXTENT = 1.25  # the canvas spans [-EXTENT, EXTENT] in face coordinates
OVERSAMPLING = 2  # canvas pixels per frame pixel
BLUR = 0.75  # of the optics, frame pixels: makes point sampling free of aliasing
SIDES = (-1, 1)

SKIN = np.array([[255, 219, 190], [224, 172, 135], [170, 115, 80], [104, 66, 46]]) / 255
HAIR = np.array([[25, 20, 18], [60, 38, 24], [120, 80, 45], [170, 130, 80]]) / 255
IRIS = np.array([[58, 36, 22], [96, 68, 36], [84, 104, 92], [96, 128, 160]]) / 255


def paint(face: Anatomy, rng: np.random.Generator, *, size: int) -> np.ndarray:
    """The neutral face on its canvas, lit, without sensor noise.

    Returns:
        [n, n, 3] float32 RGB, grey levels 0..255. n grows with the frame size; the
        same person at another size differs in fine detail only.
    """
    import cv2

    c = blank(round(OVERSAMPLING * EXTENT * size), EXTENT, rng)
    skin = _mix(SKIN, rng) * rng.uniform(0.95, 1.05, 3)
    hair = _mix(HAIR, rng)
    radius = _radius(c, face)
    inside = edge(1 - radius, 0.02)

    _background(c)
    _hair(c, face, hair)
    _neck(c, face, skin)
    c.cover(inside, _skin(c, face, skin))
    _marks(c, inside)
    _brows(c, face, hair)
    _mouth(c, face, skin)
    _fringe(c, face, hair, inside)
    c.image[:] *= _light(c, face, radius)[..., None]
    _nose(c, face)
    _eyes(c, face, skin)  # after the light: they are moist, not matt
    image = np.clip(c.image, 0, 1) * 255
    return cv2.GaussianBlur(image, (0, 0), BLUR * OVERSAMPLING)


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


def _background(c: Canvas) -> None:
    colour = c.rng.uniform(0.25, 0.75) + c.rng.uniform(-0.06, 0.06, 3)
    slope = c.rng.uniform(-0.1, 0.1, 2)
    tone = 1 + slope[0] * c.x + slope[1] * c.y + 0.02 * c.noise(8, 8)
    c.image[:] = tone[..., None] * colour


def _strands(c: Canvas, hair: np.ndarray) -> np.ndarray:
    tone = 1 + 0.16 * c.noise(90, 10) + 0.08 * c.noise(180, 24)
    return hair * tone[..., None]


def _hair(c: Canvas, face: Anatomy, hair: np.ndarray) -> None:
    length = c.rng.uniform(-0.3, 0.9)  # how far down it falls
    back = c.ellipse(0, face.top + 0.45, face.width + 0.14, 0.68, soft=0.08)
    sides = edge(face.width + 0.10 - np.abs(c.x), 0.1) * edge(length - c.y, 0.2)
    sides *= c.y > face.top + 0.4
    c.cover(np.maximum(back, sides), _strands(c, hair))


def _fringe(c: Canvas, face: Anatomy, hair: np.ndarray, inside: np.ndarray) -> None:
    curve = face.hairline + c.rng.uniform(0, 0.5) * c.x**2
    curve += c.rng.uniform(-0.15, 0.15) * c.x + 0.02 * c.noise(40, 4)
    c.cover(inside * edge(curve - c.y, 0.08), _strands(c, hair))


def _neck(c: Canvas, face: Anatomy, skin: np.ndarray) -> None:
    neck = edge(0.75 * face.width - np.abs(c.x), 0.04) * edge(c.y - 0.55, 0.1)
    c.cover(neck, 0.72 * skin)
    shirt = edge(c.y - 1.08 - 0.1 * np.abs(c.x), 0.03)
    c.cover(shirt, c.rng.uniform(0.1, 0.8, 3))
    for side in SIDES:
        ear = c.ellipse(side * (face.width + 0.02), face.eye_y + 0.14, 0.06, 0.16)
        c.cover(ear, 0.85 * skin)


def _skin(c: Canvas, face: Anatomy, skin: np.ndarray) -> np.ndarray:
    """Skin with blotches and pores, redder at cheeks and nose."""
    pores = c.rng.uniform(0.6, 1.4)
    tone = 1 + 0.03 * c.noise(14, 14) + 0.022 * pores * c.noise(48, 48)
    tone += pores * (0.028 * c.noise(96, 96) + 0.03 * c.noise(192, 192))
    red = 0.5 * c.spot(0, face.nose_y, 0.1, 0.1)
    for side in SIDES:
        cheek_y = 0.5 * (face.nose_y + face.eye_y) + 0.1
        red += c.spot(side * (face.eye_x + 0.1), cheek_y, 0.16, 0.14)
    flush = c.rng.uniform(0.02, 0.10) * red
    return skin * tone[..., None] * (1 + flush[..., None] * [0.6, -0.7, -0.7])


def _marks(c: Canvas, inside: np.ndarray) -> None:
    """Moles, freckles, and for some people a shadow of a beard."""
    rng = c.rng
    freckles = int(rng.choice([0, 8, 40], p=[0.4, 0.4, 0.2]))
    kinds = [((-0.6, 0.8), (0.2, 0.6))] * 4 + [((-0.1, 0.4), (0.08, 0.25))] * freckles
    for height, depth in kinds:
        x, y, radius = rng.uniform([-0.5, height[0], 0.008], [0.5, height[1], 0.016])
        c.darken(inside * c.spot(x, y, radius, radius), rng.uniform(*depth))
    if rng.random() < 0.35:
        stubble = np.clip(0.6 + 0.4 * c.noise(150, 150), 0, 1)
        c.darken(inside * edge(c.y - 0.42, 0.3) * stubble, rng.uniform(0.1, 0.3))


def _brows(c: Canvas, face: Anatomy, hair: np.ndarray) -> None:
    thickness, dark = c.rng.uniform(0.022, 0.042), c.rng.uniform(0.6, 0.95)
    strands = np.clip(0.8 + 0.3 * c.noise(150, 60), 0, 1)
    for side in SIDES:
        along = (side * c.x - face.eye_x) / face.brow_w  # -1 inner end, 1 outer end
        bow = np.clip(1 - along**2, 0, 1)
        middle = face.brow_y + 0.015 + 0.01 * along - face.brow_arch * bow
        half = thickness * np.sqrt(bow) * (1 - 0.35 * along)
        mask = edge(half - np.abs(c.y - middle), 0.03) * (bow > 0)
        c.cover(dark * mask * strands, 0.7 * hair)


def _mouth(c: Canvas, face: Anatomy, skin: np.ndarray) -> None:
    across = c.x / face.mouth_w
    bow = np.sqrt(np.clip(1 - across**2, 0, 1))
    gap = c.y - face.mouth_y - 0.005 * np.cos(2 * np.pi * across) * bow
    cupid = 1 - 0.25 * line(across, 0.12)
    upper = edge(gap + face.lip_upper * bow * cupid, 0.015) * edge(-gap, 0.015)
    lower = edge(face.lip_lower * bow - gap, 0.02) * edge(gap, 0.015)
    colour = skin * [0.95, 0.62, 0.62] * c.rng.uniform(0.85, 1.0)
    streaks = (1 + 0.06 * c.noise(120, 30))[..., None]
    c.cover(0.85 * (bow > 0) * upper, 0.86 * colour * streaks)
    c.cover(0.85 * (bow > 0) * lower, 1.02 * colour * streaks)
    c.cover(0.8 * line(gap, 0.010) * edge(1.02 - np.abs(across), 0.1), 0.28 * colour)


def _relief(c: Canvas, face: Anatomy, radius: np.ndarray) -> np.ndarray:
    """How far the face stands out towards the camera."""
    relief = 0.55 * np.sqrt(np.clip(1 - radius**2, 0, 1) + 0.03)
    bridge = np.clip((c.y - face.eye_y) / (face.nose_y - face.eye_y), 0, 1)
    bridge *= edge(face.nose_y + 0.03 - c.y, 0.1)
    relief += 0.13 * bridge * line(c.x, 0.055)
    relief += 0.05 * c.spot(0, face.mouth_y, 0.22, 0.10)
    relief += 0.05 * c.spot(0, face.chin - 0.1, 0.13, 0.09)
    for side in SIDES:
        eye, cheek = side * face.eye_x, side * (face.eye_x + 0.1)
        relief += 0.03 * c.spot(side * face.nose_w * 0.8, face.nose_y, 0.04, 0.04)
        relief -= 0.06 * c.spot(eye, face.eye_y, 0.15, 0.10)
        relief += 0.03 * c.spot(eye, face.brow_y + 0.02, 0.2, 0.05)
        relief += 0.04 * c.spot(cheek, face.nose_y - 0.06, 0.14, 0.12)
    return relief


def _light(c: Canvas, face: Anatomy, radius: np.ndarray) -> np.ndarray:
    """Lambertian shading of the face under one lamp and the light of the room."""
    down, right = np.gradient(_relief(c, face, radius), c.x[0, 1] - c.x[0, 0])
    lamp = np.array([c.rng.uniform(-0.7, 0.7), c.rng.uniform(-0.8, -0.1), 1.0])
    lamp /= np.linalg.norm(lamp)
    facing = (lamp[2] - right * lamp[0] - down * lamp[1]) / np.hypot(
        1, np.hypot(right, down)
    )
    room = c.rng.uniform(0.35, 0.6)
    shade = room + (1 - room) * np.clip(facing, 0, None)
    inside = edge(1 - radius, 0.02)  # the relief is that of the face alone
    return c.rng.uniform(0.85, 1.05) * (0.8 + inside * (shade - 0.8))


def _nose(c: Canvas, face: Anatomy) -> None:
    below = c.y - face.nose_y
    for side in SIDES:
        nostril = c.ellipse(side * 0.55 * face.nose_w, face.nose_y + 0.02, 0.032, 0.016)
        c.darken(nostril, 0.65)
        c.darken(c.spot(side * face.nose_w, face.nose_y - 0.005, 0.014, 0.035), 0.22)
        fold = face.nose_w + 0.02 + 0.35 * np.clip(below, 0, None) - side * c.x
        ends = edge(below + 0.02, 0.1) * edge(face.mouth_y - 0.02 - c.y, 0.1)
        c.darken(line(fold, 0.016) * ends, 0.10)


def _eyes(c: Canvas, face: Anatomy, skin: np.ndarray) -> None:
    iris, tilt = _mix(IRIS, c.rng), c.rng.uniform(-0.06, 0.10)
    crease, gaze = c.rng.uniform(0.02, 0.045), c.rng.uniform(-0.015, 0.015)
    iris = iris * (1 + 0.2 * c.noise(160, 160))[..., None]
    radius = 1.05 * face.eye_h + 0.008
    for side in SIDES:
        across = (side * c.x - face.eye_x) / face.eye_w
        bow = np.clip(1 - across**2, 0, 1)
        height = c.y - face.eye_y + tilt * face.eye_w * across
        top, bottom = height + face.eye_h * bow**0.7, 0.85 * face.eye_h * bow - height
        opening = edge(top, 0.012) * edge(bottom, 0.012) * (bow > 0)
        ball = (0.82 - 0.25 * across**2)[..., None] * [1.0, 0.97, 0.94]
        c.cover(opening, ball)
        x, y = side * face.eye_x + gaze, face.eye_y
        c.cover(opening * c.ellipse(x, y, radius, radius), iris)
        pupil = c.ellipse(x, y, 0.45 * radius, 0.45 * radius)
        c.cover(opening * pupil, np.full(3, 0.03))
        glint = c.spot(x + 0.015, y - 0.018, 0.008, 0.008)
        c.cover(opening * glint, np.ones(3))
        ends = 1 - np.abs(across)
        c.cover(0.8 * line(top, 0.010) * edge(ends + 0.05, 0.1), 0.15 * skin)
        c.cover(0.35 * line(bottom, 0.008) * edge(ends, 0.1), 0.45 * skin)
        c.darken(line(top + crease, 0.010) * edge(ends - 0.05, 0.3), 0.3)
