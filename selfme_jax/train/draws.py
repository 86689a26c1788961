"""Which samples a run draws: never one from outside its training side.

By construction: weights are made by ``weights``, which refuses a fold of which nothing
can be drawn, and ``index`` masks whatever weighs nothing. And by a check: the engine
looks at every index of every step that was drawn (``recorded``, ``outside``), and stops
before anything is saved.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.train.state import Run
from selfme_jax.types import Array, UserError

_RECORD: ContextVar[list | None] = ContextVar("drawn", default=None)
# Of normal float32 numbers: devices flush smaller ones to 0.
_LEAST, _MOST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class DrawnOutsideError(RuntimeError):
    """A run drew a sample that it holds out: nothing of it may be used."""


def weights(
    values: np.ndarray, train: np.ndarray, samples: int, *, name: str
) -> np.ndarray:
    """Sampling weights of all samples of a fold: [samples] float32.

    Args:
      values: [len(train)] of the training samples, in proportion; as they are where
        float32 holds them, else scaled.
      train: [k] int, the training samples; all others weigh 0, which is never drawn.
      name: of the fold, for the message.

    Raises:
      UserError: no training samples, or one that has no weight above 0.
    """
    values = np.asarray(values, np.float64)
    if not len(train):
        raise UserError(
            f"fold {name} leaves nobody to train on.\nGive data of two people or more."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise UserError(
            f"fold {name} has training samples that could never be drawn: their "
            "weights are 0 or no numbers.\nLower train.balance (0 = as the data lie, "
            "1 = all classes alike)."
        )
    if values.min() < _LEAST or values.max() > _MOST:
        values = np.maximum(values / values.max(), _LEAST)
    found = np.zeros(samples, np.float32)
    found[train] = values
    return found


def index(key: jax.Array, weights: Array, size: int) -> jax.Array:
    """Samples drawn with replacement by [n] weights: [size] int32.

    Not from within a jit or vmap of the batch's own: the engine records what is drawn.
    """
    masked = jnp.where(weights > 0, jnp.log(weights), -jnp.inf)
    chosen = jax.random.categorical(key, masked, shape=(size,))
    if (record := _RECORD.get()) is not None:
        record.append(chosen)
    return chosen


@contextmanager
def recorded() -> Iterator[list[jax.Array]]:
    """Within, while a program is traced: what ``index`` draws, in a list."""
    record: list[jax.Array] = []
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


def outside(weights: Array, record: Sequence[jax.Array]) -> jax.Array:
    """How many of the drawn indices weigh nothing, [] int32."""
    counts = [(~(weights[chosen] > 0)).sum() for chosen in record]  # NaN counts
    return sum(counts, jnp.zeros((), jnp.int32))


def check(runs: Run, names: Sequence[str]) -> None:
    """Refuse runs of which nothing can be drawn, or whose held-out samples can be.

    Args:
      runs: host arrays with a leading run axis; of fold -1 nobody is held out. Zeros
        that end ``test`` are padding, but for its first entry.
      names: of the runs.

    Raises:
      UserError: nothing can be drawn.
      DrawnOutsideError: a held-out sample weighs something.
    """
    for name, given, fold, test in zip(
        names, runs.weights, runs.fold, runs.test, strict=True
    ):
        drawable = np.asarray(given) > 0
        if not np.isfinite(given).all() or not drawable.any():
            raise UserError(f"{name}: no training sample can be drawn. Lower balance.")
        held_out = test[: max(1, np.flatnonzero(test).max(initial=-1) + 1)]
        if fold >= 0 and drawable[held_out].any():
            raise DrawnOutsideError(f"{name} could draw samples that it holds out")
