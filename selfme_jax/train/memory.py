"""Whether a stage can fit its devices at all, before anything is compiled.

What a run cannot do without: its state, gradients, a batch, and the data. Compiled
programs need more, which they say themselves (RESOURCE_EXHAUSTED); but sizes out of all
proportion end the process within the compiler.
"""

import math
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import jax

from selfme_jax.train import draws, parallel
from selfme_jax.train.state import Run, Task, TrainState
from selfme_jax.train.stream import Stream
from selfme_jax.types import UserError

_REMEDY = (
    "Lower the batch_size or the sizes of the network, or take fewer runs at once: "
    "--config.engine.classifier.runs_per_device=1 (engine.motion likewise)."
)


def check(
    task: Task, run: Run, shapes: TrainState, data: Any, *, runs: int, at_once: float
) -> None:
    """Refuse what cannot fit.

    Args:
      task, run: one run of host arrays. shapes: of its state.
      data: arrays of the stage, or a Stream, of which nothing is known.
      runs: of a chunk on each device. at_once: how many of them are trained together;
        less than 1 where devices share the batch of one.

    Raises:
      UserError: more is needed than a device has.
      TypeError: batches that are drawn by other means than ``draws.index``.
    """
    need = runs * size(shapes) + max(at_once, 1) * size(shapes.params)
    if not isinstance(data, Stream):
        need += size(data) + at_once * size(_batch(task, run, data))
    there = limit()
    if need > there:
        raise UserError(
            f"Out of memory before it begins: a device needs {_shown(need)} at least "
            f"for {runs} run(s), and has {_shown(there)}.\n{_REMEDY}"
        )


def limit() -> int:
    """Bytes of the memory of a device; those of a CPU share the machine's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats and not parallel.on_cpu():
        return stats["bytes_limit"]
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # of a container
        there = min(there, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return there // jax.local_device_count() if parallel.on_cpu() else there


def size(tree: Any) -> int:
    """Bytes of the arrays (or shapes) of a tree."""
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))


def _batch(task: Task, run: Run, data: Any) -> Any:
    """Shapes of one batch."""
    with draws.recorded() as drawn:
        try:
            found = jax.eval_shape(partial(task.batch, jax.random.key(0)), data, run)
        except OverflowError as error:
            raise UserError(
                f"a batch cannot be that large: {error}.\n{_REMEDY}"
            ) from error
    if not drawn:
        raise TypeError("batches must be drawn by train.draws.index, which is checked")
    return found


def _shown(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"
