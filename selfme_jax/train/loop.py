"""Train every run of a stage: chunk by chunk, resumable, never silent."""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from selfme_jax.train import checkpoint, parallel, step
from selfme_jax.train.log import Log, Progress
from selfme_jax.train.state import Run, Task, TrainState


class NonFiniteError(Exception):
    """A loss became NaN or infinite; the message names run and step (exit 3)."""


class Stage(NamedTuple):
    """Where and how a stage is run; none of it changes a result.

    name: of the stage, its checkpoints and its metrics.
    workdir: holds checkpoints/<name>/<chunk>/<step>.
    log: metrics and TensorBoard events.
    runs_per_device: runs trained at once on each device; 0 = all of them.
    log_every: steps between lines and writes of metrics (every step has its row).
    save_seconds: least time between checkpoints within a chunk.
    """

    name: str
    workdir: Path
    log: Log
    runs_per_device: int = 0
    log_every: int = 10
    save_seconds: float = 30.0


class Stream(NamedTuple):
    """Data that do not fit a device: a host batch a step instead.

    batches: (first step, end) -> iterator of one pytree of arrays a step. What a
      step gets must depend on its number alone: a resumed run sees the same.
    resident: arrays that stay on the device beside them; a step's data are the pair
      (batch, resident).
    """

    batches: Callable[[int, int], Iterator[Any]]
    resident: Any = ()


class _Programs(NamedTuple):
    init: Callable
    update: Callable
    finish: Callable


