"""The compiled programs of a stage, over the devices."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from selfme_jax.train import parallel, step
from selfme_jax.train.state import Task


class Programs(NamedTuple):
    """init: draws the states. update: a step. finish: what is made of the trained."""

    init: Callable
    update: Callable
    finish: Callable


def build(task: Task, axis: Any, finish: Callable) -> Programs:
    """Those of a task over an axis of parallel.py; compiled when they are called.

    Args:
      finish: pure function of one trained run (train/loop.py).
    """
    return Programs(
        hasty(axis.map(partial(step.init, task))),
        # A step a call, not a loop within the program: XLA runs convolutions inside
        # a loop several times slower on CPU, and a call costs far less than a step.
        axis.map(partial(step.update, task), shared=1, donate=True),
        axis.map(finish, shared=1),
    )


def hasty(mapped: Callable) -> Callable:
    """What an axis mapped, compiled fast, not to be fast; for one shape.

    XLA on CPU optimises for half a minute how the weights of a big network are drawn,
    which then takes milliseconds.
    """
    if not parallel.on_cpu():
        return mapped

    made: list[Callable] = []

    def call(*args):
        if not made:
            made.append(mapped.lower(*args).compile(_HASTY))
        return made[0](*args)

    return call


# At level 0 values differ in the last bit, which Adam makes visible; at 1 they do not.
_HASTY = {"xla_backend_optimization_level": 1}
