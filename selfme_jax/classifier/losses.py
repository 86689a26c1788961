"""Losses of the classification stage, un-reduced: one value per sample."""

import functools

import jax
import jax.numpy as jnp


def symmetric_contrastive(
    features: jax.Array, labels: jax.Array, *, temperature: float
) -> jax.Array:
    """Symmetric contrastive loss L_sc, in our reading of SelfME's equation.

    loss_i = 1/|S| sum_{(a,b) in S} -1/|P(i,a,b)| sum_{p in P(i,a,b)}
      log(exp(f_ia . f_pb / t) / sum_{k in A(i,a,b)} exp(f_ia . f_kb / t))

    with S the 8 ordered region pairs of the same row, P the samples of the same
    label and A all samples, both without the anchor itself ((k, b) != (i, a)). A
    pair with empty P gives 0. The source leaves P and A open: our choice.

    Args:
      features: [b, 4, d], regions (upper left, upper right, lower left, lower
        right); normalised inside.
      labels: [b] int.
      temperature: t > 0 (0.07 in the paper).

    Returns:
      [b] float32, finite with finite gradients for any labels and b >= 1.
    """
    features = jnp.asarray(features, jnp.float32)
    n = len(features)
    # max(norm, eps) with the clamp inside the root: finite gradient at zero.
    square = jnp.sum(features**2, -1, keepdims=True)
    unit = features * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
    unit = unit.reshape(n, 2, 2, -1)  # row, side
    dot = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    sides = jnp.eye(2, dtype=bool)  # a = b

    # The sum over A; of an anchor alone where a = b it is empty, as is its P.
    scores = dot("irad,krbd->irabk", unit, unit) / temperature
    anchor = jnp.eye(n, dtype=bool)[:, None, None, None, :] & sides[..., None]
    scores = jnp.where(anchor, -jnp.inf, scores)
    total = jax.nn.logsumexp(scores, axis=-1)  # [i, r, a, b]

    # The mean over P, by the sum of all features of a label.
    alike = (labels[:, None] == labels[None, :]).astype(jnp.float32)
    near = dot("ik,krbd->irbd", alike, unit)
    own = dot("irad,irad->ira", unit, unit)[..., None]
    score = (dot("irad,irbd->irab", unit, near) - sides * own) / temperature
    count = alike.sum(1)[:, None, None, None] - sides
    pair = total - score / jnp.maximum(count, 1)
    return jnp.where(count > 0, pair, 0.0).mean((1, 2, 3))
