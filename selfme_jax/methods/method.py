"""What every method is: a problem in, probabilities of held-out samples out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from selfme_jax.train import draws
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run
from selfme_jax.types import Split


class Problem(NamedTuple):
    """LOSO over samples, for several seeds.

    inputs: [d, n, h, w, c] float32, what the first stage gives; d = 1 where all folds
      share it, or one per fold where a network was learned per fold. Flow has c = 3
      (u, v, strain), in grey levels of published flow images or pixels of the frame;
      apex frames are RGB in [0, 1]; descriptors have h = w = 1.
    labels: [n] int. splits: one per fold. seeds: distinct ints.
    """

    inputs: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: Sequence[Split]
    seeds: Sequence[int]


@runtime_checkable
class Method(Protocol):
    """Anything that is fitted to training folds and predicts held-out samples."""

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, classes] logits: of every sample by the fold that held it out."""
        ...


def runs(problem: Problem, *, balance: float) -> tuple[Run, list[str]]:
    """All (seed, fold) runs of a problem, seeds outermost, and a name for each.

    Sampling weight of a training sample: (count of its class in the fold's training
    side) ** -balance; 0 draws as the data lie, 0.5 square-root balanced, 1 all
    classes alike. Held-out samples weigh 0, so they are never drawn.

    Raises:
      UserError: a fold of which nothing can be drawn.
    """
    n = len(problem.labels)
    longest = max(len(s.test) for s in problem.splits)
    weights = np.zeros((len(problem.splits), n), np.float32)
    test = np.zeros((len(problem.splits), longest), np.int32)
    for i, split in enumerate(problem.splits):
        labels = problem.labels[split.train]
        count = np.bincount(labels, minlength=len(problem.classes))
        values = count[labels].astype(np.float64) ** -balance
        weights[i] = draws.weights(values, split.train, n, name=split.held_out)
        test[i, : len(split.test)] = split.test
    folds = np.array([s.fold for s in problem.splits], np.int32)
    shared = len(problem.inputs) == 1
    per_fold = np.zeros_like(folds) if shared else np.arange(len(folds))
    k = len(problem.seeds)
    arrays = Run(
        seed=np.repeat(np.array(problem.seeds, np.int32), len(folds)),
        fold=np.tile(folds, k),
        source=np.tile(per_fold.astype(np.int32), k),
        weights=np.tile(weights, (k, 1)),
        test=np.tile(test, (k, 1)),
    )
    names = [
        f"seed {s} fold {p.held_out}" for s in problem.seeds for p in problem.splits
    ]
    return arrays, names


def gather(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    """[seeds * folds, t, c] outputs at Run.test -> [seeds, n, c] pooled over folds."""
    outputs = outputs.reshape(
        len(problem.seeds), len(problem.splits), *outputs.shape[1:]
    )
    pooled = np.full((len(outputs), len(problem.labels), outputs.shape[-1]), np.nan)
    for i, split in enumerate(problem.splits):
        pooled[:, split.test] = outputs[:, i, : len(split.test)]
    return pooled
