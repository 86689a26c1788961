"""Procedural faces that make micro-expressions, with the true motion.

The canvas T of a person is the neutral face. Frame t shows T(y + e_t(y)) at pixel x,
y = P A_t x, where P is the pose at the onset, A_t the rigid head motion since, and e_t
the expression; A and e are nothing at the onset. So apex(x) = onset(x + flow(x)) holds
exactly, with flow(x) = P^-1(y + e(y)) - x at the apex.
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from selfme_jax.data.protocol import CLASSES
from selfme_jax.data.synthetic import anatomy, performance, portrait
from selfme_jax.data.synthetic.anatomy import Anatomy
from selfme_jax.data.synthetic.performance import Performance
from selfme_jax.types import Clip, Sample, UserError

VERSION = 1  # raise it when the same options give other pixels
REFERENCE_SIZE = 128  # amplitude and head motion are pixels at this frame size
LANDMARKS = tuple(anatomy.landmarks(Anatomy(*(low for low, _ in anatomy.RANGES))))
# Sources of randomness, apart so that none disturbs another.
LOOKS, LABELS, PERFORMANCE, NOISE = range(4)


class Drawing(NamedTuple):
    """What determines the clip of a person, besides its two indices."""

    size: int
    frames: int
    amplitude: tuple[float, float]
    noise: float
    head_motion: float
    drift: float
    seed: int


@dataclass(frozen=True)
class SyntheticFaces:
    """Meets ``types.ClipDataset``; a clip is rendered whenever it is asked for.

    ``Sample.sha256`` is of the drawing and the indices: they determine the pixels.
    """

    drawing: Drawing
    indices: tuple[tuple[int, int], ...]  # (person, clip of that person)
    samples: tuple[Sample, ...]
    classes: tuple[str, ...] = CLASSES

    def clip(self, index: int) -> Clip:
        """Frames, apex, true flow and landmarks (in the order of LANDMARKS)."""
        return _render(self.drawing, *self.indices[index])


def load(
    *,
    subjects: int = 8,
    clips_per_subject: int = 6,
    size: int = 128,
    frames: int = 12,
    amplitude: tuple[float, float] = (0.5, 3.0),
    noise: float = 1.5,
    head_motion: float = 0.5,
    drift: float = 0.01,
    seed: int = 0,
    first_subject: int = 0,
) -> SyntheticFaces:
    """Make up a dataset; clip j of person i depends on the drawing, i and j alone.

    Args:
        subjects: number of people.
        clips_per_subject: clips of each of them.
        size: height and width of the frames.
        frames: of every clip; the apex is at 35 to 70 % of them.
        amplitude: smallest and largest peak displacement of an expression, in pixels
          at 128 x 128 (twice as many at 256 x 256).
        noise: standard deviation of the sensor noise, grey levels.
        head_motion: largest head motion, in pixels at 128 x 128.
        drift: largest relative change of the light within a clip.
        seed: of everything.
        first_subject: index of the first person; other ranges are other people.

    Raises:
        UserError: a value out of range.
    """
    _check(len(amplitude) == 2, "amplitude as (low, high)")
    low, high = amplitude
    _check(subjects >= 1 and clips_per_subject >= 1, "at least one subject and clip")
    _check(size >= 16, "size of at least 16")
    _check(frames >= 3, "frames of at least 3 (onset, apex, offset)")
    _check(0 < low <= high <= 5, "amplitude as (low, high) with 0 < low <= high <= 5")
    _check(min(noise, head_motion, drift) >= 0, "noise, head_motion, drift >= 0")
    _check(min(seed, first_subject) >= 0, "seed and first_subject >= 0")
    options = (float(low), float(high)), float(noise), float(head_motion), float(drift)
    drawing = Drawing(size, frames, *options, seed)
    indices = tuple(
        (person, number)
        for person in range(first_subject, first_subject + subjects)
        for number in range(clips_per_subject)
    )
    samples = tuple(_sample(drawing, *index) for index in indices)
    return SyntheticFaces(drawing, indices, samples)


def _check(good: bool, need: str) -> None:
    if not good:
        raise UserError(f"synthetic faces need {need}. Change the data options.")


def _generator(seed: int, *stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, *stream])


def _expression(
    drawing: Drawing, person: int, number: int
) -> tuple[int, str, dict[int, float], np.random.Generator]:
    """Label, emotion, AU intensities, and the generator to go on with."""
    label = performance.label(_generator(drawing.seed, LABELS, person), number)
    rng = _generator(drawing.seed, PERFORMANCE, person, number)
    return label, *performance.expression(rng, label), rng


def _sample(drawing: Drawing, person: int, number: int) -> Sample:
    label, emotion, _, _ = _expression(drawing, person, number)
    content = repr((VERSION, *drawing, person, number)).encode()
    return Sample(
        "synthetic",
        f"p{person:03d}",
        f"c{number:03d}",
        label,
        emotion,
        hashlib.sha256(content).hexdigest(),
    )


@functools.lru_cache(maxsize=32)
def _person(seed: int, person: int, size: int) -> tuple[Anatomy, np.ndarray]:
    rng = _generator(seed, LOOKS, person)
    face = anatomy.draw(rng)
    return face, portrait.paint(face, rng, size=size)


def _render(drawing: Drawing, person: int, number: int) -> Clip:
    face, canvas = _person(drawing.seed, person, drawing.size)
    _, _, intensities, rng = _expression(drawing, person, number)
    amplitude = np.exp(rng.uniform(*np.log(drawing.amplitude))) * 2 / REFERENCE_SIZE
    play = performance.perform(
        rng,
        face,
        intensities,
        frames=drawing.frames,
        head_motion=drawing.head_motion * 2 / REFERENCE_SIZE,
        drift=drawing.drift,
    )
    grid = _grid(drawing.size)
    scale = amplitude / _peak(play, grid)
    flow = _invert(play.pose, _source(play, scale, play.apex, grid)) - grid
    grid = grid.astype(np.float32)  # enough for pixels: 4e-6 of one
    sources = [_source(play, scale, t, grid) for t in range(drawing.frames)]
    noise = _generator(drawing.seed, NOISE, person, number)
    frames = np.stack(
        [_shoot(canvas, s, grid, k) for s, k in zip(sources, play.light, strict=True)]
    )
    frames += drawing.noise * noise.standard_normal(frames.shape, np.float32)
    return Clip(
        np.clip(np.rint(frames), 0, 255).astype(np.uint8),
        play.apex,
        (flow * drawing.size / 2).astype(np.float32),
        _landmarks(play, scale, face, drawing.size),
    )


def _grid(size: int) -> np.ndarray:
    """[h, w, 2] face coordinates (x, y) of the pixel centres of a frame."""
    axis = (2 * np.arange(size) + 1) / size - 1
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def _apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    affine = affine.astype(points.dtype)
    return points @ affine[:, :2].T + affine[:, 2]


def _invert(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (points - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T


def _peak(play: Performance, grid: np.ndarray) -> float:
    """Largest displacement of the unscaled expression, as seen in the onset frame."""
    motion = play.field.evaluate(_apply(play.pose, grid))
    return np.linalg.norm(motion @ np.linalg.inv(play.pose[:, :2]).T, axis=-1).max()


def _source(
    play: Performance, scale: float, frame: int, grid: np.ndarray
) -> np.ndarray:
    """Where on the neutral face the pixels of a frame come from, [h, w, 2]."""
    y = _apply(play.pose, _apply(play.head[frame], grid))
    # Skin that moves by m shows at y what was at y - m: the backward field.
    return y - float(scale * play.course[frame]) * play.field.evaluate(y)


def _shoot(
    canvas: np.ndarray, source: np.ndarray, grid: np.ndarray, light: np.ndarray
) -> np.ndarray:
    """[h, w, 3] float32 grey levels, before sensor noise."""
    import cv2

    n = len(canvas)
    pixels = ((source / portrait.EXTENT + 1) * n / 2 - 0.5).astype(np.float32)
    # No second map, which its stub does not know.
    image = cv2.remap(  # type: ignore[call-overload]
        canvas, pixels, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    gain = 1 + light[0] + grid @ light[1:]
    return image * gain[..., None].astype(np.float32)


def _landmarks(play: Performance, scale: float, face: Anatomy, size: int) -> np.ndarray:
    """[t, k, 2] float32 pixels: where each frame shows the neutral landmarks."""
    neutral = np.array(list(anatomy.landmarks(face).values()))
    activation = scale * play.course[:, None, None]
    y = np.tile(neutral, (len(play.course), 1, 1))
    for _ in range(60):  # motion is a contraction: accurate to 1e-9 by then
        y = neutral + activation * play.field.evaluate(y)
    points = [
        _invert(head, _invert(play.pose, at))
        for head, at in zip(play.head, y, strict=True)
    ]
    return ((np.stack(points) + 1) * size / 2 - 0.5).astype(np.float32)
