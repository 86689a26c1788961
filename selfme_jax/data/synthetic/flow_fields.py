"""Flow images of procedural micro-expressions, as fast as they are read.

No face is rendered: the displacement of action units (AUs) is drawn straight in the
framing of the 28x28 images published with STSTNet, with what a solver of optical flow
and a head add. Of wide randomness, so that what is learned from them holds on people.
Unlike ``types.Clip.flow``, and as in the published images, motion points forward: from
where skin is at the onset to where it is at the apex.
"""

import functools
from typing import NamedTuple

import numpy as np

from selfme_jax.data.synthetic import anatomy, skin
from selfme_jax.data.synthetic.anatomy import Anatomy
from selfme_jax.data.synthetic.expressions import Mixture
from selfme_jax.data.synthetic.skin import NUISANCES

SIZE = 28  # pixels of an image, each way
MIDDLE = (SIZE - 1) / 2
# Framing of the published images (columns, rows): where x = 0 and the brows are, and
# pixels per unit of face coordinates, so that brows are at row 4, the mouth at row 19
# and its corners at columns 6 and 21.
ORIGIN, SCALE, BROW = (13.5, 4.0), (33.0, 18.75), -0.30


class Spread(NamedTuple):
    """How widely fields are drawn; our choice, by scores on CASME II (development).

    Standard deviations, unless they say otherwise; logarithms where they are factors.
    """

    anatomy: float = 1.3  # width of the ranges of ``anatomy``
    place: tuple[float, float] = (0.05, 0.06)  # of a bump, face coordinates
    extent: float = 0.35  # of a bump
    turn: float = 0.45  # direction of a bump, radians
    strength: float = 0.6  # of a bump
    level: float = 0.4  # of a whole unit
    mouth: float = (
        0.5  # factor on the units of the lower face, beside those of the eyes
    )
    side: float = 0.25  # of the sides of a unit that is on both
    leak: float = 0.25  # at most, of a one-sided unit to the other side
    bystanders: float = 2.0  # units that nobody noted, on average
    bystander: float = 0.4  # at most their level
    nuisances: float = 0.5  # probability of each (blinks, gaze)
    nuisance: float = 1.8  # at most their level
    zoom: float = 0.08
    shift: float = 1.2  # pixels
    roll: float = 0.05  # radians
    yaw: float = 0.08  # width of one half of the face against the other
    head: float = 0.8  # at most, affine motion at the border, of the field's deviation
    texture: float = 0.6  # response of the solver to the skin's texture
    noise: float = 1.0  # at most, of the field's deviation


class Fields(NamedTuple):
    """n flow images: [n, 28, 28, 3] uint8 (u, v, strain), as published.

    classes: [n, 3] float32, of ``Mixture.classes``: how likely each class is, given
    the AUs; zeros where none is. units: [n, a] int32, 1 where the AU of
    ``Mixture.units`` is noted. sides: [n, a] int8, -1 where it is on the left of the
    picture alone, 1 on the right alone, else 0.
    """

    images: np.ndarray
    classes: np.ndarray
    units: np.ndarray
    sides: np.ndarray


def draw(seed: int, step: int, n: int, *, mixture: Mixture, spread: Spread) -> Fields:
    """Batch ``step`` of the stream ``seed``: it depends on these two and n alone."""
    rng = np.random.default_rng([seed, step])
    chosen = rng.choice(len(mixture.shares), n, p=mixture.shares)
    sides = mixture.sides[chosen]
    noted, levels = perform(rng, sides, mixture.units, spread)
    people = faces(rng, n, spread)
    bumps = place(rng, levels, mixture.units, people, spread)
    placed = frame(bumps, crop(rng, n, spread))
    images = quantise(observe(rng, evaluate(placed), spread))
    lone = np.sign(sides[..., 1] - sides[..., 0]).astype(np.int8)
    return Fields(images, mixture.classes[chosen], noted, lone)


