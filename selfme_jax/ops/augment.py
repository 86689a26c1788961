"""Augmentation: deterministic cores, and thin random shells that draw once a call.

A random function makes one draw for the whole array it is given, so that frames of a
pair stay together; map it over keys (jax.vmap) for one draw a sample.
"""

import functools

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.ops import affine


@jax.jit
def mirror(flow: jax.Array) -> jax.Array:
    """Mirror a motion: x flipped and u negated.

    Args:
      flow: [..., h, w, c]; channel 0 is u, the others (v, strain) keep their sign.

    Returns:
      [..., h, w, c].
    """
    # A product with constant signs, not an indexed update: no scatter.
    signs = np.where(np.arange(flow.shape[-1]) == 0, -1, 1)
    return jnp.flip(flow, axis=-2) * signs.astype(flow.dtype)


@jax.jit
def mirror_image(image: jax.Array) -> jax.Array:
    """Mirror intensities: x flipped, [..., h, w, c]."""
    return jnp.flip(image, axis=-2)


@jax.jit
def shift(image: jax.Array, pixels: jax.Array) -> jax.Array:
    """Move the content by whole pixels, the border repeated behind it.

    Args:
      image: [..., h, w, c].
      pixels: [2] int, to the right and down.

    Returns:
      [..., h, w, c].
    """
    h, w = image.shape[-3:-1]
    columns = jnp.clip(jnp.arange(w) - pixels[0], 0, w - 1)
    rows = jnp.clip(jnp.arange(h) - pixels[1], 0, h - 1)
    return jnp.take(jnp.take(image, rows, axis=-3), columns, axis=-2)


@jax.jit
def random_mirror(
    key: jax.Array, flow: jax.Array, *, probability: float = 0.5
) -> jax.Array:
    """`mirror` with a probability: [..., h, w, c] -> [..., h, w, c]."""
    return jnp.where(jax.random.bernoulli(key, probability), mirror(flow), flow)


@functools.partial(jax.jit, static_argnames="distance")
def random_shift(key: jax.Array, image: jax.Array, *, distance: int) -> jax.Array:
    """`shift` by up to `distance` pixels either way: [..., h, w, c], the same out."""
    pixels = jax.random.randint(key, (2,), -distance, distance + 1)
    return shift(image, pixels)


@jax.jit
def random_affine(
    key: jax.Array,
    *,
    rotation: float = 0.0,
    scale: float = 0.0,
    translation: float = 0.0,
) -> jax.Array:
    """An affine map [2, 3] near the identity, every part drawn uniformly.

    Args:
      key: of the draw.
      rotation: largest angle, radians.
      scale: largest |log factor|, drawn apart for x and y.
      translation: largest shift along an axis, grid units.
    """
    parts = jax.random.uniform(key, (5,), minval=-1.0)
    return affine.from_parts(
        rotation * parts[0], jnp.exp(scale * parts[1:3]), translation * parts[3:]
    )


@functools.partial(jax.jit, static_argnames="cells")
def random_bspline(
    key: jax.Array, *, cells: int | tuple[int, int], scale: float
) -> jax.Array:
    """B-spline controls [gy + 3, gx + 3, 2], normal with deviation `scale`.

    cells: (gy, gx), or one number for both. The displacements themselves deviate by
    about half of that, as the basis averages neighbours.
    """
    gy, gx = (cells, cells) if isinstance(cells, int | np.integer) else cells
    return scale * jax.random.normal(key, (gy + 3, gx + 3, 2))


@jax.jit
def random_gain(key: jax.Array, flow: jax.Array, *, gain: float) -> jax.Array:
    """Flow [..., h, w, c] times exp(g), g uniform in [-gain, gain]."""
    return flow * jnp.exp(jax.random.uniform(key, minval=-gain, maxval=gain))


@functools.partial(jax.jit, static_argnames=("brightness", "contrast"))
def random_jitter(
    key: jax.Array, image: jax.Array, *, brightness: float, contrast: float
) -> jax.Array:
    """Lighting: brightness and contrast drawn uniformly (dm_pix).

    Args:
      key: of the draw.
      image: [..., h, w, c] float in [0, 1].
      brightness: largest change added. contrast: largest relative change of the
        distance to the mean of a channel, < 1.

    Returns:
      [..., h, w, c] in [0, 1].
    """
    bright_key, contrast_key = jax.random.split(key)
    if brightness:
        image = dm_pix.random_brightness(bright_key, image, brightness)
    if contrast:
        image = dm_pix.random_contrast(contrast_key, image, 1 - contrast, 1 + contrast)
    return jnp.clip(image, 0, 1)
