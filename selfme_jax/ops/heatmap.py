"""Keypoints as heatmaps, and back."""

import functools

import jax
import jax.numpy as jnp

from selfme_jax.ops import grid
from selfme_jax.types import Shape


@functools.partial(jax.jit, static_argnames="shape")
def gaussian(points: jax.Array, shape: Shape, *, variance: float) -> jax.Array:
    """One Gaussian bump a point, exp(-|z - p|^2 / (2 variance)), 1 at its peak.

    Siarohin et al. 2019 (FOMM), equation 6.

    Args:
      points: [..., k, 2] in [-1, 1], (x, y); may lie outside.
      shape: (h, w).
      variance: > 0, in squared grid units.

    Returns:
      [..., h, w, k] float32 in [0, 1].
    """
    h, w = shape
    points = points.astype(jnp.promote_types(points.dtype, jnp.float32))

    def profile(size, centres):  # [..., size, k]
        distance = grid.axis(size)[:, None] - centres[..., None, :]
        return jnp.exp(-0.5 * distance**2 / variance)

    columns = profile(w, points[..., 0])
    rows = profile(h, points[..., 1])
    return rows[..., :, None, :] * columns[..., None, :, :]


@jax.jit
def soft_argmax(logits: jax.Array, *, temperature: float) -> jax.Array:
    """Mean position under softmax(logits / temperature) over the frame.

    Args:
      logits: [..., h, w, k].
      temperature: > 0; the smaller, the nearer to the arg max.

    Returns:
      [..., k, 2] float32 in [-1, 1], (x, y).
    """
    h, w = logits.shape[-3:-1]
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    probs = jax.nn.softmax(logits / temperature, axis=(-3, -2))
    x = jnp.sum(probs.sum(-3) * grid.axis(w)[:, None], axis=-2)
    y = jnp.sum(probs.sum(-2) * grid.axis(h)[:, None], axis=-2)
    return jnp.stack([x, y], axis=-1)
