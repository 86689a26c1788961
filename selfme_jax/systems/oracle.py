"""The epoch that is best on the test subject: what a score becomes when it leaks.

Published code often keeps, for every held-out subject, the epoch with the best score
ON THAT SUBJECT (CapsuleNet's and HTNet's do). No score is made that way; the option
shows how high this alone lifts one.
"""

import jax
import numpy as np

from selfme_jax.systems.base import Problem
from selfme_jax.train.state import Run


def seen(variables: dict, run: Run, data: object) -> jax.Array:
    """What a trained run watched in its epochs, as a ``finish`` of the engine."""
    del run, data
    return variables["seen"]


def choose(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    """Of each run the logits of the epoch with most hits on its own test samples.

    Of equal epochs the later one, as in CapsuleNet's code (which counts UF1, not hits).

    Args:
      problem: whose splits and seeds the runs are of.
      outputs: [seeds * folds, epochs, t, c] logits, padded as Run.test is.

    Returns:
      [seeds * folds, t, c].
    """
    chosen = []
    for i, epochs in enumerate(outputs):
        test = problem.splits[i % len(problem.splits)].test
        hits = (epochs[:, : len(test)].argmax(-1) == problem.labels[test]).sum(-1)
        chosen.append(epochs[len(hits) - 1 - hits[::-1].argmax()])
    return np.stack(chosen)
