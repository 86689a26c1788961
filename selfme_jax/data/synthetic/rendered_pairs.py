"""Onset and apex of procedural faces that move as ``flow_fields`` do, as photographs.

What a solver of flow makes of them is what it makes of faces, not what somebody took
for its errors: skin, light, sensor noise and the head are there to be misread. The
frames are crops of the one framing of faces, in which published images are cut out.
"""

from typing import NamedTuple

import numpy as np

from selfme_jax.data.synthetic import flow_fields, portrait
from selfme_jax.data.synthetic.anatomy import Anatomy
from selfme_jax.data.synthetic.expressions import Mixture
from selfme_jax.data.synthetic.flow_fields import Crop, Spread

PAIRS = 20  # of one person
PEAK = (0.7, 6.0)  # pixels at 256 x 256, of the expression
HEAD = 1.5  # at most, pixels at 256 x 256; half as much again at the border, by a turn
LIGHT = 0.02  # at most, relative change
NOISE = (0.3, 3.0)  # grey levels


class Pairs(NamedTuple):
    """n pairs. onset, apex: [n, s, s, 3] uint8; the rest as of ``flow_fields.Fields``.

    flow: [n, s, s, 2] float32, forward in pixels, of the expression and not of the
    head: skin at p in the onset is at p + flow(p) in the apex, to first order.
    """

    onset: np.ndarray
    apex: np.ndarray
    flow: np.ndarray
    classes: np.ndarray
    units: np.ndarray
    sides: np.ndarray


def draw(
    seed: int,
    step: int,
    *,
    mixture: Mixture,
    spread: Spread,
    size: int,
    window: tuple[float, float, float, float],
) -> Pairs:
    """``PAIRS`` pairs of one person; they depend on these arguments alone.

    Args:
        seed, step: of the person. mixture, spread: see ``flow_fields.draw``.
        size: of the frames, pixels.
        window: left, top, right and bottom of a published image, shares of a frame.
    """
    rng = np.random.default_rng([seed, step, 1])  # 1: no field's own stream
    chosen = rng.choice(len(mixture.shares), PAIRS, p=mixture.shares)
    sides = mixture.sides[chosen]
    noted, levels = flow_fields.perform(rng, sides, mixture.units, spread)
    one = flow_fields.faces(rng, 1, spread)
    person = Anatomy(*(float(x[0]) for x in one))
    people = Anatomy(*(np.repeat(x, PAIRS) for x in one))
    bumps = flow_fields.place(rng, levels, mixture.units, people, spread)
    crop = flow_fields.crop(rng, PAIRS, spread)
    at = _in_image(size, window)
    field = flow_fields.evaluate(flow_fields.frame(bumps, crop), at)
    field *= _gain(rng, field) * size / 256
    canvas = portrait.paint(person, rng, size=size)
    head = _head(rng, size)
    onset = _shoot(rng, canvas, crop, at, np.zeros_like(field), light=0.0)
    # Skin that moves by m shows at p what was at p - m.
    apex = _shoot(rng, canvas, crop, at, head - field, light=LIGHT)
    lone = np.sign(sides[..., 1] - sides[..., 0]).astype(np.int8)
    return Pairs(onset, apex, field, mixture.classes[chosen], noted, lone)


def _in_image(size: int, window: tuple[float, float, float, float]) -> np.ndarray:
    """[s, 2]: x and y of a frame's columns and rows, in pixels of a published image."""
    share = (np.arange(size)[:, None] + 0.5) / size
    start, stop = np.array(window[:2]), np.array(window[2:])
    return (share - start) / (stop - start) * flow_fields.SIZE - 0.5


def _gain(rng: np.random.Generator, field: np.ndarray) -> np.ndarray:
    """Factors that bring the peaks to ``PEAK``, at 256 x 256: [n, 1, 1, 1] float32."""
    peak = np.linalg.norm(field, axis=-1).max((1, 2))
    low, high = np.log(PEAK)
    wanted = np.exp(rng.uniform(low, high, len(field)))
    return (wanted / np.maximum(peak, 1e-6)).astype(np.float32)[:, None, None, None]


def _head(rng: np.random.Generator, size: int) -> np.ndarray:
    """Shift and turn of the head in the plane: [n, s, s, 2] float32 pixels."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    most = HEAD * size / 256 * rng.uniform(0, 1, (PAIRS, 1, 1, 1))
    shift = rng.uniform(-1, 1, (PAIRS, 1, 1, 2))
    turn = rng.uniform(-0.5, 0.5, (PAIRS, 1, 1, 1))
    return (most * (shift + turn * np.stack([-y, x], axis=-1))).astype(np.float32)


def _shoot(
    rng: np.random.Generator,
    canvas: np.ndarray,
    crop: Crop,
    at: np.ndarray,
    moved: np.ndarray,
    *,
    light: float,
) -> np.ndarray:
    """Frames [n, s, s, 3] uint8 that show at p what the onset shows at p + moved(p)."""
    import cv2

    n, size = moved.shape[:2]
    step = (at[-1] - at[0]) / (size - 1)  # of a published image in one of the frame
    grid = np.stack(np.meshgrid(at[:, 0], at[:, 1]), axis=-1)
    points = (grid + moved * step).reshape(n, -1, 2)
    source = flow_fields.unframe(points, crop).reshape(n, size, size, 2)
    pixels = (source / portrait.EXTENT + 1) * len(canvas) / 2 - 0.5
    axis = np.linspace(-1, 1, size)
    x, y = np.meshgrid(axis, axis)
    frames = []
    for at_pixel in pixels.astype(np.float32):
        image = cv2.remap(  # type: ignore[call-overload]
            canvas, at_pixel, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        level, right, down = light * rng.uniform(-1, 1, 3)
        image = image * (1 + level + right * x + down * y)[..., None]
        low, high = np.log(NOISE)
        noise = np.exp(rng.uniform(low, high))
        image = image + noise * rng.standard_normal(image.shape, np.float32)
        frames.append(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    return np.stack(frames)
