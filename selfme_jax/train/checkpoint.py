"""Checkpoints of a stage: one folder per chunk of runs, written by orbax.

A step below ``Task.steps`` holds a whole TrainState; the last step holds only what
is evaluated (params, averaged where asked for, and model state). Beside it lies its
seal (files/seal.py): SHA-256 of every array and what they were made from, which is
checked before any of them is used. One without a seal is refused. Orbax renames a
folder into place when it is complete, seal and all, so a kill leaves the previous one.
Process 0 of a pod writes; all of them read.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint.checkpoint_manager import MultiprocessingOptions

from selfme_jax import files
from selfme_jax.files import seal
from selfme_jax.train import parallel
from selfme_jax.types import UserError


class Checkpoints:
    """Checkpoints of one chunk of runs; use as a context manager.

    Args:
      folder: of the chunk.
      depends: what they are made from: written with each, asked of what is restored.
        JSON-able, nested mappings as well. None = nothing is asked.
    """

    def __init__(
        self, folder: epath.PathLike, depends: Mapping[str, Any] | None = None
    ):
        folder = files.path(folder)
        # Orbax wants full paths; resolving would spoil a place in a bucket.
        self._folder = folder if files.remote(folder) else folder.resolve()
        self._depends = depends
        self._remedy = (
            f"Delete {self._folder}; the same command trains these runs again."
        )

    def __enter__(self) -> "Checkpoints":
        _hush()
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
        if not parallel.leads():
            return
        sealed = seal.make(_named(tree), {**(self._depends or {}), "step": step})
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(tree), seal=ocp.args.JsonSave(sealed)
        )
        self._manager.save(step, args=items)

    def restore(self, step: int, template: Any = None) -> Any:
        """Tree of ``template``'s structure (arrays or ShapeDtypeStructs).

        Without a template: dicts of host arrays, as they were saved.

        Raises:
          UserError: it cannot be read, is not what was written, or was made from
            something else (which parts are named).
        """
        # Arrays, of which all places are one: given shapes alone, orbax would put
        # what it reads on devices.
        template = jax.tree.map(
            lambda x: np.broadcast_to(np.zeros((), x.dtype), x.shape), template
        )
        place, found = self._folder / str(step), self._seal(step)
        depends = {**(self._depends or {}), "step": step}
        held = found.depends
        if self._depends is None:
            held = {"step": held.get("step")}
        seal.check(place, held, depends, self._remedy)
        with files.reading(place, self._remedy):
            tree = self._item(step, state=ocp.args.StandardRestore(template))
            seal.verify(found.sha256, _named(tree))
        return tree

    def made_from(self, step: int) -> dict[str, Any]:
        """Dotted key -> value: what a checkpoint says that it was made from.

        Raises:
          UserError: it cannot be read.
        """
        return self._seal(step).depends

    def _seal(self, step: int) -> seal.Seal:
        with files.reading(self._folder / str(step), self._remedy):
            return seal.parse(self._item(step, seal=ocp.args.JsonRestore()))

    def _item(self, step: int, **wanted: Any) -> Any:
        """One of the items of a checkpoint; ValueError where it is not there."""
        (name,) = wanted
        if not (self._folder / str(step) / name).exists():
            raise ValueError(f"it has no {name}: another version or program wrote it")
        return self._manager.restore(step, args=ocp.args.Composite(**wanted))[name]


def write_array(
    path: epath.Path, array: np.ndarray, depends: Mapping[str, Any] | None = None
) -> None:
    """``files.write_array``, by process 0."""
    if parallel.leads():
        files.write_array(path, array, depends)


def keep(path: epath.Path, array: np.ndarray) -> None:
    """Keep an array whose name says what it was made from (a digest), for ``kept``."""
    write_array(path, array, {"name": path.name})


def kept(path: epath.Path) -> np.ndarray | None:
    """What ``keep`` kept; None where it is not there.

    Or where it is damaged, which is told: it is then to be computed again.
    """
    if not path.exists():
        return None
    try:
        return files.read_array(path, depends={"name": path.name})
    except UserError as error:
        print(f"computed again: {str(error).splitlines()[0]}", flush=True)
        return None


def _hush() -> None:
    """Say nothing of parts of a failed write that wait for what was given up.

    tensorstore's threads tell them in vain, at any time until the process ends.
    """
    before = sys.unraisablehook
    if getattr(before, "func", None) is not _unheard:
        sys.unraisablehook = partial(_unheard, before)


def _unheard(before: Callable[[Any], None], left: Any) -> None:
    if "Event loop is closed" not in str(left.exc_value):
        before(left)


def _named(tree: Any) -> dict[str, np.ndarray]:
    """Leaves by name; the same ones whether tuples are tuples or came back as dicts."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }
