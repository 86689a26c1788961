"""B-spline registration: the smooth motion that explains a pair of frames best.

Our addition. Keypoints and Gaussian windows (local.py) look at a few places, or at each
place alone. Here all pixels vote at once for the controls of one B-spline field: flow
d = sum c B minimises

    sum (driving - (1 + light) source(z + d))^2 / variance + slope |grad d|^2 + hold d^2

by Gauss-Newton steps, each one linear solve of a few hundred unknowns, in float32. The
light is a B-spline of few cells, solved for beside the flow: taken out beforehand, as
bands of low frequency, it takes slow motion with it. The variance is that of the pixels
of the pair, measured again at every step: it asks for the same smoothness of clean
and of noisy frames. The slope gives way to motion as of talk and smiles, whose field is
rougher than any micro-expression's. Nothing is learned, so nothing can have been seen.

The constants were chosen by the error on faces that move by known flow: procedural
ones, and real ones that move by the published flow images of CASME II and, for the
slope alone, of SMIC-HS; where it gives way, on two films of talk and a smile as well.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion.losses import blur, finer
from selfme_jax.ops import bspline, grid, warp
from selfme_jax.types import Shape

CELLS = 12  # of the flow, along an axis
LIGHT_CELLS = 2
CONJUGATE_STEPS = 30  # for each step of Gauss-Newton
TINY = 1e-30
UNIT = 64  # the penalties are of flow in pixels of a frame of this width and height
SLOPE = 50.0
# Sum of |grad d|^2 from which on the slope falls in proportion, to a tenth at most.
ROUGH = 3.0
HOLD = 0.1  # only so much that a frame without texture stands still
LIGHT = 100.0
FINE = 256  # points a side that smaller frames are sampled from, about
# Gauss-Newton steps, each on frames blurred by so much of their width: first for motion
# of several pixels, as of a smile, and then for detail (less is noise).
BLURS = (6 / 128, 3 / 128, 1.5 / 128, 1 / 128, 1 / 128)
# The variance of noise is the median of squared residuals, times this squared.
SPREAD = 1.5
ROBUST = 0.2  # of a pixel's own squared residual, added to the variance
FLOOR = 0.3 / 255  # deviation that rounding to whole grey levels leaves
ENOUGH = 32  # rows and columns that the median is taken of: sorting all takes longer
MEDIAN = 0.455  # of the square of a standard normal variable


@jax.jit
def register(source: jax.Array, driving: jax.Array) -> jax.Array:
    """Flow of pairs of frames, backward: driving(z) = source(z + flow(z)).

    Args:
      source, driving: [b, h, w, 3] float32 in [0, 1]; no gradient flows to them.

    Returns:
      [b, h, w, 2] float32 pixels, (x, y). 0 for equal frames.
    """
    shape = source.shape[1:3]
    source, driving = jax.lax.stop_gradient((source, driving))
    size = 2 * (CELLS + 3) ** 2 + (LIGHT_CELLS + 3) ** 2
    # Not a constant: XLA would work out the first step's empty fields as it compiles,
    # for seconds.
    found = source[:, 0, 0, :1] * jnp.zeros(size)
    for sigma in BLURS:
        pair = (blur(x, sigma=sigma * shape[1]) for x in (source, driving))
        found = _step(found, *pair)
    return _flow(found, shape)


def _flow(controls: jax.Array, shape: Shape) -> jax.Array:
    """[b, h, w, 2] pixels of controls (of x, of y, of light)."""
    side = CELLS + 3
    lattice = controls[:, : 2 * side**2].reshape(-1, 2, side, side)
    flow = bspline.field(jnp.moveaxis(lattice, 1, -1), shape)
    return flow * (np.array(shape[::-1], np.float32) / UNIT)


def _light(controls: jax.Array, shape: Shape) -> jax.Array:
    """[b, h, w, 1]: what the source is brighter by, relative."""
    side = LIGHT_CELLS + 3
    lattice = controls[:, -(side**2) :].reshape(-1, side, side, 1)
    both = bspline.field(jnp.concatenate([lattice, lattice], -1), shape)
    return both[..., :1]


def _step(controls: jax.Array, source: jax.Array, driving: jax.Array) -> jax.Array:
    """One step of Gauss and Newton: controls [b, n] -> [b, n]."""
    shape = source.shape[1:3]
    flow = grid.pixels_to_flow(_flow(controls, shape), shape)
    moved = warp.warp(finer(source, side=FINE), flow)
    iy, ix = jnp.gradient((moved + driving) / 2, axis=(1, 2))
    slopes = [ix * (shape[1] / UNIT), iy * (shape[0] / UNIT), moved]
    residual = driving - moved * (1 + _light(controls, shape))
    weight = _weight(residual)

    def mean(a, b):
        return (a * b * weight).mean(-1)

    wide, low = _bases(shape)
    bases = (wide, wide, low)
    blocks = [[jnp.empty(0)] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(i, 3):
            block = _gram(bases[i], bases[j], mean(slopes[i], slopes[j]))
            blocks[i][j], blocks[j][i] = block, block.transpose(0, 2, 1)
    penalty = _penalty(controls)
    matrix = jnp.block(blocks) + penalty
    pairs = zip(bases, slopes, strict=True)
    against = [_project(basis, mean(slope, residual)) for basis, slope in pairs]
    held = jnp.einsum("bij,bj->bi", penalty, controls, precision="highest")
    right = jnp.concatenate(against, axis=1) - held
    return controls + _solve(matrix, right)


def _solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """Conjugate gradients, divided by the diagonal: [b, n, n], [b, n] -> [b, n].

    After so many steps the flow is within hundredths of a pixel of the solution, and as
    near to the truth; a Cholesky factor takes three times as long, and on a TPU more.
    """
    # Not jnp.diagonal, a gather: slow on a TPU.
    diagonal = (matrix * np.eye(matrix.shape[-1], dtype=np.float32)).sum(-1)

    def total(a, b):
        return (a * b).sum(-1, keepdims=True)

    def step(_, state):
        x, rest, way, power = state
        there = jnp.einsum("bij,bj->bi", matrix, way, precision="highest")
        # Equal frames have nothing to solve: 0 / 0 there is 0.
        length = power / jnp.maximum(total(way, there), TINY)
        x, rest = x + length * way, rest - length * there
        scaled = rest / diagonal
        new = total(rest, scaled)
        return x, rest, scaled + new / jnp.maximum(power, TINY) * way, new

    scaled = right / diagonal
    start = jnp.zeros_like(right), right, scaled, total(right, scaled)
    return jax.lax.fori_loop(0, CONJUGATE_STEPS, step, start)[0]


def _weight(residual: jax.Array) -> jax.Array:
    """Inverse variance of the pixels, [b, h, w, 3]; as many in all as UNIT x UNIT."""
    height, width = residual.shape[1:3]
    few = residual[:, :: max(height // ENOUGH, 1), :: max(width // ENOUGH, 1)]
    middle = _median((few**2).reshape(len(few), -1)) / MEDIAN
    middle = middle[:, None, None, None]
    variance = jnp.maximum(SPREAD**2 * middle, FLOOR**2)
    scale = UNIT**2 / (height * width)
    return scale / (variance + ROBUST * residual**2)


def _median(values: jax.Array) -> jax.Array:
    """[b, n] -> [b]. Slices of what is sorted: jnp.median gathers, slow on a TPU."""
    n = values.shape[1]
    return jnp.sort(values, axis=1)[:, (n - 1) // 2 : n // 2 + 1].mean(1)


Bases = tuple[np.ndarray, np.ndarray]  # of rows [h, g], of columns [w, g]


def _bases(shape: Shape) -> tuple[Bases, Bases]:
    """Of the flow and of the light."""
    height, width = shape
    wide, low = (
        (bspline.basis(height, cells), bspline.basis(width, cells))
        for cells in (CELLS, LIGHT_CELLS)
    )
    return wide, low


def _gram(one: Bases, other: Bases, weight: jax.Array) -> jax.Array:
    """Sums of weight [b, h, w] times products of two bases: [b, g g, k k].

    One axis after the other, as a tensor product allows.
    """
    (rows, columns), (rows2, columns2) = one, other
    across = np.einsum("xe,xf->xef", columns, columns2)
    down = np.einsum("ya,yc->yac", rows, rows2)
    sums = jnp.einsum("byx,xef->byef", weight, across, precision="highest")
    sums = jnp.einsum("byef,yac->baecf", sums, down, precision="highest")
    b, a, e, c, f = sums.shape
    return sums.reshape(b, a * e, c * f)


def _project(basis: Bases, image: jax.Array) -> jax.Array:
    """Sums of image [b, h, w] times a basis: [b, g g]."""
    rows, columns = basis
    found = jnp.einsum("byx,ya,xe->bae", image, rows, columns, precision="highest")
    return found.reshape(len(image), -1)


def _penalty(controls: jax.Array) -> jax.Array:
    """[b, n, n] of controls [b, n]."""
    rough, rest = _penalties()
    roughness = jnp.einsum("bi,ij,bj->b", controls, rough, controls)
    slope = SLOPE / jnp.clip(roughness / ROUGH, 1, 10)
    return slope[:, None, None] * rough + rest


@functools.cache
def _penalties() -> tuple[np.ndarray, np.ndarray]:
    """[n, n] each of the controls (of x, of y, of light): of a slope of 1, the rest."""
    value, slope, _ = bspline.energies(CELLS)
    side, light = (CELLS + 3) ** 2, (LIGHT_CELLS + 3) ** 2
    rough = np.zeros((2 * side + light,) * 2, np.float32)
    rest = LIGHT * np.eye(len(rough), dtype=np.float32)
    for part in (slice(side), slice(side, 2 * side)):
        rough[part, part] = np.kron(slope, value) + np.kron(value, slope)
        rest[part, part] = HOLD * np.kron(value, value)
    return rough, rest
