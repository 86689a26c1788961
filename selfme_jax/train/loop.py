"""Train every run of a stage: chunk by chunk, resumable, never silent.

In a pod all processes do the same; process 0 alone writes.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from etils import epath

from selfme_jax.train import (
    checkpoint,
    compiled,
    draws,
    interruption,
    memory,
    parallel,
    preemption,
    schedule,
    step,
)
from selfme_jax.train import stream as feeding
from selfme_jax.train.compiled import Programs
from selfme_jax.train.draws import DrawnOutsideError
from selfme_jax.train.log import Log, Progress
from selfme_jax.train.preemption import PreemptedError
from selfme_jax.train.schedule import Chunk, Waves
from selfme_jax.train.state import Run, Task, TrainState
from selfme_jax.train.stream import Stream
from selfme_jax.workdir import Workdir


class NonFiniteError(Exception):
    """A loss became NaN or infinite; the message names run and step (exit 3)."""


class Stage(NamedTuple):
    """Where and how a stage is run; none of it changes a result.

    name: of the stage, its checkpoints and its metrics.
    workdir: holds the checkpoints, in <chunk>/<step>.
    log: metrics and TensorBoard events.
    runs_per_device: runs trained together for each device, a chunk; 0 = all of them.
    at_once: how many of them each device takes at once; 0 = all, on CPU one.
    log_every: steps between lines and writes of metrics (every step has its row).
    save_seconds: least time between checkpoints within a chunk.
    one_by_one: whether on CPU a chunk is a single run: side by side convolutions become
      grouped ones, far slower there.
    depends: what its checkpoints depend on besides runs and steps, JSON-able (part of
      the config, digests of samples, weights, inputs); where training goes on from
      one that was made from something else, it is refused.
    """

    name: str
    workdir: Workdir
    log: Log
    runs_per_device: int = 0
    at_once: int = 0
    log_every: int = 10
    save_seconds: float = 30.0
    one_by_one: bool = False
    depends: Mapping[str, Any] | None = None


class _Engine(NamedTuple):
    """What all chunks of a stage share. shapes: of one run's state, traced once."""

    task: Task
    shapes: TrainState
    data: Any
    stage: Stage
    waves: Waves
    programs: Programs
    progress: Progress


