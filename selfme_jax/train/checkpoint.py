"""Checkpoints of a stage: one folder per chunk of runs, written by orbax.

A step below ``Task.steps`` holds a whole TrainState; the last step holds only what
is evaluated (params, averaged where asked for, and model state). Orbax renames a
folder into place when it is complete, so a kill leaves the previous one. Process 0 of
a pod writes; all of them read.
"""

from functools import cached_property
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint.checkpoint_manager import MultiprocessingOptions

from selfme_jax import files
from selfme_jax.train import parallel


class Chunk:
    """Checkpoints of one chunk of runs; use as a context manager."""

    def __init__(self, folder: epath.PathLike):
        folder = files.path(folder)
        # Orbax wants full paths; resolving would spoil a place in a bucket.
        self._folder = folder if files.remote(folder) else folder.resolve()

    def __enter__(self) -> "Chunk":
        return self

    def __exit__(self, *_) -> None:
        if "_manager" in vars(self):  # it was needed
            self._manager.close()  # waits for the write under way

    @cached_property
    def _manager(self) -> ocp.CheckpointManager:
        # Each process on its own: none of them waits for the others here.
        own = MultiprocessingOptions(
            primary_host=parallel.process(),
            active_processes={parallel.process()},
            barrier_sync_key_prefix=f"process{parallel.process()}",
        )
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1,
            create=False,
            read_only=not parallel.leads(),
            enable_async_checkpointing=parallel.leads(),
            multiprocessing_options=own,
        )
        if parallel.leads():
            self._folder.mkdir(parents=True, exist_ok=True)
        return ocp.CheckpointManager(self._folder, options=options)

    def latest(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, tree: Any) -> None:
        """Write ``tree`` (host arrays) in the background; process 0 does."""
        if parallel.leads():
            self._manager.save(step, args=ocp.args.StandardSave(tree))

    def restore(self, step: int, template: Any = None) -> Any:
        """Tree of ``template``'s structure (arrays or ShapeDtypeStructs).

        Without a template: dicts of host arrays, as they were saved.
        """
        # Arrays, of which all places are one: given shapes alone, orbax would put
        # what it reads on devices.
        template = jax.tree.map(
            lambda x: np.broadcast_to(np.zeros((), x.dtype), x.shape), template
        )
        return self._manager.restore(step, args=ocp.args.StandardRestore(template))


def write_array(path: epath.Path, array: np.ndarray) -> None:
    """Write an .npy file, its folder made; a kill leaves the old file or the new.

    Process 0 does.
    """
    if parallel.leads():
        files.write_array(path, array)
