"""TV-L1 optical flow (Zach, Pock and Bischof 2007), batched.

Minimises the total variation of the flow plus lambda |I1(p + u) - I0(p)|, coarse to
fine, by alternating a threshold step on the linearised residual with a dual step on
the total variation. Steps, constants and stopping follow OpenCV contrib's
DualTVL1OpticalFlow, or the IPOL article (Sanchez, Meinhardt-Llopis and Facciolo 2013).
Unlike OpenCV's, warps are not rounded to 1/32 pixel and repeat the border.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from selfme_jax.ops import filters

GREY = (0.299, 0.587, 0.114)  # of RGB, as OpenCV
SMALLEST = 16  # pixels: no coarser scale than this
CUBIC = -0.75  # Keys' parameter, as OpenCV


class _Preset(NamedTuple):
    """tau, theta, attachment (lambda), epsilon: of the equations, grey levels 0..255.

    step, scales: of the pyramid. warps: per scale. outer x inner: most iterations per
    warp. median: filter the flow 5x5 before each outer iteration. sigma: of the blur
    beforehand. stretch: both frames together to 0..255 first.
    """

    tau: float
    attachment: float
    theta: float
    epsilon: float
    step: float
    scales: int
    warps: int
    outer: int
    inner: int
    median: bool
    sigma: float
    stretch: bool


PRESETS = {
    "opencv": _Preset(
        tau=0.25,
        attachment=0.15,
        theta=0.3,
        epsilon=0.01,
        step=0.8,
        scales=5,
        warps=5,
        outer=10,
        inner=30,
        median=True,
        sigma=0.0,
        stretch=False,
    ),
    "ipol": _Preset(
        tau=0.25,
        attachment=0.15,
        theta=0.3,
        epsilon=0.01,
        step=0.5,
        scales=5,
        warps=5,
        outer=1,
        inner=300,
        median=False,
        sigma=0.8,
        stretch=True,
    ),
}


@functools.partial(jax.jit, static_argnames="preset")
def tvl1(frame0: jax.Array, frame1: jax.Array, *, preset: str = "opencv") -> jax.Array:
    """Flow u with frame0(p) = frame1(p + u(p)).

    Pairs of a batch iterate together, each until it has converged by itself: a pair's
    flow does not depend on the others.

    Args:
      frame0, frame1: [..., h, w, c] float in [0, 1], c = 1 (grey) or 3 (RGB).
      preset: 'opencv' or 'ipol'.

    Returns:
      [..., h, w, 2] float32 pixels, (x, y).

    Raises:
      TypeError: frames that are not float. ValueError: an unknown preset, or frames
        of other shapes.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r}: know {', '.join(PRESETS)}")
    if (
        frame0.shape != frame1.shape
        or frame0.ndim < 3
        or frame0.shape[-1] not in (1, 3)
    ):
        raise ValueError(
            f"expected two [..., h, w, 1 or 3], got {frame0.shape} and {frame1.shape}"
        )
    for frame in (frame0, frame1):
        if not jnp.issubdtype(frame.dtype, jnp.floating):
            raise TypeError(f"frame is {frame.dtype}: convert it to float in [0, 1]")
    use = PRESETS[preset]
    lead = frame0.shape[:-3]
    pair = [_grey(x).reshape(-1, *x.shape[-3:-1]) for x in (frame0, frame1)]
    if use.stretch:
        low = jnp.minimum(*(x.min((1, 2), keepdims=True) for x in pair))
        span = jnp.maximum(*(x.max((1, 2), keepdims=True) for x in pair)) - low
        pair = [255 * (x - low) / jnp.where(span > 0, span, 1) for x in pair]
    if use.sigma:
        pair = [filters.blur(x, sigma=use.sigma) for x in pair]
    pyramid = _pyramid(pair, use)
    u = jnp.zeros((*pyramid[-1][0].shape, 2))
    for level, (i0, i1) in reversed(list(enumerate(pyramid))):
        u = _scale(i0, i1, u, use)
        if level:
            shape = pyramid[level - 1][0].shape
            u = jax.image.resize(u, (*shape, 2), "linear", antialias=False) / use.step
    return u.reshape(*lead, *u.shape[1:])


def _grey(frame: jax.Array) -> jax.Array:
    """[..., h, w, c] in [0, 1] -> [..., h, w] in 0..255."""
    frame = 255 * frame.astype(jnp.float32)
    if frame.shape[-1] == 1:
        return frame[..., 0]
    parts = (weight * frame[..., c] for c, weight in enumerate(GREY))
    return sum(parts, jnp.asarray(0.0))


def _pyramid(pair: list, use: _Preset) -> list:
    """[(frame0, frame1)], fine to coarse, [b, h, w] each."""
    pyramid = [pair]
    for _ in range(use.scales - 1):
        b, h, w = pyramid[-1][0].shape
        shape = round(h * use.step), round(w * use.step)
        if min(shape) < SMALLEST:
            break
        images = pyramid[-1]
        if use.sigma:  # IPOL: what the coarser grid cannot hold goes first
            sigma = 0.6 * (use.step**-2 - 1) ** 0.5
            images = [filters.blur(x, sigma=sigma) for x in images]
        pyramid.append(
            [
                jax.image.resize(x, (b, *shape), "linear", antialias=False)
                for x in images
            ]
        )
    return pyramid


