"""What a config may say: checked before any data is read or anything is built."""

from functools import reduce
from operator import attrgetter, getitem

from ml_collections import ConfigDict

from selfme_jax.methods import inputs, registry, selfme
from selfme_jax.types import UserError

TASKS = ("recognition", "pretraining")
INPUTS = (*inputs.FLOWS, "apex", *registry.READS.values())
TCAE = ("tcae", "tcae_features")
PROTOCOL = {
    "split": ("loso", "cross_database"),
    "epochs": ("fixed", "oracle_epoch"),
    "score": ("pooled", "mean_of_folds"),
}
# Keys that change no result: a resumed run may change them.
FREE = ("engine",)
# Neither does where the samples lie whose pixels are held against manifest.csv.
FREE_OF_SAMPLES = (*FREE, "data.root", "data.source")
# What smaller values break late or oddly.
_LEAST = {
    "seeds": 1,
    "bootstrap": 1,
    "flow.size": 1,
    "motion.train.steps": 1,
    **{f"{part}.train.batch_size": 1 for part in ("motion", *registry.METHODS)},
    **{f"engine.{stage}.log_every": 1 for stage in ("motion", "classifier")},
    **{f"engine.{stage}.runs_per_device": 0 for stage in ("motion", "classifier")},
}


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
    config.input = _input(config)
    _known("task", config.task, TASKS)
    _known("input", config.input, INPUTS)
    for key, names in PROTOCOL.items():
        _known(f"protocol.{key}", config.protocol[key], names)
    chosen = config.protocol.split, config.protocol.score
    if chosen == ("cross_database", "mean_of_folds"):
        raise UserError(
            "config.protocol.score=mean_of_folds averages over subjects, which are the "
            "folds of --config.protocol.split=loso only."
        )
    _known("motion.scope", config.motion.scope, selfme.SCOPES)
    if config.motion.scope == "pretrained" and config.input in TCAE:
        raise UserError(
            "TCAE is trained here, not taken from elsewhere. Set "
            "--config.motion.scope=per_fold or all_subjects."
        )
    if config.motion.scope == "pretrained" and not config.motion.init:
        raise UserError(
            "config.motion.scope=pretrained needs a network: set --config.motion.init "
            "to the workdir of a pretraining run."
        )
    _known("flow.channels", config.flow.channels, inputs.CHANNELS)
    for key, least in _LEAST.items():
        value = attrgetter(key)(config)
        if value < least:
            raise UserError(f"config.{key} is {value}; it must be at least {least}.")
    return config


def decisive(config: ConfigDict) -> dict:
    """What results depend on, beside the samples, as a nested dict."""
    whole = config.to_dict()
    for key in FREE_OF_SAMPLES:
        *parents, last = key.split(".")
        del reduce(getitem, parents, whole)[last]
    return whole


def _input(config: ConfigDict) -> str:
    """What a method brings with it, or what the config says."""
    own = registry.READS.get(config.method)
    if own and config.input == "images":
        raise UserError(
            f"config.method={config.method} reads clips, and flow images hold none. "
            "Take another method, or a dataset of clips."
        )
    if not own and config.input in registry.READS.values():
        names = [n for n, given in registry.READS.items() if given == config.input]
        raise UserError(
            f"config.input={config.input} is for --config.method={names[0]} only."
        )
    return own or config.input


def _known(key: str, value: str, names) -> None:
    if value not in names:
        raise UserError(f"unknown config.{key} {value!r}. Known: {', '.join(names)}.")
