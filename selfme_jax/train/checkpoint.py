"""Checkpoints of a stage: one folder per chunk of runs, written by orbax.

A step below ``Task.steps`` holds a whole TrainState; the last step holds only what
is evaluated (params, averaged where asked for, and model state). Orbax renames a
folder into place when it is complete, so a kill leaves the previous one.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import orbax.checkpoint as ocp
from etils import epath


class Chunk:
    """Checkpoints of one chunk of runs; use as a context manager."""

    def __init__(self, folder: epath.PathLike):
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1, create=True, enable_async_checkpointing=True
        )
        path = epath.Path(folder).resolve()
        self._manager = ocp.CheckpointManager(path, options=options)

    def __enter__(self) -> "Chunk":
        return self

    def __exit__(self, *_) -> None:
        self._manager.close()  # waits for the write under way

    def latest(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, tree: Any) -> None:
        """Write ``tree`` (host arrays) in the background."""
        self._manager.save(step, args=ocp.args.StandardSave(tree))

    def restore(self, step: int, template: Any = None) -> Any:
        """Tree of ``template``'s structure (arrays or ShapeDtypeStructs).

        Without a template: dicts of host arrays, as they were saved.
        """
        return self._manager.restore(step, args=ocp.args.StandardRestore(template))


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an .npy file, its folder made; a kill leaves the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("partial_" + path.name)
    np.save(partial, array)
    os.replace(partial, path)