def perform(
    rng: np.random.Generator, sides: np.ndarray, units: tuple[int, ...], spread: Spread
) -> tuple[np.ndarray, np.ndarray]:
    """Noted units [n, a] int32 and levels [n, a + nuisances, 2] of n faces.

    sides: [n, a, 2], 1 where a unit is on the (left, right) of one; changed in place.
    """
    n, a = sides.shape[:2]
    lower = np.isin(units, skin.LOWER)
    flip = rng.random(n) < 0.5
    sides[flip] = sides[flip][..., ::-1]
    on = sides.max(-1) > 0
    level = np.exp(spread.level * rng.standard_normal((n, a, 1)))
    level = level * np.exp(spread.side * rng.standard_normal((n, a, 2)))
    leak = rng.uniform(0, spread.leak, (n, a, 1)) * on[..., None]
    levels = level * np.maximum(sides, leak)
    joins = ~on & (rng.random((n, a)) < spread.bystanders / a)
    lone = np.where(rng.random((n, a, 2)) < 0.75, 1, 0)
    extra = rng.uniform(0, spread.bystander, (n, a, 1)) * lone
    levels = levels + joins[..., None] * extra
    k = len(NUISANCES)
    acts = rng.random((n, k, 1)) < spread.nuisances
    signs = np.sign(rng.standard_normal((n, k, 1)))  # a gaze to the left, a blink's end
    nuisance = acts * signs * rng.uniform(0.1, spread.nuisance, (n, k, 1))
    nuisance = nuisance * np.exp(0.3 * rng.standard_normal((n, k, 2)))
    levels = levels * np.where(lower, spread.mouth, 1)[:, None]
    levels = np.concatenate([levels, nuisance], axis=1)
    return on.astype(np.int32), levels.astype(np.float32)


def faces(rng: np.random.Generator, n: int, spread: Spread) -> Anatomy:
    """n people at once: every proportion [n], uniform in its widened range."""
    proportions = []
    for low, high in anatomy.RANGES:
        middle, half = (low + high) / 2, (high - low) / 2 * spread.anatomy
        proportions.append(rng.uniform(middle - half, middle + half, n))
    return Anatomy(*proportions)


class Placed(NamedTuple):
    """k bumps of each of n faces; of those that a face lacks, motion is 0.

    centres, extents, motions: [n, k, 2] float32. powers: [n, k] float32, of the
    profile exp(-|d / extent|^p / 2): 2 is a Gaussian, more has a flat top.
    """

    centres: np.ndarray
    extents: np.ndarray
    motions: np.ndarray
    powers: np.ndarray


def place(
    rng: np.random.Generator,
    levels: np.ndarray,
    units: tuple[int, ...],
    people: Anatomy,
    spread: Spread,
) -> Placed:
    """Bumps on n faces that move by ``levels`` [n, a + nuisances, 2].

    Centres and extents in face coordinates, motions without unit.
    """
    n, table = len(levels), skin.table(units)
    whole = np.concatenate([levels, levels.mean(-1, keepdims=True)], axis=-1)
    level = whole[:, table.unit, table.side]

    def vary(*shape: int) -> np.ndarray:
        """Normal, mostly shared by the two sides of a face."""
        shared = rng.standard_normal((n, table.pair.max() + 1, *shape), np.float32)
        own = rng.standard_normal((n, len(table.pair), *shape), np.float32)
        return 0.8 * shared[:, table.pair] + 0.6 * own

    centres = skin.points(people)[:, table.landmark] + table.shift
    centres = centres + np.array(spread.place) * vary(2)
    extents = table.extent * np.exp(spread.extent * vary(2))
    motions = _rotate(
        np.broadcast_to(table.motion, centres.shape), spread.turn * vary()
    )
    motions = motions * (level * np.exp(spread.strength * vary()))[..., None]
    centres[..., 0] *= table.signs[:, 0]
    motions[..., 0] *= table.signs[:, 1]
    powers = rng.uniform(1.5, 3.5, (n, table.pair.max() + 1))[:, table.pair]
    return _pack(level != 0, Placed(centres, extents, motions, powers))


def _rotate(vectors: np.ndarray, angles: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angles), np.sin(angles)
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _pack(active: np.ndarray, bumps: Placed) -> Placed:
    """Only as many bumps a face as the busiest has."""
    k = int(active.sum(1).max())
    order = np.argsort(~active, axis=1, kind="stable")[:, :k]
    return Placed(
        *(
            np.take_along_axis(x, order if x.ndim == 2 else order[..., None], axis=1)
            for x in bumps
        )
    )


class Crop(NamedTuple):
    """How each of n faces is cut out, and how it is held.

    yaw: [n, 1], half the logarithm of the width of the right half against the left
    one's. zoom: [n, 1, 2] factors on (x, y). roll: [n, 1] radians. shift: [n, 1, 2]
    pixels.
    """

    yaw: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray
    shift: np.ndarray


def crop(rng: np.random.Generator, n: int, spread: Spread) -> Crop:
    """As widely as ``spread`` says."""
    yaw = spread.yaw * rng.standard_normal((n, 1))
    zoom = np.exp(spread.zoom * rng.standard_normal((n, 1, 2)))
    roll = spread.roll * rng.standard_normal((n, 1))
    return Crop(yaw, zoom, roll, spread.shift * rng.standard_normal((n, 1, 2)))