def fit(
    task: Task,
    runs: Run,
    data: Any,
    finish: Callable,
    stage: Stage,
    names: list[str],
    *,
    kept: Callable[[Any], Path] | None = None,
) -> Any:
    """Train all runs and collect ``finish(variables, run, data)`` of each.

    Args:
      task: what is trained.
      runs: Run of host arrays with a leading run axis.
      data: pytree of arrays, shared by all runs, kept on every device; or a Stream,
        of which ``finish`` sees nothing, ().
      finish: pure function of one trained run, e.g. its logits.
      stage: name, folder, chunking and times.
      names: a label per run for messages ('seed 0 fold casme2/sub01').
      kept: variables of a trained run -> .npy file that keeps what ``finish`` gives
        (one array) for the next time; None = not kept.

    Returns:
      Host arrays [runs, ...] of what ``finish`` returns.

    Raises:
      NonFiniteError: a loss was not finite; names the run and the step.
    """
    devices = parallel.devices()
    total = len(runs.seed)
    size = min(stage.runs_per_device or total, -(-total // devices)) * devices
    chunks = -(-total // size)
    programs = _Programs(
        parallel.hasty(parallel.map_runs(partial(step.init, task))),
        # A step a call, not a loop within the program: XLA runs convolutions inside
        # a loop several times slower on CPU, and a call costs far less than a step.
        parallel.map_runs(partial(step.update, task), shared=1, donate=True),
        parallel.map_runs(finish, shared=1),
    )
    print(
        f"{stage.name}: {total} runs x {task.steps} steps in {chunks} chunk(s) of "
        f"{size}; compiling ...",
        flush=True,
    )
    stage.log.start()
    if not isinstance(data, Stream):
        data = parallel.replicate(data)
    progress = Progress(stage.name, chunks * task.steps)
    outputs = []
    for chunk in range(chunks):
        # The last chunk is filled up with its last run: one compilation for all.
        ids = np.minimum(np.arange(chunk * size, (chunk + 1) * size), total - 1)
        real = min(size, total - chunk * size)
        part = _Part(chunk, real, [names[i] for i in ids])
        chosen = jax.tree.map(lambda x, ids=ids: np.asarray(x)[ids], runs)
        folder = stage.workdir / "checkpoints" / stage.name / f"{chunk:04d}"
        with checkpoint.Chunk(folder) as store:
            variables = _train(
                task, chosen, data, programs, part, stage, store, progress
            )
        outputs.append(_finish(variables, chosen, data, programs, part, kept))
    return jax.tree.map(lambda *x: np.concatenate(x), *outputs)


class _Part(NamedTuple):
    chunk: int
    real: int  # runs that count; the others fill up the chunk
    names: list[str]

    @property
    def label(self) -> str:
        """First and last run that count."""
        first, last = self.names[0], self.names[self.real - 1]
        return first if first == last else f"{first} .. {last}"


def _train(task, runs, data, programs, part, stage, store, progress) -> Any:
    """Variables [runs of the chunk, ...] after the last step; resumes if it can."""
    shapes = jax.eval_shape(jax.vmap(partial(step.init, task)), runs)
    latest = store.latest()
    if latest == task.steps:
        progress((part.chunk + 1) * task.steps, f"chunk {part.chunk + 1}: kept")
        template = jax.eval_shape(partial(step.variables, task), shapes)
        return store.restore(latest, template)
    split_runs = parallel.split(runs)
    if latest is None:
        done, state = 0, programs.init(split_runs)
        if task.start is not None:
            state = parallel.split(step.restart(task, parallel.merge(state)))
    else:
        done = latest
        state = TrainState(*parallel.split(store.restore(latest, shapes)))
        print(f"{stage.name}: resumed at step {done} of {task.steps}", flush=True)
    stage.log.rewind(stage.name, part.chunk, done)
    saved = time.monotonic()
    feed = _feed(data, done, task.steps)
    while done < task.steps:
        count = min(stage.log_every - done % stage.log_every, task.steps - done)
        rows = []
        for batch in itertools.islice(feed, count):
            state, metrics = programs.update(state, split_runs, batch)
            rows.append(metrics)
        rows = {k: np.stack([parallel.merge(r[k]) for r in rows]) for k in rows[0]}
        _check(rows["loss"], done, part)
        means = {k: v[:, : part.real].mean(1) for k, v in rows.items()}
        stage.log.metrics(stage.name, part.chunk, done + 1, means)
        done += count
        progress(
            part.chunk * task.steps + done,
            f"{part.label}  step {done}/{task.steps}  loss {means['loss'].mean():.4f}",
        )
        if done < task.steps and time.monotonic() - saved > stage.save_seconds:
            store.save(done, parallel.merge(state))
            saved = time.monotonic()
    variables = step.variables(task, parallel.merge(state))
    store.save(done, variables)
    return variables


def _feed(data: Any, start: int, stop: int) -> Iterator[Any]:
    """The data of each step from ``start`` on, on every device."""
    if isinstance(data, Stream):
        resident = parallel.replicate(data.resident)
        for batch in data.batches(start, stop):
            yield parallel.replicate(batch), resident
    else:
        yield from itertools.repeat(data, stop - start)


def _finish(variables, runs, data, programs, part, kept) -> Any:
    """What ``finish`` gives for the real runs of a chunk, computed or kept."""
    paths = []
    if kept:
        paths = [
            kept(jax.tree.map(lambda x, i=i: x[i], variables)) for i in range(part.real)
        ]
        if all(path.exists() for path in paths):
            return np.stack([np.load(path) for path in paths])
    shared = () if isinstance(data, Stream) else data
    found = programs.finish(parallel.split(variables), parallel.split(runs), shared)
    found = jax.tree.map(lambda x: x[: part.real], parallel.merge(found))
    for path, array in zip(paths, found if kept else (), strict=True):
        checkpoint.write_array(path, array)
    return found


def _check(losses: np.ndarray, done: int, part: _Part) -> None:
    """losses: [steps, runs] of the steps after ``done``."""
    broken = np.argwhere(~np.isfinite(losses))
    if len(broken):
        first, run = broken[0]
        raise NonFiniteError(
            f"loss is not finite at step {done + first + 1} of {part.names[run]}. "
            "Lower the learning rate or look at that fold's inputs."
        )
