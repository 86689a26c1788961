"""What first stages that learn share: their runs, and where what they read is kept."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath

from selfme_jax.methods import clips, method
from selfme_jax.methods.clips import Frames
from selfme_jax.train.state import Run
from selfme_jax.types import ClipDataset, Split


def runs(
    dataset: ClipDataset, splits: Sequence[Split], seed: int, *, scope: str
) -> tuple[Run, list[str]]:
    """The runs of a scope, and a name for each.

    Args:
      scope: 'per_fold' (a run per fold, of its training subjects only) or
        'all_subjects' (one run, of all clips).

    Raises:
      ValueError: another scope.
    """
    n = len(dataset.samples)
    if scope == "all_subjects":
        return one_run(seed, n, f"seed {seed} all subjects")
    if scope != "per_fold":
        raise ValueError(f"scope {scope!r}: know per_fold, all_subjects")
    labels = np.array([s.label for s in dataset.samples])
    shared = np.zeros((1, 0))  # all folds read the same frames
    problem = method.Problem(shared, labels, dataset.classes, splits, (seed,))
    return method.runs(problem, balance=0.0)


def one_run(seed: int, samples: int, name: str) -> tuple[Run, list[str]]:
    """A run that holds nobody out."""
    run = Run(
        seed=np.array([seed], np.int32),
        fold=np.array([-1], np.int32),
        source=np.zeros(1, np.int32),
        weights=np.ones((1, samples), np.float32),
        test=np.zeros((1, 1), np.int32),
    )
    return run, [name]


def pairs(
    key: jax.Array, data: Frames, run: Run, recipe: Any
) -> tuple[jax.Array, jax.Array]:
    """``clips.draw_pairs`` by a recipe: its batch_size, onset_apex and mirror."""
    options = {"onset_apex": recipe.onset_apex, "mirror": recipe.mirror}
    return clips.draw_pairs(key, data, run, size=recipe.batch_size, **options)


def keeper(
    data: Frames, folder: epath.Path, *settings: Any
) -> Callable[[Any], epath.Path]:
    """Variables of a trained run -> .npy file of what it reads of the clips.

    Keyed by the variables, the onset and apex frames, and ``settings``: what else the
    result depends on.
    """
    start = hashlib.sha256(repr((*settings, data.frames.shape)).encode())
    for array in clips.onset_apex(data):
        start.update(np.ascontiguousarray(array))

    def path(variables: Any) -> epath.Path:
        key = start.copy()
        for leaf in jax.tree.leaves(variables):
            key.update(np.ascontiguousarray(leaf))
        return folder / f"{key.hexdigest()[:24]}.npy"

    return path
