"""The only reader of ConfigDict: sub-configs become constructor arguments.

They are splatted, so that a typo is an error and no key is read twice.
"""

from collections.abc import Callable
from functools import partial

from ml_collections import ConfigDict

from selfme_jax.baselines import ststnet
from selfme_jax.data import registry as datasets
from selfme_jax.methods import deep, inputs, registry
from selfme_jax.methods.method import Method
from selfme_jax.methods.selfme import MotionLearning, Recipe
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective
from selfme_jax.train import optimizer
from selfme_jax.types import ClipDataset, Dataset, FlowDataset, UserError

INPUTS = ("learned", "images")
# Top-level keys that change no result: a resumed run may change them.
FREE = ("engine",)


def resolve(config: ConfigDict) -> ConfigDict:
    """A copy with what keys imply filled in, checked as far as no data is needed.

    Raises:
      UserError: an unknown name or a value out of range.
    """
    config = config.copy_and_resolve_references()
    if config.ststnet.weights:  # published weights are STSTNet's, scored once
        config.method = "ststnet"
        config.seeds = 1
    _known("method", config.method, registry.NAMES)
    _known("input", config.input, INPUTS)
    for key in ("seeds", "bootstrap"):
        if config[key] < 1:
            raise UserError(f"config.{key} is {config[key]}; it must be at least 1.")
    return config


def dataset(config: ConfigDict) -> Dataset:
    """The samples that ``config.data`` names."""
    options = config.data.to_dict()
    name = options.pop("name")
    data = datasets.load(
        name, config.synthetic.to_dict() if name == "synthetic" else options
    )
    _known("data.name", name, datasets.LOADERS)
    wanted = {"images": FlowDataset, "learned": ClipDataset}[config.input]
    if not isinstance(data, wanted):
        raise UserError(
            f"config.input={config.input} does not go with the dataset {name}; set "
            f"--config.input={'images' if config.input == 'learned' else 'learned'}."
        )
    return data


def seeds(config: ConfigDict) -> tuple[int, ...]:
    """The seeds of a run."""
    return tuple(range(config.first_seed, config.first_seed + config.seeds))


def prepare(config: ConfigDict) -> Callable:
    """What a classifier reads of a flow."""
    options = config.flow.to_dict()
    del options["size"]
    return partial(inputs.amplify, **options)


def floor_input(config: ConfigDict) -> Callable:
    """What the linear floor reads: the same flow, centred alike, nothing tuned."""
    return partial(
        inputs.amplify,
        centre=config.flow.centre,
        standardise=False,
        scale=1.0,
        gamma=1.0,
        channels="uvs",
    )


def method(config: ConfigDict, classes: int) -> Method:
    """The classifier ``config.method`` names."""
    options = config[config.method].to_dict()
    recipe = options.get("train", {})
    tune = {
        key: recipe.pop(key)
        for key in ("learning_rate", "warmup", "decay", "weight_decay", "clip")
    }
    recipe = deep.Recipe(
        **recipe, optimizer=lambda steps: optimizer.adamw(steps, **tune)
    )
    if config.method == "ststnet" and config.ststnet.weights:
        weights = ststnet.read_weights(config.ststnet.weights)
        return registry.published(classes, weights, options["model"])
    create = registry.METHODS[config.method]
    return create(classes, prepare(config), options["model"], options["loss"], recipe)


def motion(config: ConfigDict) -> MotionLearning:
    """SelfME's motion stage."""
    options = config.motion.to_dict()
    recipe = options["train"]
    tune = {
        key: recipe.pop(key)
        for key in ("learning_rate", "warmup", "decay", "weight_decay", "clip")
    }
    return MotionLearning(
        MotionNetwork(**options["network"]),
        Objective(**options["loss"]),
        Recipe(**recipe, optimizer=lambda steps: optimizer.adamw(steps, **tune)),
        config.flow.size,
    )


def _known(key: str, value: str, names) -> None:
    if value not in names:
        raise UserError(f"unknown config.{key} {value!r}. Known: {', '.join(names)}.")