def frame(bumps: Placed, crop: Crop) -> Placed:
    """From face coordinates to pixels of the image."""
    centres = (bumps.centres - np.array([0, BROW])) * SCALE
    centres[..., 0] *= np.exp(crop.yaw * np.sign(bumps.centres[..., 0]))
    centres = (centres + ORIGIN - MIDDLE) * crop.zoom
    return Placed(
        _rotate(centres, crop.roll) + MIDDLE + crop.shift,
        bumps.extents * np.array(SCALE) * crop.zoom,
        _rotate(bumps.motions, crop.roll),
        bumps.powers,
    )


def unframe(points: np.ndarray, crop: Crop) -> np.ndarray:
    """Where on the faces points of the image are: [n, m, 2] pixels -> the same shape.

    The inverse of what ``frame`` does to centres.
    """
    back = _rotate(points - MIDDLE - crop.shift, -crop.roll)
    face = back / crop.zoom + MIDDLE - ORIGIN
    face[..., 0] /= np.exp(crop.yaw * np.sign(face[..., 0]))
    return face / SCALE + np.array([0, BROW])


def evaluate(bumps: Placed, at: np.ndarray | None = None) -> np.ndarray:
    """The sum of all bumps: [n, rows, columns, 2] float32 (u, v), without unit.

    Args:
        bumps: in pixels.
        at: [m, 2] (x, y) of the columns and rows that are looked at; None = the
            pixels of the image, m = 28.
    """
    if at is None:
        at = np.arange(SIZE)[:, None]
    at = at.astype(np.float32)[:, None, None, :]
    centres, extents, motions, powers = (x.astype(np.float32) for x in bumps)
    distance = np.abs(at - centres) / extents  # [m, n, k, 2]
    profile = np.exp(-0.5 * distance ** powers[..., None])
    columns, rows = profile[..., 0], profile[..., 1]
    sums = [
        np.matmul(
            rows.transpose(1, 0, 2), (columns * motions[..., c]).transpose(1, 2, 0)
        )
        for c in (0, 1)
    ]
    return np.stack(sums, axis=-1)


def observe(rng: np.random.Generator, flow: np.ndarray, spread: Spread) -> np.ndarray:
    """What a solver makes of it on a head that moves: [n, 28, 28, 2] -> the same.

    The response follows the skin's texture, errors are smooth, of a few scales, and
    as large in a direction in which nothing moves as in the other.
    """
    n = len(flow)
    flow = flow * np.exp(spread.texture * _smooth(rng, n, 6, 1))
    size = flow.std(axis=(1, 2, 3), keepdims=True) + 1e-6
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    terms = np.stack([x, y, x * x - y * y, x * y])  # of a head that turns, too
    affine = rng.standard_normal((n, 4, 2), np.float32) * [[1], [1], [0.4], [0.4]]
    head = np.einsum("kyx,nkc->nyxc", terms, affine.astype(np.float32))
    head = head * rng.uniform(0, spread.head, (n, 1, 1, 1))
    noise = sum(
        rng.uniform(0, 1, (n, 1, 1, 1)) * _smooth(rng, n, cells, 2)
        for cells in (3, 5, 9, 16)
    )
    noise = noise * rng.uniform(0, spread.noise, (n, 1, 1, 1))
    return (flow + size * (head + noise)).astype(np.float32)


def _smooth(rng: np.random.Generator, n: int, cells: int, channels: int) -> np.ndarray:
    """Smooth noise of about unit deviation, [n, 28, 28, channels]."""
    up = _upsampling(cells)
    values = rng.standard_normal((n, cells, cells, channels), np.float32)
    return np.einsum("yi,nijc,xj->nyxc", up, values, up, optimize=True)


@functools.cache
def _upsampling(cells: int) -> np.ndarray:
    """[28, cells] quadratic B-spline weights, of rows of unit length."""
    at = (np.arange(SIZE) + 0.5) / SIZE * cells - 0.5
    d = np.abs(at[:, None] - np.arange(cells))
    weights = np.where(d < 0.5, 0.75 - d**2, np.clip(1.5 - d, 0, None) ** 2 / 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def quantise(flow: np.ndarray) -> np.ndarray:
    """With optical strain, each channel stretched to 0..255: [n, 28, 28, 3] uint8."""
    ux, vx = np.moveaxis(np.gradient(flow, axis=2), -1, 0)
    uy, vy = np.moveaxis(np.gradient(flow, axis=1), -1, 0)
    strain = np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)
    image = np.concatenate([flow, strain[..., None]], axis=-1)
    low, high = image.min((1, 2), keepdims=True), image.max((1, 2), keepdims=True)
    return np.rint((image - low) * (255 / np.maximum(high - low, 1e-9))).astype(
        np.uint8
    )
