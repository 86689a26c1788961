"""The first stage of a run from its config: what reads clips before a classifier does.

A further reader of ConfigDict, by the means of build.py.
"""

from ml_collections import ConfigDict

from selfme_jax import settings
from selfme_jax.baselines import tcae_losses
from selfme_jax.baselines.tcae import TCAE
from selfme_jax.build import fitting, recipe, trace
from selfme_jax.methods import pretrained, selfme, tcae
from selfme_jax.methods.apex_frames import ApexFrames
from selfme_jax.methods.descriptors import LBPTop
from selfme_jax.methods.optical_flow import OpticalFlow
from selfme_jax.methods.selfme import MotionLearning
from selfme_jax.methods.tcae import TCAELearning
from selfme_jax.motion import perceptual
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective
from selfme_jax.types import ClipDataset

FirstStage = MotionLearning | TCAELearning | OpticalFlow | ApexFrames | LBPTop


def build(config: ConfigDict, data: ClipDataset) -> FirstStage:
    """What ``config.input`` names, tried on the shape of the clips.

    Raises:
      UserError: settings that do not fit the frames, a perceptual loss without
        weights, or a pretrained network that is not there or does not fit.
    """
    if config.input == "tvl1":
        return OpticalFlow(config.flow.size)
    if config.input == "apex":
        return ApexFrames()
    if config.input == "lbp_top":
        return LBPTop(**config.lbp_top.model)
    shape = data.clip(0).frames.shape[1:]
    if config.input in ("tcae", "tcae_features"):
        return _tcae(config, shape)
    return motion_learning(config, shape)


def motion_learning(config: ConfigDict, shape: tuple[int, ...]) -> MotionLearning:
    """SelfME's motion stage for frames of ``shape`` [h, w, 3], tried on it."""
    with fitting("config.motion", shape):
        made = _motion(config)
        template = trace(made.task((1, 1, *shape)))
    if not config.motion.init:
        return made
    options = config.motion.network.to_dict()
    found = pretrained.load(config.motion.init, options, template)
    return made._replace(start=found.variables)


def depends_on(config: ConfigDict) -> dict:
    """The part of a config that what the first stage gives depends on."""
    whole = settings.decisive(config)
    scope = {"scope": config.motion.scope}
    learning = whole["tcae"]["learning"] | scope
    own = {
        "learned": {"motion": whole["motion"]},
        "tcae": {"tcae": learning},
        "tcae_features": {"tcae": learning},
        "lbp_top": {"lbp_top": whole["lbp_top"]["model"]},
    }
    return {
        **{key: whole[key] for key in ("input", "data", "synthetic", "first_seed")},
        **own.get(config.input, {}),
        "flow": {"size": config.flow.size},
        "protocol": {"split": config.protocol.split},
    }


def _motion(config: ConfigDict) -> MotionLearning:
    options = config.motion.to_dict()
    weights = options["loss"].pop("vgg")
    objective = Objective(**options["loss"])
    return MotionLearning(
        MotionNetwork(**options["network"]),
        objective,
        recipe(selfme.Recipe, options["train"]),
        config.flow.size,
        config.motion.scope,
        vgg=perceptual.load(weights) if objective.perceptual else (),
    )


def _tcae(config: ConfigDict, shape: tuple[int, ...]) -> TCAELearning:
    options = config.tcae.learning.to_dict()
    with fitting("config.tcae.learning", shape):
        made = TCAELearning(
            TCAE(**options["network"]),
            tcae_losses.Weights(**options["loss"]),
            recipe(tcae.Recipe, options["train"]),
            "motion" if config.input == "tcae" else "features",
            config.flow.size,
            config.motion.scope,
        )
        trace(made.task((1, 1, *shape)))
    return made
