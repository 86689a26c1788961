"""LBP-TOP: local binary patterns on three orthogonal planes (Zhao, Pietikäinen 2007).

Known, from the authors' program: around a pixel, 8 neighbours lie on an ellipse in each
of the planes XY, XT and YT, with radii Rx, Ry and Rt; neighbour p is at the angle
2 pi p / 8, (x, y) = (Rx cos, -Ry sin), (x, t) = (Rx cos, Rt sin), (y, t) = (-Ry sin,
Rt cos); it gives bit p, 1 where it is not darker than the pixel; neighbours between
pixels are interpolated bilinearly. The 58 uniform codes (at most two changes of bits
around the circle) have a bin each, the other ones share one: 59. Only pixels that have
all neighbours count, the same ones in all planes. Histograms are divided by their sum.

Our choices. The program cuts interpolated values to whole grey levels; we compare them
as they are, up to 1e-6 of a grey level, or rounding errors would give a flat area many
codes. Whole grey levels that differ at all differ by more: by 1e-5, with radii of a few
pixels, as all values are multiples of a half plus multiples of half a root of 2. Blocks
of the face: the pixels that count are cut into rows and columns of blocks as alike as
they can be, in space alone. The uniform codes stand in ascending order, the bin of the
others is the last one.

Unknown: the parameters of the published table (MEGC 2019). 5x5 blocks and radii (1, 1,
4) are usual for micro-expressions.
"""

import functools

import numpy as np

from selfme_jax.types import UserError

NEIGHBOURS = 8
BINS = NEIGHBOURS * (NEIGHBOURS - 1) + 3  # 59
TOLERANCE = 1e-6  # grey levels


def describe(
    clip: np.ndarray, *, blocks: tuple[int, int], radii: tuple[int, int, int]
) -> np.ndarray:
    """LBP-TOP of a clip.

    Args:
      clip: [t, h, w] grey levels, uint8.
      blocks: (rows, columns).
      radii: (Rx, Ry, Rt) in pixels and frames, each at least 1.

    Returns:
      [rows * columns * 3 * 59] float32, (5, 5) -> 4425: block by block, row by row; in
      a block the planes XY, XT, YT; each 59 values of sum 1.

    Raises:
      UserError: too few frames or pixels for these radii and blocks.
    """
    x, y, t = radii
    inner = np.array(clip.shape) - 2 * np.array([t, y, x])
    if (inner < (1, *blocks)).any() or min(*radii, *blocks) < 1:
        raise UserError(
            f"LBP-TOP with blocks {blocks} and radii {radii} (x, y, t), all at least "
            f"1, needs clips of {2 * t + 1} frames of {2 * y + blocks[0]}x"
            f"{2 * x + blocks[1]}; here is one of {'x'.join(map(str, clip.shape))}.\n"
            "Set config.lbp_top.model.radii, blocks or frames, or use larger frames."
        )
    row, column = (
        np.arange(n) * k // n for n, k in zip(inner[1:], blocks, strict=True)
    )
    block = row[:, None] * blocks[1] + column
    count = blocks[0] * blocks[1]
    found = []
    for plane in codes(clip, radii=radii):
        cell = block * BINS + uniform()[plane]  # [t', h', w']
        found.append(np.bincount(cell.ravel(), minlength=count * BINS))
    counts = np.stack(found).reshape(3, count, BINS).swapaxes(0, 1)
    return (counts / counts.sum(-1, keepdims=True)).astype(np.float32).ravel()


def codes(clip: np.ndarray, *, radii: tuple[int, int, int]) -> np.ndarray:
    """Codes 0..255 of all pixels with all neighbours.

    Args:
      clip: [t, h, w]. radii: see ``describe``.

    Returns:
      [3, t - 2 Rt, h - 2 Ry, w - 2 Rx] uint8, planes XY, XT, YT.
    """
    x, y, t = radii
    angle = 2 * np.pi * np.arange(NEIGHBOURS) / NEIGHBOURS
    # Rounded, for the cosine of a right angle is not quite 0.
    cos, sin = np.cos(angle).round(12), np.sin(angle).round(12)
    none = np.zeros(NEIGHBOURS)
    planes = (
        (none, -y * sin, x * cos),
        (t * sin, none, x * cos),
        (t * cos, -y * sin, none),
    )
    centre = _sample(clip, (0, 0, 0), (t, y, x))
    found = np.zeros((3, *centre.shape), np.uint8)
    for plane, offsets in zip(found, planes, strict=True):
        for p, offset in enumerate(zip(*offsets, strict=True)):
            near = _sample(clip, offset, (t, y, x))
            plane |= _not_darker(near, centre).astype(np.uint8) << np.uint8(p)
    return found


def _not_darker(near: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return near >= (centre if near.dtype == centre.dtype else centre - TOLERANCE)


def _sample(
    clip: np.ndarray, offset: tuple, margin: tuple[int, int, int]
) -> np.ndarray:
    """Values at an offset (t, y, x) from each inner pixel, interpolated linearly.

    Of the clip's type where the offset is whole, else float64.
    """
    for axis, (o, m) in enumerate(zip(offset, margin, strict=True)):
        low = int(np.floor(o))
        share = o - low
        start, stop = m + low, clip.shape[axis] - m + low
        before = _cut(clip, axis, start, stop)
        if share:
            after = _cut(clip, axis, start + 1, stop + 1)
            clip = before * (1 - share) + after * share
        else:
            clip = before
    return clip


def _cut(clip: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    return clip[(slice(None),) * axis + (slice(start, stop),)]


@functools.cache
def uniform() -> np.ndarray:
    """[256] bin of each code: 0..57 for uniform ones, ascending; 58 for the others."""
    code = np.arange(2**NEIGHBOURS, dtype=np.uint8)
    turned = code >> 1 | code << (NEIGHBOURS - 1)
    is_uniform = np.bitwise_count(code ^ turned) <= 2
    return np.where(is_uniform, is_uniform.cumsum() - 1, BINS - 1)


def time_normalise(clip: np.ndarray, *, frames: int) -> np.ndarray:
    """TIM: as many frames as asked for, on a smooth curve through those of the clip.

    Temporal interpolation model (Zhou et al. 2011). It embeds the frames as a path
    graph, whose eigenvectors are cosines, and evaluates these in between. Where the
    frames are linearly independent (t - 1 of them, their mean taken off), singular
    values and eigenvectors cancel, and what remains is interpolation by cosines, with
    weights that depend on the two numbers of frames alone; these we use for every
    clip. Rounded to grey levels, as its images are.

    Args:
      clip: [t, h, w] uint8. frames: of the result, the first and last as in the clip.

    Returns:
      [frames, h, w] uint8.
    """
    n = len(clip)
    k = np.arange(1, n)
    at = np.linspace(1 / n, 1, frames)[:, None]  # a clip's frames are at i / n
    here = np.cos(np.pi * k * (np.arange(1, n + 1)[:, None] - 0.5) / n)
    there = np.sin(np.pi * k * at + np.pi * (n - k) / (2 * n))
    weights = (1 + 2 * there @ here.T) / n
    values = np.tensordot(weights, clip.astype(np.float64), axes=1)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
