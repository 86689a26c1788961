"""The targets by their names."""

from collections.abc import Mapping, Sequence
from typing import Any

from selfme_jax.targets.base import Target
from selfme_jax.targets.classes import Classes
from selfme_jax.types import UserError

NAMES = ("classes", "action_units")


def build(name: str, classes: Sequence[str], options: Mapping[str, Any]) -> Target:
    """The target of a run.

    Args:
        name: one of NAMES.
        classes: of the dataset.
        options: of action units: ``units``, their numbers.

    Raises:
        UserError: an unknown name.
    """
    if name == "classes":
        return Classes(tuple(classes))
    raise UserError(f"unknown config.target {name!r}. Known: {', '.join(NAMES)}.")


def restored(name: str, outputs: Sequence[str]) -> Target:
    """The target whose ``outputs`` these are (of an exported model).

    Raises:
        UserError: an unknown name.
    """
    if name == "classes":
        return Classes(tuple(outputs))
    return build(name, (), {"units": tuple(int(o.removeprefix("au")) for o in outputs)})
