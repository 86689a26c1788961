"""SelfME's motion as an Input."""

from collections.abc import Mapping
from typing import Any

from selfme_jax.inputs import base
from selfme_jax.inputs.base import FlowInput
from selfme_jax.inputs.motion_learning import MotionLearning, MotionRecipe
from selfme_jax.motion import perceptual
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective


class Learned(FlowInput):
    """Dense motion of onset to apex, learned by reconstruction."""

    name = "learned"
    words = "learned motion"
    keys = ("motion",)
    of_clips = learns = starts = True
    arguments = ("onset", "apex")

    def stage(
        self, settings: Mapping, frame: tuple[int, ...], start: Any = None
    ) -> MotionLearning:
        """By config.motion, from ``start`` where it is given.

        Raises:
          UserError: a network that does not fit the frames, or a perceptual loss
            without weights.
        """
        with base.fitting("config.motion", frame):
            made = _build(settings)
            base.trace(made.task((1, 1, *frame)))
        return made._replace(start=start)


def _build(settings: Mapping) -> MotionLearning:
    options = settings["motion"]
    terms = {key: value for key, value in options["loss"].items() if key != "vgg"}
    objective = Objective(**terms)
    weights = options["loss"]["vgg"]
    return MotionLearning(
        MotionNetwork(**options["network"]),
        objective,
        base.recipe(MotionRecipe, options["train"]),
        settings["flow"]["size"],
        options["scope"],
        vgg=perceptual.load(weights) if objective.perceptual else (),
    )
