"""Bi-WOOF: bi-weighted oriented optical flow (Liong et al. 2018).

Known, from the authors' script: 5x5 blocks; per block a histogram of the directions of
the flow over 8 bins from -180 degrees in steps of 45, weighted by the length of the
flow and divided by its sum; times the sum of the optical strain in the block; all
blocks, divided by their L2 norm: 200 values. A block is a fifth of the side, rounded
down, and one more row or column at each side that has a neighbour, so adjacent blocks
share two; the last one takes the rest.

Inferred: bins are closed to the left, 180 degrees is in the last one. The function that
the script calls for a histogram is not part of it; the public one of that name would
count in the last bin 135 degrees alone and lose what lies between 135 and 180. We take
that for an accident and count all directions.

Our choice: a block without motion, or without strain, gives zeros (there it is 0 / 0),
and so does an image without any.

A positive factor on the flow or on the strain changes nothing, so amplification does
not. Flow comes here backward, apex to onset: all directions are turned by 180 degrees,
which puts the same values into other places.
"""

import numpy as np

from selfme_jax.types import UserError

BINS = 8
OVERLAP = 1  # rows or columns that a block takes from each neighbour


def describe(flow: np.ndarray, *, blocks: tuple[int, int]) -> np.ndarray:
    """Bi-WOOF of flow.

    Args:
      flow: [..., h, w, 3] (u, v, strain): displacements to the right and downwards in
        any unit, strain >= 0 in any unit.
      blocks: (rows, columns).

    Returns:
      [..., rows * columns * 8] float32 >= 0, of L2 norm 1 or 0: block by block, row
      by row; in a block directions atan2(v, u) from -180 degrees upwards.

    Raises:
      UserError: fewer rows or columns of pixels than of blocks.
    """
    h, w = flow.shape[-3:-1]
    if h < blocks[0] or w < blocks[1]:
        raise UserError(
            f"flow of {h}x{w} cannot be cut into {blocks[0]}x{blocks[1]} blocks. "
            "Set a larger config.flow.size, or fewer blocks."
        )
    u, v, strain = np.moveaxis(np.asarray(flow, np.float64), -1, 0)
    v = v + 0.0  # -0 would turn 180 degrees into -180
    length, bins = np.hypot(u, v), direction(u, v)
    rows, columns = (_members(n, k) for n, k in zip((h, w), blocks, strict=True))

    def total(values: np.ndarray) -> np.ndarray:
        return rows @ values @ columns.T  # [..., h, w] -> [..., rows, columns]

    found = np.stack([total(length * (bins == b)) for b in range(BINS)], axis=-1)
    local = _divide(found, found.sum(-1, keepdims=True))
    values = (local * total(strain)[..., None]).reshape(*flow.shape[:-3], -1)
    norm = np.linalg.norm(values, axis=-1, keepdims=True)
    return _divide(values, norm).astype(np.float32)


def direction(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bin of each direction: k for -180 + 45 k <= degrees < -135 + 45 k, 180 in 7."""
    degrees = np.degrees(np.arctan2(v, u))
    return np.minimum((degrees + 180) // (360 / BINS), BINS - 1).astype(np.int8)


def _members(size: int, blocks: int) -> np.ndarray:
    """[blocks, size] of 0 and 1: which rows (or columns) belong to which block."""
    step = size // blocks
    first, place = np.arange(blocks)[:, None] * step, np.arange(size)
    inside = (place >= first - OVERLAP) & (place < first + step + OVERLAP)
    inside[-1] = place >= first[-1] - OVERLAP
    return inside.astype(np.float64)


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """values / by, 0 where that is 0 / 0."""
    return values / np.where(by > 0, by, 1)