def _scale(i0: jax.Array, i1: jax.Array, u: jax.Array, use: _Preset) -> jax.Array:
    """Flow [b, h, w, 2] at one scale, from that of the coarser one."""
    stack = jnp.stack([i1, _central(i1, 2), _central(i1, 1)], axis=-1)
    u1, u2 = u[..., 0], u[..., 1]
    duals = (jnp.zeros_like(u1),) * 4

    def warp(_, state):
        u1, u2, duals = state
        moved = _cubic(stack, u1, u2)
        gx, gy = moved[..., 1], moved[..., 2]
        rest = moved[..., 0] - gx * u1 - gy * u2 - i0
        return _iterate(gx, gy, rest, u1, u2, duals, use)

    u1, u2, _ = jax.lax.fori_loop(0, use.warps, warp, (u1, u2, duals))
    return jnp.stack([u1, u2], axis=-1)


def _iterate(gx, gy, rest, u1, u2, duals, use: _Preset) -> tuple:
    """The iterations of one warp: [b, h, w] arrays, duals p11, p12, p21, p22."""
    square = gx * gx + gy * gy
    safe = jnp.where(square > 1e-10, square, 1)
    limit = use.attachment * use.theta

    def once(state):
        u1, u2, duals, active, count = state
        rho = rest + gx * u1 + gy * u2
        # d of the threshold step, per gradient: its three cases are one clip.
        d = jnp.clip(-rho / safe, -limit, limit)
        d = jnp.where(square > 1e-10, d, 0)
        p11, p12, p21, p22 = duals
        new1 = u1 + d * gx + use.theta * _divergence(p11, p12)
        new2 = u2 + d * gy + use.theta * _divergence(p21, p22)
        change = ((new1 - u1) ** 2 + (new2 - u2) ** 2).mean((1, 2))
        new = (*_dual(new1, p11, p12, use), *_dual(new2, p21, p22, use))
        keep = active[:, None, None]
        u1, u2 = jnp.where(keep, new1, u1), jnp.where(keep, new2, u2)
        duals = tuple(jnp.where(keep, x, y) for x, y in zip(new, duals, strict=True))
        return u1, u2, duals, active & (change > use.epsilon**2), count + 1

    def outer(state):
        u1, u2, duals, active, count = state
        if use.median:
            keep = active[:, None, None]
            u1, u2 = (jnp.where(keep, filters.median(x), x) for x in (u1, u2))
        inner = (u1, u2, duals, active, jnp.array(0))
        more = jax.lax.while_loop(
            lambda s: s[3].any() & (s[4] < use.inner), once, inner
        )
        return *more[:4], count + 1

    start = (u1, u2, duals, jnp.ones(u1.shape[0], bool), jnp.array(0))
    found = jax.lax.while_loop(lambda s: s[3].any() & (s[4] < use.outer), outer, start)
    return found[:3]


def _dual(u, p1, p2, use: _Preset) -> tuple[jax.Array, jax.Array]:
    """One step of the dual variables of a flow component."""
    rate = use.tau / use.theta
    ux = jnp.pad(u[:, :, 1:] - u[:, :, :-1], ((0, 0), (0, 0), (0, 1)))
    uy = jnp.pad(u[:, 1:] - u[:, :-1], ((0, 0), (0, 1), (0, 0)))
    scale = 1 / (1 + rate * jnp.sqrt(ux * ux + uy * uy))
    return (p1 + rate * ux) * scale, (p2 + rate * uy) * scale


def _divergence(p1: jax.Array, p2: jax.Array) -> jax.Array:
    """Backward differences; beyond the border p is 0."""
    left = jnp.pad(p1[:, :, :-1], ((0, 0), (0, 0), (1, 0)))
    above = jnp.pad(p2[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return p1 - left + p2 - above


def _central(image: jax.Array, axis: int) -> jax.Array:
    """Central differences; half the one-sided difference at the border."""
    padded = jnp.pad(image, [(1, 1) if a == axis else (0, 0) for a in range(3)], "edge")
    size = image.shape[axis]
    ahead = jax.lax.slice_in_dim(padded, 2, size + 2, axis=axis)
    return 0.5 * (ahead - jax.lax.slice_in_dim(padded, 0, size, axis=axis))


def _cubic(stack: jax.Array, u1: jax.Array, u2: jax.Array) -> jax.Array:
    """[b, h, w, c] at pixel positions p + u, bicubic, the border repeated."""
    b, h, w, _ = stack.shape
    column, tx = _split(jnp.arange(w, dtype=jnp.float32) + u1)
    row, ty = _split(jnp.arange(h, dtype=jnp.float32)[:, None] + u2)
    batch = jnp.arange(b)[:, None, None]
    total = jnp.asarray(0.0)
    for i, wy in enumerate(_keys(ty)):
        rows = jnp.clip(row + i - 1, 0, h - 1)
        line = jnp.asarray(0.0)
        for j, wx in enumerate(_keys(tx)):
            columns = jnp.clip(column + j - 1, 0, w - 1)
            line += wx[..., None] * stack[batch, rows, columns]
        total += wy[..., None] * line
    return total


def _split(position: jax.Array) -> tuple[jax.Array, jax.Array]:
    whole = jnp.floor(position)
    return whole.astype(jnp.int32), position - whole


def _keys(t: jax.Array) -> tuple[jax.Array, ...]:
    """Weights of the four neighbours at -1, 0, 1, 2 (Keys 1981)."""
    a = CUBIC

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return a * (((x - 5) * x + 8) * x - 4)

    return far(1 + t), near(t), near(1 - t), far(2 - t)
