"""The parts of a run, of its plan: data, target, first stage and method."""

from collections.abc import Callable
from contextlib import suppress
from typing import cast

import numpy as np

from selfme_jax import files
from selfme_jax.data import people
from selfme_jax.data import registry as datasets
from selfme_jax.data.key_frames import Off
from selfme_jax.data.pairs import Frames, MemoryFrames, Pairs
from selfme_jax.data.videos import prepared as video
from selfme_jax.inputs import base as inputs
from selfme_jax.inputs.base import FirstStage
from selfme_jax.inputs.motion_learning import MotionLearning
from selfme_jax.run import pretrained
from selfme_jax.run.plan import Plan
from selfme_jax.systems import deep, imagenet, started
from selfme_jax.systems.base import Method
from selfme_jax.systems.deep import Deep
from selfme_jax.targets import registry as targets
from selfme_jax.targets.base import Target
from selfme_jax.train.log import Teller
from selfme_jax.types import ClipDataset, Dataset, FlowDataset, UserError, frames_of
from selfme_jax.workdir import Workdir

# Keys of config.data that a dataset has, other than the official ones.
_DATA_KEYS = {
    "flow_images": ("root", "datasets", "allow_partial"),
    "synthetic": (),
}
_OFFICIAL_KEYS = (
    *("root", "source", "classes", "allow_partial", "max_frames", "key_frames_off"),
)


def dataset(plan: Plan) -> Dataset:
    """The samples that config.data names.

    Raises:
      UserError: no such data, people in it that look like one, or not of the kind
        that the input reads.
    """
    name = plan.data
    keys = _DATA_KEYS.get(name, _OFFICIAL_KEYS)
    options = {key: plan.settings["data"][key] for key in keys}
    if name == "video":
        raise UserError(
            "videos have no labels to recognise. Set --config.task=pretraining, or "
            "another --config.data.name."
        )
    if "root" in options:
        options["root"] = files.local(options["root"])
    if name == "synthetic":
        options = dict(plan.settings["synthetic"])
    elif name not in _DATA_KEYS:
        options["tell"] = Teller()  # it may have to be prepared first
        if side := plan.motion["frame_size"]:
            options["size"] = side
    data = datasets.load(name, options)
    people.check(data.samples, allow=plan.settings["data"]["allow_doubles"])
    wanted = ClipDataset if plan.input.of_clips else FlowDataset
    if not isinstance(data, wanted):
        other = "images" if plan.input.of_clips else "learned"
        raise UserError(
            f"config.input={plan.input.name} does not go with the dataset {name}; set "
            f"--config.input={other}."
        )
    off = plan.settings["data"]["key_frames_off"]
    if not off:
        return data
    if not isinstance(data, ClipDataset):
        raise UserError(
            "flow images hold no other frames than onset and apex. Set "
            "--config.data.key_frames_off=0."
        )
    return Off(data, off) if name in _DATA_KEYS else data


def pairs(plan: Plan) -> Pairs:
    """The frame pairs that a pretraining run learns from.

    Raises:
      UserError: no such data, no frames in them, or too short clips.
    """
    if not plan.input.of_clips:
        plan.input.stage(plan.settings, (0, 0, 3))  # says why there is none
    frames: Frames
    if plan.data == "video":
        frames = video.load(files.local(plan.settings["data"]["root"]))
    else:
        frames = MemoryFrames.from_clips(frames_of(dataset(plan)))
    options = {k: v for k, v in plan.settings["pretraining"].items() if k != "gaps"}
    size = plan.motion["train"]["batch_size"]
    first = plan.settings["first_seed"]
    return Pairs(frames=frames, batch_size=size, seed=first, **options)


def target(plan: Plan, data: Dataset) -> Target:
    """What is predicted."""
    options = plan.settings["action_units"]
    return targets.build(plan.target, data.classes, options)


def first_stage(
    plan: Plan, frame: tuple[int, ...], run: Workdir | None = None
) -> FirstStage:
    """What reads clips of frames of shape ``frame`` [h, w, 3], tried on it.

    Args:
      run: workdir, which may hold a copy of the network that is started from.

    Raises:
      UserError: settings that do not fit the frames, a perceptual loss without
        weights, or a pretrained network that is not there or does not fit.
    """
    wanted = plan.motion["frame_size"]
    if plan.input.starts and wanted and frame[:2] != (wanted, wanted):
        height, width = frame[:2]
        raise UserError(
            f"the frames are {width}x{height}; this config is for {wanted}x{wanted}. "
            f"Prepare them with --size={wanted}, take the config for frames of that "
            "size,\nor go on with them as they are: --config.motion.frame_size=0."
        )
    made = plan.input.stage(plan.settings, frame)
    if not (plan.init and plan.input.starts):
        return made
    assert isinstance(made, MotionLearning)
    template = inputs.trace(made.task((1, 1, *frame)))
    source = pretrained.source(plan.init)
    if run is not None:
        source = pretrained.found(plan.init, run)
    found = pretrained.load(source, plan.motion["network"], template)
    return made._replace(start=found.variables)


def prepare(plan: Plan) -> Callable:
    """What the classifier does to what the Input gives, before it reads it."""
    if plan.system.plain:
        return plan.input.floor(plan.flow)
    return plan.input.reader(plan.flow)


def method(plan: Plan, data: Dataset) -> Method:
    """The classifier that config.method names, tried on the shape of its input.

    Raises:
      UserError: weights that cannot be read, or settings that do not fit the input.
    """
    shape = plan.input.shape(plan.settings, data)
    with inputs.fitting(f"config.{plan.system.name}", shape):
        made = _method(plan, target(plan, data))
        oracle = plan.protocol.epochs == "oracle_epoch"
        if oracle and not isinstance(made, Deep):
            raise UserError(
                f"{plan.system.name} is not trained in epochs here; set "
                "--config.protocol.epochs=fixed."
            )
        if isinstance(made, Deep):
            made = made._replace(mirror=plan.input.mirror, oracle=oracle)
            read = made.prepare(np.zeros((1, 1, *shape), np.float32))
            inputs.trace(made.task(read.shape, len(data.samples)))
    return made


def _method(plan: Plan, predicted: Target) -> Method:
    system, own = plan.system, plan.own
    tuned = None
    with suppress(KeyError):  # an SVM has no recipe
        tuned = inputs.recipe(deep.Recipe, own["train"])
    if plan.settings["start"]:
        return started.create(system.name, predicted, **plan.settings["started"])
    made = system.create(predicted, prepare(plan), own, tuned)
    if not (system.photographs and own["weights"]):
        return made
    frames = not plan.input.is_flow
    return imagenet.begin(
        cast(Deep, made), system.photographs, own["weights"], frames=frames
    )
