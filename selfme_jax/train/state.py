"""What the engine trains: a task, many runs of it, and their state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import optax

from selfme_jax.types import Array


class Run(NamedTuple):
    """One training run; arrays of many runs get a leading run axis.

    seed, fold: [] int32; with the step they are all that randomness depends on.
    source: [] int32, which copy of the data the run reads (folds whose inputs
      differ, such as flow from a motion network per fold; 0 where all share one).
    weights: [n] float32, sampling weight of every sample; 0 for all held-out ones.
    test: [t] int32, the held-out samples, padded to the largest fold.
    shares: [k] float32, what the loss is told of the training side (targets/).
    """

    seed: Array
    fold: Array
    source: Array
    weights: Array
    test: Array
    shares: Array | tuple[()] = ()


class TrainState(NamedTuple):
    """Everything that changes while training; a checkpoint is exactly this.

    step: [] int32, updates done. params, model_state (batch statistics),
    opt_state: pytrees. average: exponential moving average of params, what is
    evaluated (the params themselves where the task averages nothing).
    """

    step: Array
    params: Any
    model_state: Any
    opt_state: Any
    average: Any


class Watch(NamedTuple):
    """What a task looks at while it trains.

    read: (variables, run, data) -> array of ``shape``, at the end of each epoch; a
      trained run has them as variables['seen'], [epochs, *shape].
    epoch: steps of one; a last, shorter epoch counts as well.
    """

    read: Callable
    shape: tuple[int, ...]
    epoch: int


class Task(NamedTuple):
    """Pure functions of one run; the engine maps them over runs and devices.

    init: key -> variables {'params': ..., and any other collections}.
    batch: (key, data, run) -> batch; draws samples by run.weights and augments.
    loss: (variables, key, batch, step) -> (scalar, (model_state, metrics dict)).
    optimizer: one optax transformation, schedule included.
    steps: updates per run.
    ema: decay of the parameter average in [0, 1); 0 keeps none.
    start: host variables of one run that all runs start from, in place of init's
      random ones; what it leaves out is drawn for each run, as init does. None =
      init's.
    watch: what is looked at in every epoch; None = nothing.
    """

    init: Callable
    batch: Callable
    loss: Callable
    optimizer: optax.GradientTransformation
    steps: int
    ema: float
    start: Any = None
    watch: Watch | None = None
