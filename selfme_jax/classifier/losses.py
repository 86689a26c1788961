"""Losses of the classification stage, un-reduced: one value per sample."""

import jax
import jax.numpy as jnp

# S of DESIGN 4: ordered pairs of regions of the same row, a region with itself
# and with its mirror. Order of regions: upper left, upper right, lower left,
# lower right.
SAME_ROW = ((True, True, False, False),) * 2 + ((False, False, True, True),) * 2


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
    b, r, _ = features.shape
    # max(norm, eps) with the clamp inside the root: finite gradient at zero.
    square = jnp.sum(features**2, -1, keepdims=True)
    unit = features * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
    scores = jnp.einsum(
        "iad,kbd->iakb", unit, unit, precision=jax.lax.Precision.HIGHEST
    )
    scores = scores.transpose(0, 1, 3, 2) / temperature  # [i, a, b, k]
    same = jnp.eye(b, dtype=bool)[:, None, None, :]
    others = ~(same & jnp.eye(r, dtype=bool)[None, :, :, None])  # A(i, a, b)
    positives = others & (labels[:, None] == labels[None, :])[:, None, None, :]
    # An anchor alone in its batch has an empty A where a = b: give the log-sum-exp
    # something finite to sum; the empty P drops the pair below.
    empty = ~others.any(-1, keepdims=True)
    masked = jnp.where(others | empty, scores, -jnp.inf)
    log_prob = scores - jax.nn.logsumexp(masked, axis=-1, keepdims=True)
    count = positives.sum(-1)
    pair = -jnp.where(positives, log_prob, 0.0).sum(-1) / jnp.maximum(count, 1)
    rows = jnp.asarray(SAME_ROW)
    return jnp.where(rows, pair, 0.0).sum((1, 2)) / rows.sum()


def cross_entropy(
    logits: jax.Array, labels: jax.Array, *, smoothing: float
) -> jax.Array:
    """Softmax cross-entropy against smoothed one-hot labels: [b, c], [b] -> [b].

    smoothing: share of the target spread evenly over the classes, in [0, 1).
    """
    classes = logits.shape[-1]
    target = jax.nn.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return -(target * jax.nn.log_softmax(logits)).sum(-1)
