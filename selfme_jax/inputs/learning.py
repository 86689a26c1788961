"""What inputs that learn share: their runs, and where what they read is kept."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath

from selfme_jax.inputs import device_clips
from selfme_jax.inputs.device_clips import DeviceClips
from selfme_jax.train import runs as training
from selfme_jax.train.state import Run
from selfme_jax.types import Split


def runs(
    samples: int, splits: Sequence[Split], seeds: Sequence[int], *, scope: str
) -> tuple[Run, list[str]]:
    """The runs of a scope, and a name for each.

    Args:
      scope: 'per_fold' (a run per seed and fold, of its training subjects only) or
        'all_subjects' (a run per seed, of all clips).

    Raises:
      ValueError: another scope.
    """
    if scope == "all_subjects":
        return training.of_all(seeds, samples, "all subjects")
    if scope != "per_fold":
        raise ValueError(f"scope {scope!r}: know per_fold, all_subjects")
    draws = [np.ones(len(split.train)) for split in splits]
    return training.of_folds(splits, seeds, samples, draws)


def pairs(
    key: jax.Array, data: DeviceClips, run: Run, recipe: Any
) -> tuple[jax.Array, jax.Array]:
    """``device_clips.draw_pairs`` by the options of a recipe."""
    options = {"onset_apex": recipe.onset_apex, "mirror": recipe.mirror}
    return device_clips.draw_pairs(key, data, run, size=recipe.batch_size, **options)


def keeper(
    data: DeviceClips, folder: epath.Path, *settings: Any
) -> Callable[[Any], epath.Path]:
    """Variables of a trained run -> .npy file of what it reads of the clips.

    Keyed by the variables, the onset and apex frames, and ``settings``: what else the
    result depends on.
    """
    start = hashlib.sha256(repr((*settings, data.frames.shape)).encode())
    for array in device_clips.onset_apex(data):
        start.update(np.ascontiguousarray(array).data)

    def path(variables: Any) -> epath.Path:
        key = start.copy()
        for leaf in jax.tree.leaves(variables):
            key.update(np.ascontiguousarray(leaf).data)
        return folder / f"{key.hexdigest()[:24]}.npy"

    return path
