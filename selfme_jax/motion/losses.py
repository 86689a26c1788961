"""Losses of motion learning, un-reduced: one value per sample, [b].

Images are [b, h, w, c] float32 in [0, 1].
"""

import math
from collections.abc import Sequence

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.ops import filters, pyramid

SSIM_WINDOW = 11


def _mean(x: jax.Array) -> jax.Array:
    """[b, ...] -> [b]."""
    return x.mean(tuple(range(1, x.ndim)))


def charbonnier(a: jax.Array, b: jax.Array, *, epsilon: float) -> jax.Array:
    """Mean of sqrt((a - b)^2 + epsilon^2) - epsilon: a smooth L1, 0 for equals."""
    return _mean(jnp.sqrt((a - b) ** 2 + epsilon**2) - epsilon)


def ssim(a: jax.Array, b: jax.Array) -> jax.Array:
    """(1 - SSIM) / 2, in [0, 1]; needs frames of at least SSIM_WINDOW pixels."""
    value = dm_pix.ssim(a, b, filter_size=SSIM_WINDOW)
    return (1 - value) / 2


def census(
    a: jax.Array, b: jax.Array, *, radius: int = 2, softness: float = 0.9 / 255
) -> jax.Array:
    """Soft census distance: structure, whatever the brightness.

    Each pixel's neighbours within `radius` are compared to it, d / sqrt(softness^2
    + d^2) in place of a sign; squared differences t of these, t / (0.1 + t), are
    averaged over neighbours and pixels away from the border (Stein 2004, soft form
    of Meister et al. 2018). In [0, 1].
    """

    def transform(image):
        grey = image.mean(-1)
        h, w = grey.shape[1:]
        r = radius
        centre = grey[:, r : h - r, r : w - r]
        shifts = [
            grey[:, dy : h - 2 * r + dy, dx : w - 2 * r + dx] - centre
            for dy in range(2 * r + 1)
            for dx in range(2 * r + 1)
            if (dy, dx) != (r, r)
        ]
        d = jnp.stack(shifts, axis=-1)
        return d * jax.lax.rsqrt(softness**2 + d**2)

    t = (transform(a) - transform(b)) ** 2
    return _mean(t / (0.1 + t))


def blur(image: jax.Array, *, sigma: float) -> jax.Array:
    """Gaussian blur, sigma in pixels, 0 = none: [b, h, w, c] -> same.

    It is cut at 2.5 sigma; the border pixel is repeated beyond the border.

    To be done before warping frames with sensor noise: bilinear sampling between
    pixels averages noise away, so the photometric error of a noisy flat region is
    least for a wrong flow of half a pixel.
    """
    if not sigma:
        return image
    radius = math.ceil(2.5 * sigma)
    rows, columns = (
        filters.repeated(size, sigma, radius).astype(np.float32)
        for size in image.shape[1:3]
    )
    # Products: XLA takes twenty times as long for a convolution of each channel on CPU.
    image = jnp.einsum("yh,bhwc->bywc", rows, image, precision="highest")
    return jnp.einsum("xw,bywc->byxc", columns, image, precision="highest")


def finer(image: jax.Array, *, side: int) -> jax.Array:
    """An image to be warped, with about `side` points a side if it has fewer pixels.

    Splines go through its pixels (pyramid.upsample). What the straight lines of
    bilinear sampling miss between the pixels of a sharp small frame is as large as
    what sub-pixel motion changes, and passes for motion. [b, h, w, c] -> [b, h', w',
    c]; `warp.warp` of it by a flow [b, h, w, 2] is [b, h, w, c] again.
    """
    factor = max(1, round(side / max(image.shape[1:3])))
    return pyramid.upsample(image, factor=factor)


def level_light(image: jax.Array, target: jax.Array, *, blocks: int) -> jax.Array:
    """The image with the slow part of its difference to the target taken out.

    Light changes between two frames by a few grey levels, slowly over the face; the
    sub-pixel motion of micro-expressions changes edges by no more. Slow is what
    survives anti-aliased downsampling to blocks x blocks. [b, h, w, c] -> same.
    """
    slow = pyramid.resize(image - target, (blocks, blocks), antialias=True)
    return image - pyramid.resize(slow, image.shape[1:3])


def photometric(
    a: jax.Array,
    b: jax.Array,
    *,
    scales: int,
    epsilon: float,
    charbonnier_weight: float,
    ssim_weight: float,
    census_weight: float,
) -> jax.Array:
    """Weighted sum of the three above, averaged over a Gaussian pyramid.

    A term of weight 0 is not computed; SSIM only where its window fits.
    """
    total = jnp.zeros(a.shape[0])
    levels = zip(
        pyramid.gaussian_pyramid(a, levels=scales),
        pyramid.gaussian_pyramid(b, levels=scales),
        strict=True,
    )
    for x, y in levels:
        if charbonnier_weight:
            total += charbonnier_weight * charbonnier(x, y, epsilon=epsilon)
        if ssim_weight and min(x.shape[1:3]) >= SSIM_WINDOW:
            total += ssim_weight * ssim(x, y)
        if census_weight:
            total += census_weight * census(x, y)
    return total / scales


def equivariance(points: jax.Array, mapped: jax.Array) -> jax.Array:
    """Mean absolute distance of points [b, k, n, 2] and those mapped back."""
    return _mean(jnp.abs(points - mapped))


def feature_warp(
    warped: Sequence[jax.Array], driving: Sequence[jax.Array]
) -> jax.Array:
    """Warped source features against driving features, as in TPS motion.

    The driving features are held constant: they are the target.
    """
    terms = [
        _mean(jnp.abs(x - jax.lax.stop_gradient(y)).astype(jnp.float32))
        for x, y in zip(warped, driving, strict=True)
    ]
    return sum(terms, jnp.asarray(0.0)) / len(terms)


def smoothness(flow: jax.Array, image: jax.Array, *, edge: float = 10.0) -> jax.Array:
    """Edge-aware first-order smoothness of a flow [b, h, w, 2], in its own units.

    Mean of |d flow| exp(-edge |d image|) in x and y; image [b, h, w, c].
    """
    total = jnp.asarray(0.0)
    for axis in (1, 2):
        slope = jnp.abs(jnp.diff(image, axis=axis)).mean(-1, keepdims=True)
        change = jnp.abs(jnp.diff(flow, axis=axis))
        total += _mean(change * jnp.exp(-edge * slope))
    return total / 2
