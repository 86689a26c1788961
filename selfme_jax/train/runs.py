"""The runs of a stage: who is drawn, who is held out, and in which order."""

from collections.abc import Sequence

import numpy as np

from selfme_jax.train.draws import weights as weigh
from selfme_jax.train.state import Run
from selfme_jax.types import Split


def of_folds(
    splits: Sequence[Split],
    seeds: Sequence[int],
    samples: int,
    draws: Sequence[np.ndarray],
    *,
    shares: Sequence[np.ndarray] = (),
    copies: int = 1,
    motion_seeds: int = 1,
) -> tuple[Run, list[str]]:
    """All (seed, fold) runs, seeds outermost, and a name for each.

    Args:
      splits: one per fold. seeds: distinct ints. samples: how many there are.
      draws: of each fold the positive sampling weights of its training samples.
        Those of all other samples are 0: they are never drawn.
      shares: of each fold what its loss is told of the training side, [k]; () = none.
      copies: of the inputs, one for each motion seed, or for each motion seed and
        fold, motion seeds outermost. motion_seeds: how many; seed i reads what motion
        seed i modulo their number gave.

    Raises:
      UserError: a fold with a training sample that could not be drawn, or without any.
    """
    folds, k = len(splits), len(seeds)
    weights = np.zeros((folds, samples), np.float32)
    test = np.zeros((folds, max(len(s.test) for s in splits)), np.int32)
    for i, (split, drawn) in enumerate(zip(splits, draws, strict=True)):
        weights[i] = weigh(drawn, split.train, samples, name=split.held_out)
        test[i, : len(split.test)] = split.test
    told = np.zeros((folds, 1), np.float32)
    if len(shares):
        told = np.stack(list(shares)).astype(np.float32)
    arrays = Run(
        seed=np.repeat(np.array(seeds, np.int32), folds),
        fold=np.tile(np.array([s.fold for s in splits], np.int32), k),
        source=sources(copies, motion_seeds, folds, k),
        weights=np.tile(weights, (k, 1)),
        test=np.tile(test, (k, 1)),
        shares=np.tile(told, (k, 1)),
    )
    names = [f"seed {s} fold {p.held_out}" for s in seeds for p in splits]
    return arrays, names


def of_all(seeds: Sequence[int], samples: int, name: str) -> tuple[Run, list[str]]:
    """A run for each seed that holds nobody out; ``name`` of it: 'seed 0 NAME'."""
    k = len(seeds)
    arrays = Run(
        seed=np.array(seeds, np.int32),
        fold=np.full(k, -1, np.int32),
        source=np.zeros(k, np.int32),
        weights=np.ones((k, samples), np.float32),
        test=np.zeros((k, 1), np.int32),
        shares=np.zeros((k, 1), np.float32),
    )
    return arrays, [f"seed {s} {name}".strip() for s in seeds]


def sources(copies: int, motion_seeds: int, folds: int, seeds: int) -> np.ndarray:
    """[seeds * folds] int32: which copy of the inputs each run reads (``of_folds``)."""
    each = copies // motion_seeds  # one, or one for each fold
    seed = np.arange(seeds)[:, None] % motion_seeds
    fold = np.arange(folds)[None] if each > 1 else 0
    return np.broadcast_to(seed * each + fold, (seeds, folds)).ravel().astype(np.int32)
