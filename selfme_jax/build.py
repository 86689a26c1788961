"""What reads ConfigDict, with first_stages.py: sub-configs become arguments.

They are splatted, so that a typo is an error and no key is read twice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from selfme_jax import files
from selfme_jax.baselines import ststnet
from selfme_jax.baselines.tcae import FEATURES
from selfme_jax.data import registry as datasets
from selfme_jax.data.pairs import MemoryFrames, Pairs
from selfme_jax.data.videos import prepared as video
from selfme_jax.methods import deep, imagenet, inputs, registry
from selfme_jax.methods.method import Method
from selfme_jax.ops import augment
from selfme_jax.train import optimizer
from selfme_jax.train.log import Teller
from selfme_jax.train.state import Task
from selfme_jax.types import ClipDataset, Dataset, FlowDataset, UserError

# Keys of config.data that a dataset has, other than the official ones.
_DATA_KEYS = {
    "flow_images": ("root", "datasets", "allow_partial"),
    "synthetic": (),
}
_OFFICIAL_KEYS = ("root", "source", "classes", "allow_partial", "max_frames")


def dataset(config: ConfigDict) -> Dataset:
    """The samples that ``config.data`` names."""
    name = config.data.name
    keys = _DATA_KEYS.get(name, _OFFICIAL_KEYS)
    options = {key: config.data[key] for key in keys}
    if name == "video":
        raise UserError(
            "videos have no labels to recognise. Set --config.task=pretraining, or "
            "another --config.data.name."
        )
    if "root" in options:
        options["root"] = files.local(options["root"])
    if name == "synthetic":
        options = config.synthetic.to_dict()
    elif name not in _DATA_KEYS:
        options["tell"] = Teller()  # it may have to be prepared first
    data = datasets.load(name, options)
    wanted = FlowDataset if config.input == "images" else ClipDataset
    if not isinstance(data, wanted):
        raise UserError(
            f"config.input={config.input} does not go with the dataset {name}; set "
            f"--config.input={'learned' if config.input == 'images' else 'images'}."
        )
    return data


def pairs(config: ConfigDict) -> Pairs:
    """The frame pairs that a pretraining run learns from.

    Raises:
      UserError: no such data, no frames in them, or too short clips.
    """
    if config.input == "images":
        raise UserError(
            "flow images hold no frames to learn motion from. Set "
            "--config.data.name=video or synthetic, and --config.input=learned."
        )
    if config.data.name == "video":
        frames = video.load(files.local(config.data.root))
    else:
        frames = MemoryFrames.from_clips(dataset(config))
    options = config.pretraining.to_dict()
    del options["gaps"]
    size = config.motion.train.batch_size
    return Pairs(frames=frames, batch_size=size, seed=config.first_seed, **options)


def seeds(config: ConfigDict) -> tuple[int, ...]:
    """The seeds of a run."""
    return tuple(range(config.first_seed, config.first_seed + config.seeds))


def prepare(config: ConfigDict) -> Callable:
    """What a classifier reads of what the first stage gives."""
    return inputs.reader(config.input, config.flow.to_dict())


def floor_input(config: ConfigDict, *, standardise: bool = False) -> Callable:
    """What the linear floor reads: the same flow, centred alike, nothing tuned.

    Of apex frames small copies. standardise: divide each image by its deviation.
    """
    if config.input == "apex":
        return partial(inputs.small, size=config.flow.size)
    plain = {"standardise": standardise, "scale": 1.0, "gamma": 1.0, "channels": "uvs"}
    return inputs.reader(config.input, config.flow.to_dict() | plain)


def method(config: ConfigDict, data: Dataset) -> Method:
    """The classifier ``config.method`` names, tried on the shape of its input.

    Raises:
      UserError: weights that cannot be read, or settings that do not fit the input.
    """
    shape = (config.flow.size, config.flow.size, 3)
    if isinstance(data, FlowDataset):
        shape = data.images.shape[1:]
    elif config.input == "apex":
        shape = data.clip(0).frames.shape[1:]
    elif config.input == "tcae_features":
        shape = (1, 1, 2 * FEATURES // config.tcae.learning.network.shrink)
    with fitting(f"config.{config.method}", shape):
        made = _method(config, len(data.classes))
        oracle = config.protocol.epochs == "oracle_epoch"
        if oracle and not isinstance(made, deep.Deep):
            raise UserError(
                f"{config.method} is not trained in epochs here; set "
                "--config.protocol.epochs=fixed."
            )
        if isinstance(made, deep.Deep):
            if config.input == "apex":
                made = made._replace(mirror=augment.mirror_image)
            made = made._replace(oracle=oracle)
            read = made.prepare(np.zeros((1, 1, *shape), np.float32))
            trace(made.task(read.shape, len(data.samples)))
    return made


def _method(config: ConfigDict, classes: int) -> Method:
    options = config[config.method].to_dict()
    if config.method in registry.CLASSIC:
        create = registry.CLASSIC[config.method]
        # Not ``prepare``: scaling u and v apart would turn directions.
        return create(floor_input(config), options["model"], options["svm"])
    tuned = recipe(deep.Recipe, options["train"])
    if config.method == "ststnet" and config.ststnet.weights:
        weights = ststnet.read_weights(files.local(config.ststnet.weights))
        return registry.published(classes, weights, options["model"])
    create = registry.METHODS[config.method]
    made = create(classes, prepare(config), options["model"], options["loss"], tuned)
    weights = options.get("weights")
    if not weights:
        return made
    return imagenet.begin(made, config.method, weights, frames=config.input == "apex")


def recipe(kind: type, options: dict) -> NamedTuple:
    """A recipe of ``kind``; the keys of the optimizer become its optimizer."""
    keys = ("learning_rate", "warmup", "decay", "weight_decay", "clip")
    tune = {key: options.pop(key) for key in keys}
    return kind(**options, optimizer=lambda steps: optimizer.adamw(steps, **tune))


@contextmanager
def fitting(key: str, shape: tuple[int, ...]) -> Iterator[None]:
    """What a part says of sizes and names it cannot take, as a user's error."""
    try:
        yield
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        size = "x".join(map(str, shape))
        raise UserError(
            f"{key} does not work on input of {size}: {reason}.\nChange {key}."
        ) from error


def trace(task: Task) -> dict:
    """Shapes of the variables; nothing is computed or compiled."""
    return jax.eval_shape(lambda: task.init(jax.random.key(0)))
