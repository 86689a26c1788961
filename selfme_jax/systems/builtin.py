"""The built-in model, scored as it is: trained on procedural faces, on nobody."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from selfme_jax import files
from selfme_jax.systems import committee
from selfme_jax.systems.base import Prepare, Problem, System
from selfme_jax.systems.committee import Committee
from selfme_jax.systems.deep import Recipe
from selfme_jax.targets.base import Target
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError


class Untrained(NamedTuple):
    """A committee, or one kind of its networks (``member``), as a method."""

    made: Committee
    member: str
    target: Target

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, outputs] logits; the same for every seed.

        Of classes calibrated; of AUs shifted, so that 0 is where an AU is noted.

        Raises:
          UserError: images of another size.
        """
        scores = self.scores(problem.inputs[0])
        print(f"{stage.name}: {len(scores)} images answered, untrained", flush=True)
        return np.tile(scores, (len(problem.seeds), 1, 1))

    def scores(self, images: np.ndarray) -> np.ndarray:
        """[n, outputs] of images [n, 28, 28, 3]; see ``fit_predict``."""
        if images.shape[1:] != committee.SHAPE:
            raise UserError(
                f"the built-in model reads images of {committee.SHAPE}, not "
                f"{images.shape[1:]}. Make them as published with STSTNet."
            )
        networks = {k: self.made.networks[k] for k in committee.kinds_of(self.member)}
        return self.adjust(committee.predict(networks, images)[self.member])

    def adjust(self, found: Any) -> Any:
        """Logits of the target, of those of a committee [n, classes + units]."""
        given = self.made.decisions[self.member].calibration
        k = len(committee.CLASSES)
        if self.target.name == "classes":
            return found[:, :k] / given.temperature
        at = np.clip(given.thresholds, 1e-6, 1 - 1e-6)
        scores = given.slopes * found[:, k:] + given.offsets - np.log(at / (1 - at))
        units = [f"au{unit}" for unit in committee.UNITS]
        return scores[:, np.array([units.index(x) for x in self.target.outputs])]


def create(
    target: Target, prepare: Prepare | None, settings: Mapping, recipe: Recipe | None
) -> Untrained:
    """The committee that comes with the package, or that of 'weights'.

    Raises:
      UserError: classes or units that it does not know, no such member or file.
    """
    del prepare, recipe
    known: tuple[str, ...] = committee.CLASSES
    if target.name == "action_units":
        known = tuple(f"au{unit}" for unit in committee.UNITS)
    same = target.outputs == known or target.name == "action_units"
    if not same or not set(target.outputs) <= set(known):
        raise UserError(
            f"the built-in model knows {', '.join(known)}; asked for "
            f"{', '.join(target.outputs)}."
        )
    member = settings["member"]
    if member not in (committee.ALL, *committee.KINDS):
        names = ", ".join((committee.ALL, *committee.KINDS))
        raise UserError(f"unknown config.builtin.member {member!r}. Known: {names}.")
    return Untrained(_read(settings["weights"]), member, target)


def _read(path: str) -> Committee:
    if not path:
        return committee.load()[0]
    remedy = "Set --config.builtin.weights=FILE to what --config=builtin made."
    return committee.restore(files.read_bytes(path, remedy), path)


def untrained(settings: Mapping) -> str:
    """Always."""
    del settings
    return "built-in weights, trained on procedural faces alone"


BUILTIN = System(
    "builtin",
    "built-in (trained on nobody)",
    {
        "member": committee.ALL,  # all | linear | vit | scvit
        "weights": "",  # of another making; '' = those of the package
        # How --config=builtin makes it; our choice, by scores on CASME II.
        "making": {
            "seeds": 3,  # networks of each kind, each with fields of its own
            "fields": 40_000,  # procedural flow fields that a network learns from
            "rendered": 2_000,  # pairs of photographs, read as frames are
            "held_out": 4_000,  # others, for calibration and thresholds
            "flat": 0.2,  # of data/synthetic/expressions.mixture
            "sharpness": 3.0,  # of the same
            "steps": 1000,  # updates
            "sure": 0.6,  # least probability of an answer that is not 'not sure'
        },
    },
    create,
    reads="published",
    images=True,
    untrained=untrained,
    shipped=str(committee.WEIGHTS / "builtin.safetensors"),
)
