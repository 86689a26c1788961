"""The compiled programs of a stage, over the devices."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from selfme_jax.train import step
from selfme_jax.train.parallel import Axis
from selfme_jax.train.state import Task


class Programs(NamedTuple):
    """init: draws the states. update: a step. finish: what is made of the trained."""

    init: Callable
    update: Callable
    finish: Callable


def build(task: Task, axis: Axis, finish: Callable) -> Programs:
    """Those of a task over an axis of parallel.py; compiled when they are called.

    Args:
      finish: pure function of one trained run (train/loop.py).
    """
    return Programs(
        axis.map(partial(step.init, task), hasty=True),
        # A step a call, not a loop within the program: XLA runs convolutions inside
        # a loop several times slower on CPU, and a call costs far less than a step.
        axis.map(partial(step.update, task), shared=1, donate=True),
        axis.map(finish, shared=1),
    )
