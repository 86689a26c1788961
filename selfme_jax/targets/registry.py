"""The targets by their names."""

from collections.abc import Mapping, Sequence
from typing import Any

from selfme_jax.evaluate import predictions
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.targets.base import Target
from selfme_jax.targets.classes import Classes
from selfme_jax.types import Predictions, UserError

NAMES = ("classes", "action_units")


def build(name: str, classes: Sequence[str], options: Mapping[str, Any]) -> Target:
    """The target of a run.

    Args:
        name: one of NAMES.
        classes: of the dataset.
        options: of action units: ``units``, their numbers.

    Raises:
        UserError: an unknown name, or units that are none.
    """
    if name == "classes":
        return Classes(tuple(classes))
    if name == "action_units":
        return ActionUnits(_units(options["units"]))
    raise UserError(f"unknown config.target {name!r}. Known: {', '.join(NAMES)}.")


def restored(name: str, outputs: Sequence[str]) -> Target:
    """The target whose ``outputs`` these are (of an exported model).

    Raises:
        UserError: an unknown name.
    """
    if name == "classes":
        return Classes(tuple(outputs))
    return build(name, (), {"units": tuple(int(o.removeprefix("au")) for o in outputs)})


def of(rows: Predictions) -> Target:
    """The target that prediction rows are of."""
    if rows.several:
        return ActionUnits(tuple(int(predictions.number(n)) for n in rows.classes))
    return Classes(rows.classes)


def _units(given: Sequence[int]) -> tuple[int, ...]:
    found = tuple(given)
    names = [f"{predictions.UNIT}{unit}" for unit in found]
    if not found or len(set(found)) < len(found) or not predictions.of_units(names):
        raise UserError(
            f"config.action_units.units={found}: give numbers of FACS from 1 to 99, "
            "each once, such as (1, 2, 4, 12)."
        )
    return found
