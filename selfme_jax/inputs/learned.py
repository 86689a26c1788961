"""SelfME's motion as an Input."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import jax

from selfme_jax.inputs import base, device_clips
from selfme_jax.inputs.base import FlowInput
from selfme_jax.inputs.motion_learning import MotionLearning, MotionRecipe
from selfme_jax.motion import perceptual
from selfme_jax.motion.network import MotionNetwork, MotionOutput, to_pixels
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

    def network_options(self, settings: Mapping) -> Mapping:
        """Those of the motion network."""
        return settings["motion"]["network"]

    def network(self, options: Mapping) -> MotionNetwork:
        """The motion network."""
        return MotionNetwork(**options)

    def apply(
        self, network: MotionNetwork, variables: Any, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Flow in pixels, and the keypoints of both frames."""
        onset, apex = map(device_clips.to_float, given)
        said = cast(
            MotionOutput, network.apply(variables, onset, apex, reconstruct=False)
        )
        flow = to_pixels(said.motion.flow, onset.shape[1:3])
        told = {
            "flow": flow,
            "onset_keypoints": said.source_keypoints.points,
            "apex_keypoints": said.driving_keypoints.points,
        }
        return jax.vmap(partial(device_clips.shrink, size=size))(flow), told


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
