"""Losses of TCAE's self-supervised training, un-reduced: one value per sample, [b].

Known, from the authors' code: terms and weights below; each term is sorted within the
batch, and only what lies between two percentiles counts. These start at 0 and 50 %
and go up by 10 points whenever the validation loss has not improved for 15 epochs, to
40 and 90 %. Our choice: no validation, so the five windows take a fifth of the steps
each.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.baselines.tcae import Cycle, Features, clip

WINDOWS = 5  # of the curriculum, a tenth of the batch apart, half of it wide


class Weights(NamedTuple):
    """Of the terms, by the first word of their names; the defaults are published."""

    reconstruction: float = 10.0
    feature: float = 1.0
    cycle: float = 1.0
    magnitude: float = 0.1


def terms(cycle: Cycle, source: jax.Array, driving: jax.Array) -> dict[str, jax.Array]:
    """The ten terms of a batch, [b] each.

    reconstruction: L1 of the merged image and the driving frame. feature_*: mean
    squared distances of features: the frame moved by the pose has the driving
    frame's pose and the source's expression, and so on. cycle_*: L1 of the source and
    the moved frame moved back. magnitude: mean absolute flow of the expression, as it
    samples, within the frame.

    Args:
      cycle: what the network says. source, driving: [b, h, w, 3].
    """

    def l1(a, b):
        return jnp.abs(a - b).mean((1, 2, 3))

    found = {"reconstruction": l1(cycle.merged.image, driving)}
    targets = {
        "pose": (cycle.driving.pose, cycle.source.expression),
        "expression": (cycle.source.pose, cycle.driving.expression),
        "merged": (cycle.driving.pose, cycle.driving.expression),
    }
    for name, pair in targets.items():
        features = getattr(cycle, name).features
        for kind, wanted in zip(Features._fields, pair, strict=True):
            got = getattr(features, kind)
            found[f"feature_{name}_{kind}"] = ((got - wanted) ** 2).mean(-1)
    found["cycle_pose"] = l1(cycle.pose.back, source)
    found["cycle_expression"] = l1(cycle.expression.back, source)
    found["magnitude"] = jnp.abs(clip(cycle.expression.flow)).mean((1, 2, 3))
    return found


def total(
    found: dict[str, jax.Array],
    weights: Weights,
    window: tuple[jax.Array | int, jax.Array | int],
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Weighted sum of all terms within the window -> (scalar, each term's part [])."""
    kept = {name: curriculum(values, *window) for name, values in found.items()}
    value = sum(
        getattr(weights, name.partition("_")[0]) * part for name, part in kept.items()
    )
    return value, kept


def curriculum(
    values: jax.Array, first: jax.Array | int, end: jax.Array | int
) -> jax.Array:
    """Mean of the sorted values [b] at places first to end - 1, least value first."""
    place = jnp.arange(len(values))
    inside = (place >= first) & (place < end)
    return jnp.where(inside, jnp.sort(values), 0).sum() / inside.sum()


def window(
    step: jax.Array | int, *, steps: int, batch: int
) -> tuple[jax.Array, jax.Array]:
    """(first, end) of the curriculum at a step, which may be traced.

    Args:
      step: from 0. steps: of the training. batch: samples in one.
    """
    first = np.arange(WINDOWS) * batch // 10
    end = np.maximum((np.arange(WINDOWS) + 5) * batch // 10, first + 1)
    number = jnp.minimum(step * WINDOWS // steps, WINDOWS - 1)
    return jnp.asarray(first)[number], jnp.asarray(end)[number]
