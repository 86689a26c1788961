"""A motion network that an earlier run trained, and whom it was trained on."""

import json
from os import PathLike
from typing import Any, NamedTuple

import jax
from etils import epath

from selfme_jax import files
from selfme_jax.train.checkpoint import Chunk
from selfme_jax.types import UserError

FREE = ("dtype", "remat")  # keys of the network that change no parameter


class Pretrained(NamedTuple):
    """variables: of the network, host arrays. folder: the run that trained it."""

    variables: Any
    folder: epath.Path


def load(folder: str | PathLike, network: dict, template: Any) -> Pretrained:
    """The trained motion network of a run that trained exactly one.

    Args:
      folder: its workdir.
      network: config.motion.network of the run that wants it.
      template: variables of that network, arrays or shapes.

    Raises:
      UserError: no finished run of one network, or of another network.
    """
    folder = files.path(folder)
    remedy = "Set --config.motion.init to the workdir of a finished pretraining run."
    try:
        config = json.loads((folder / "config.json").read_text())
        trained, steps = config["motion"]["network"], config["motion"]["train"]["steps"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no motion network. {remedy}") from error
    if config["task"] == "recognition" and config["motion"]["scope"] == "per_fold":
        raise UserError(f"{folder} holds a network per fold. {remedy}")
    _compare(folder, trained, json.loads(json.dumps(network)))
    place = folder / "checkpoints" / "motion" / "0000"
    with_steps = place / str(steps)
    if not with_steps.is_dir():
        raise UserError(f"the motion of {folder} is not trained to its end. {remedy}")
    with Chunk(place) as chunk:
        found = chunk.restore(steps)
    variables = jax.tree.map(lambda x: x[0], found)
    _check(with_steps, variables, template)
    return Pretrained(variables, folder)


def _compare(folder: epath.Path, trained: dict, wanted: dict) -> None:
    keys = sorted(
        k
        for k in (trained.keys() | wanted.keys()) - set(FREE)
        if trained.get(k) != wanted.get(k)
    )
    if keys:
        flags = " ".join(f"--config.motion.network.{k}={trained.get(k)}" for k in keys)
        raise UserError(
            f"{folder} holds another network: it has {', '.join(keys)} different.\n"
            f"To use it: {flags}"
        )


def _check(place: epath.Path, variables: Any, template: Any) -> None:
    def shapes(tree):
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        return {jax.tree_util.keystr(path): x.shape for path, x in leaves}

    found, wanted = shapes(variables), shapes(template)
    if found != wanted:
        odd = sorted(
            k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k)
        )
        name = odd[0]
        raise UserError(
            f"{place} does not fit: {len(odd)} arrays differ, the first one {name}: "
            f"found {found.get(name, 'none')}, need {wanted.get(name, 'none')}.\n"
            "It was damaged or made by another version; train it again."
        )
