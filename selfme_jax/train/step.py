"""One training step of one run: pure functions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from selfme_jax.train import draws
from selfme_jax.train.state import Run, Task, TrainState, Watch
from selfme_jax.types import Array

# Streams of randomness within a run; a step's own key is folded from these.
_INIT, _BATCH, _LOSS = range(3)


def _key(run: Run, stream: int, step: Array | int) -> jax.Array:
    key = jax.random.fold_in(jax.random.key(run.seed), run.fold)
    return jax.random.fold_in(jax.random.fold_in(key, stream), step)


def init(task: Task, run: Run) -> TrainState:
    """State of ``run`` before its first step."""
    variables = dict(task.init(_key(run, _INIT, 0)))
    params = variables.pop("params")
    if task.watch:
        rows = -(-task.steps // task.watch.epoch)
        variables["seen"] = jnp.zeros((rows, *task.watch.shape))
    average = jax.tree.map(jnp.copy, params) if task.ema else {}
    step = jnp.zeros((), jnp.int32)
    return TrainState(step, params, variables, task.optimizer.init(params), average)


def restart(task: Task, state: TrainState) -> TrainState:
    """Host state of many runs before their first step, but at ``task.start``.

    Not a part of ``init``: parameters closed over would be constants of its program.
    """
    variables = {"params": state.params, **state.model_state}
    flat = traverse_util.flatten_dict(variables, keep_empty_nodes=True)
    for path, value in traverse_util.flatten_dict(task.start).items():
        flat[path] = np.broadcast_to(value, flat[path].shape)
    model_state = traverse_util.unflatten_dict(flat)
    params = model_state.pop("params")
    return state._replace(
        params=params, model_state=model_state, average=params if task.ema else {}
    )


def update(
    task: Task, state: TrainState, run: Run, data: object
) -> tuple[TrainState, dict[str, jax.Array]]:
    """One step: draw a batch, differentiate, update, average.

    Of the metrics ``outside`` is how many samples were drawn that weigh nothing.
    """
    with draws.recorded() as drawn:
        batch = task.batch(_key(run, _BATCH, state.step), data, run)
    model_state = dict(state.model_state)
    seen = model_state.pop("seen", None)

    def loss(params):
        variables = {"params": params, **model_state}
        return task.loss(variables, _key(run, _LOSS, state.step), batch, state.step)

    grad = jax.value_and_grad(loss, has_aux=True)
    (value, (model_state, metrics)), grads = grad(state.params)
    updates, opt_state = task.optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    average = state.average
    if task.ema:
        # The early average follows fast (decay (1 + t) / (10 + t)), so that it
        # forgets the initial values whatever the number of steps.
        t = state.step.astype(jnp.float32)
        decay = jnp.minimum(task.ema, (1 + t) / (10 + t))
        average = optax.incremental_update(params, average, 1 - decay)
    metrics = {"loss": value, **metrics, "gradient_norm": optax.tree.norm(grads)}
    metrics["outside"] = draws.outside(run.weights, drawn)
    state = TrainState(state.step + 1, params, model_state, opt_state, average)
    if task.watch:
        seen = _look(task, task.watch, state, seen, run, data)
        state = state._replace(model_state={**model_state, "seen": seen})
    return state, metrics


def _look(
    task: Task,
    watch: Watch,
    state: TrainState,
    seen: jax.Array,
    run: Run,
    data: object,
) -> jax.Array:
    """``seen`` with what is watched, where an epoch ends with this step."""
    ends = (state.step % watch.epoch == 0) | (state.step == task.steps)
    row = (state.step - 1) // watch.epoch

    def look(seen):
        return seen.at[row].set(watch.read(variables(task, state), run, data))

    return jax.lax.cond(ends, look, lambda seen: seen, seen)


def variables(task: Task, state: TrainState) -> dict:
    """What is evaluated: the averaged parameters and the model state."""
    params = state.average if task.ema else state.params
    return {"params": params, **state.model_state}