def fit(
    task: Task,
    runs: Run,
    data: Any,
    finish: Callable,
    stage: Stage,
    names: list[str],
    *,
    kept: Callable[[Any], epath.Path] | None = None,
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
      Host arrays [runs, ...] of what ``finish`` returns, in all processes.

    Raises:
      NonFiniteError: a loss was not finite; names the run and the step.
      PreemptedError: SIGTERM; where we are is saved.
      KeyboardInterrupt: ctrl-C; likewise.
      UserError: nothing to draw, too little memory by far, or checkpoints that are
        damaged or were made from something else.
      DrawnOutsideError: a held-out sample was drawn; nothing of that step is saved.
    """
    draws.check(runs, names)
    waves = schedule.waves(len(names), together(stage), stage.at_once)
    folder = stage.workdir.checkpoints(stage.name)
    begun = parallel.lead(lambda: schedule.read(folder))
    parts = schedule.split(runs, names, begun, waves.chunk)
    print(
        f"{stage.name}: {len(names)} runs x {task.steps} steps in {len(parts)} "
        f"chunk(s) of {len(parts[0].names)}; compiling ...",
        flush=True,
    )
    first = jax.tree.map(lambda x: x[0], runs)
    shapes = jax.eval_shape(partial(step.init, task), first)
    held, at_once = waves.load
    memory.check(task, first, shapes, data, runs=held, at_once=at_once)
    stage.log.start()
    if not isinstance(data, Stream):
        data = waves.axis.share(data)
    task = waves.axis.task(task)
    made = compiled.build(task, waves.axis, finish)
    progress = Progress(stage.name, len(parts) * task.steps)
    engine = _Engine(task, shapes, data, stage, waves, made, progress)
    outputs = []
    with preemption.held(), interruption.held():
        for chunk in parts:
            if _agree(_asked(), False)[0]:
                raise _stopped(f"{stage.name}: saved after {chunk.number} chunks")
            schedule.begin(folder, parts[: max(chunk.number + 1, len(begun))])
            made_from = schedule.made_from(
                chunk, stage=stage.name, steps=task.steps, depends=stage.depends or {}
            )
            with checkpoint.Checkpoints(
                folder / f"{chunk.number:04d}", made_from
            ) as store:
                variables = _train(engine, chunk, store)
            outputs.append(_finish(engine, chunk, variables, kept))
    return jax.tree.map(lambda *x: np.concatenate(x), *outputs)


def together(stage: Stage) -> int:
    """Runs of a chunk for each device; 0 = all."""
    return 1 if stage.one_by_one and parallel.on_cpu() else stage.runs_per_device


def _train(engine: _Engine, chunk: Chunk, store: checkpoint.Checkpoints) -> Any:
    """Variables [runs of the chunk, ...] after the last step; resumes if it can."""
    task, stage, count = engine.task, engine.stage, len(chunk.names)
    before = chunk.number * task.steps
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((count, *x.shape), x.dtype), engine.shapes
    )
    latest = (store.latest() or 0) if parallel.leads() else 0
    done = int(parallel.everywhere(np.array(latest))[0])
    if done == task.steps:
        engine.progress(before + done, f"chunk {chunk.number + 1}: kept", kept=True)
        template = jax.eval_shape(partial(step.variables, task), shapes)
        return store.restore(done, template)
    runs = engine.waves.deal(chunk.runs)
    if done:
        states = engine.waves.deal(TrainState(*store.restore(done, shapes)))
        print(f"{stage.name}: resumed at step {done} of {task.steps}", flush=True)
    else:
        states = _start(engine, runs, count)
    if interruption.asked():  # before the longest compilation
        raise KeyboardInterrupt
    if parallel.leads():
        stage.log.rewind(stage.name, chunk.number, done)
    saved = time.monotonic()
    feed = feeding.feed(engine.data, engine.waves.axis, done, task.steps)
    while done < task.steps:
        block = min(stage.log_every - done % stage.log_every, task.steps - done)
        rows = _steps(engine, runs, states, itertools.islice(feed, block))
        done += _tell(engine, chunk, done, engine.waves.metrics(rows, count))
        due = time.monotonic() - saved > stage.save_seconds
        stop, due = _agree(_asked(), due)
        if done < task.steps and (stop or due):
            stage.log.flush()
            store.save(done, engine.waves.collect(states, count))
            saved = time.monotonic()
        if done < task.steps and stop:
            raise _stopped(f"{stage.name}: saved at step {done} of {task.steps}")
    # Chosen on the devices: moments of the optimizer are not fetched.
    variables = [step.variables(task, state) for state in states]
    variables = engine.waves.collect(variables, count)
    stage.log.flush()
    store.save(done, variables)
    return variables


def _start(engine: _Engine, runs: list[Any], count: int) -> list[Any]:
    """States before the first step, in waves."""
    task = engine.task
    states = [engine.programs.init(wave) for wave in runs]
    if task.start is None:
        return states
    return engine.waves.deal(step.restart(task, engine.waves.collect(states, count)))


def _steps(engine, runs, states, feed) -> list[list[dict]]:
    """Take steps, in place of ``states``; metrics of each step and wave.

    A single process leaves off where it is asked to stop; a pod has to agree first.
    """
    rows: list[list[dict]] = []
    for batch in feed:
        rows.append([])
        for i, wave in enumerate(runs):
            states[i], metrics = engine.programs.update(states[i], wave, batch)
            rows[-1].append(metrics)
        if parallel.alone() and _asked():
            break
    return rows


def _tell(engine: _Engine, chunk: Chunk, done: int, rows: dict[str, np.ndarray]) -> int:
    """Check and log metrics [runs, steps] of the steps after ``done``: how many."""
    _inside(rows.pop("outside"), done, chunk)
    _check(rows["loss"], done, chunk)
    task, stage = engine.task, engine.stage
    means = {k: v.mean(0) for k, v in rows.items()}
    if parallel.leads():
        stage.log.metrics(stage.name, chunk.number, done + 1, means)
    count = len(means["loss"])
    loss = means["loss"].mean()
    engine.progress(
        chunk.number * task.steps + done + count,
        f"{chunk.label}  step {done + count}/{task.steps}  loss {loss:.4f}",
    )
    return count


def _asked() -> bool:
    """Whether to stop where nothing is lost."""
    return preemption.asked() or interruption.asked()


def _stopped(text: str) -> BaseException:
    """What to raise where we stopped as we were asked to."""
    if interruption.asked():
        return KeyboardInterrupt()
    return PreemptedError(text, agreed=True)


def _agree(stop: bool, due: bool) -> tuple[bool, bool]:
    """Stop where any process is asked to; save by the clock of the first one."""
    flags = parallel.everywhere(np.array([stop, due]))
    return bool(flags[:, 0].any()), bool(flags[0, 1])


def _finish(engine: _Engine, chunk: Chunk, variables: Any, kept) -> Any:
    """What ``finish`` gives for the runs of a chunk, computed or kept."""
    paths = []
    if kept:
        paths = [
            kept(jax.tree.map(lambda x, i=i: x[i], variables))
            for i in range(len(chunk.names))
        ]
        found = [a for a in map(checkpoint.kept, paths) if a is not None]
        there = len(found) == len(paths)
        if parallel.everywhere(np.array(there)).all():
            return np.stack(found)
    shared = () if isinstance(engine.data, Stream) else engine.data
    waves = zip(
        engine.waves.deal(variables), engine.waves.deal(chunk.runs), strict=True
    )
    made = [engine.programs.finish(*wave, shared) for wave in waves]
    outputs = engine.waves.collect(made, len(chunk.names))
    for path, array in zip(paths, outputs if kept else (), strict=True):
        checkpoint.keep(path, array)
    return outputs


def _inside(counts: np.ndarray, done: int, chunk: Chunk) -> None:
    """counts: [runs, steps] of samples drawn from outside the training side."""
    if counts.any():
        first, run = np.argwhere(counts.T)[0]
        raise DrawnOutsideError(
            f"step {done + first + 1} of {chunk.names[run]} drew {counts[run, first]} "
            "sample(s) that it holds out: nothing of this run may be used. Please "
            "report it with config.json."
        )


def _check(losses: np.ndarray, done: int, chunk: Chunk) -> None:
    """losses: [runs, steps] of the steps after ``done``."""
    broken = np.argwhere(~np.isfinite(losses.T))
    if len(broken):
        first, run = broken[0]
        raise NonFiniteError(
            f"loss is not finite at step {done + first + 1} of {chunk.names[run]}. "
            "Lower the learning rate or look at that fold's inputs."
        )
