"""From a config file and flags to a Plan: the only reader of ConfigDict.

What a config says is checked here, before any data is read or anything is built.
"""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from absl import flags
from flax import traverse_util
from ml_collections import ConfigDict, config_flags

from selfme_jax import workdir
from selfme_jax.evaluate import folds
from selfme_jax.inputs import flow_reading
from selfme_jax.inputs.registry import INPUTS
from selfme_jax.run.plan import Plan, Protocol
from selfme_jax.systems import started
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.targets import registry as targets
from selfme_jax.types import UserError

TASKS = ("recognition", "pretraining", "builtin")
SCOPES = ("per_fold", "all_subjects", "pretrained")
PROTOCOL = {
    "split": folds.SPLITS,
    "epochs": ("fixed", "oracle_epoch"),
    "score": ("pooled", "mean_of_folds"),
}


class Source:
    """A config as it was given: plans are made of it, with or without changes."""

    def __init__(self, config: ConfigDict, name: str):
        self._config, self.name = config, name

    def plan(self, changes: Mapping[str, object] | None = None) -> Plan:
        """The plan of it, with dotted keys changed.

        Raises:
          UserError: an unknown name, or a value out of its range.
        """
        config = self._config.copy_and_resolve_references()  # sub-dicts as well
        config.update_from_flattened_dict(changes or {})
        return _plan(config)


def define() -> None:
    """The flag --config, with overrides of its keys."""
    config_flags.DEFINE_config_file(
        "config",
        None,
        "Config: the name of a shipped one, or a file. " + advice(),
        lock_config=True,
    )


def shipped() -> dict[str, Path]:
    """Name -> file of the configs that come with the package."""
    folder = Path(str(resources.files("selfme_jax.configs")))
    found = {path.stem: path for path in sorted(folder.glob("*.py"))}
    return {n: p for n, p in found.items() if "def get_config" in p.read_text("utf-8")}


def advice() -> str:
    """Which configs there are."""
    return f"Shipped: {', '.join(name for name in shipped() if name != 'base')}."


def located(argv: Sequence[str]) -> list[str]:
    """Arguments in which --config=NAME is the file of that name, if it is shipped.

    A file of that place wins; ``configs/NAME.py`` where there is none is NAME.
    """
    known, found, expects = shipped(), [], False
    for word in argv:
        flag, _, value = word.partition("=")
        if expects:
            found.append(_file(word, known))
        elif flag in ("--config", "-config") and value:
            found.append(f"{flag}={_file(value, known)}")
        else:
            found.append(word)
        expects = word in ("--config", "-config")
    return found


def _file(given: str, known: Mapping[str, Path]) -> str:
    if Path(given).is_file():
        return given
    if given in known:
        return str(known[given])
    path = Path(given)
    if path.parts[:-1] == ("configs",) and path.suffix == ".py" and path.stem in known:
        return str(known[path.stem])
    return given


def given() -> Source:
    """The config that the flags name.

    Raises:
      UserError: no flag, no such file, or no config in it.
    """
    flag = flags.FLAGS["config"]
    if not flag.present:
        raise UserError(f"--config is missing. Try --config=synthetic. {advice()}")
    path = config_flags.get_config_filename(flag)
    if not isinstance(flag.value, ConfigDict):  # e.g. absl's stand-in for no file
        raise UserError(
            f"{path} is no readable config file: it must be a Python file whose "
            f"get_config() returns a ConfigDict.\n{advice()}"
        )
    return Source(flag.value, Path(path).stem)


def words() -> list[str]:
    """The flags that give the same config again."""
    flag = flags.FLAGS["config"]
    path = config_flags.get_config_filename(flag)
    if shipped().get(Path(path).stem) == Path(path):
        path = Path(path).stem
    overrides = config_flags.get_override_values(flag)
    return [f"--config={path}", *(f"--config.{k}={v}" for k, v in overrides.items())]


def restored(settings: Mapping[str, Any]) -> Plan:
    """The plan of a config.json, whose lists were tuples.

    Raises:
      UserError: it names what this version does not know.
    """
    try:
        return _plan(ConfigDict(workdir.tuples(settings)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"the config is of another version of selfme_jax ({reason}).\n"
            "Use that one, or train again."
        ) from error


def _plan(config: ConfigDict) -> Plan:
    if config.ststnet.weights:  # published weights are STSTNet's, scored once
        config.method = "ststnet"
        config.seeds = 1
    if config.method == "builtin":  # nothing is drawn
        config.seeds = 1
    _check_ranges(config)
    _known("method", config.method, SYSTEMS)
    system = SYSTEMS[config.method]
    config.input = _input(config)
    _known("task", config.task, TASKS)
    _known("input", config.input, INPUTS)
    _known("target", config.target, targets.NAMES)
    _known("start", config.start, started.STARTS)
    for key, names in PROTOCOL.items():
        _known(f"protocol.{key}", config.protocol[key], names)
    _known("motion.scope", config.motion.scope, SCOPES)
    _known("flow.channels", config.flow.channels, flow_reading.CHANNELS)
    _check_combinations(config)
    first, several = config.first_seed, config.motion.seeds
    if config.motion.scope == "pretrained":
        several = 1  # one network, as it is
    return Plan(
        settings=config.to_dict(),
        task=config.task,
        system=system,
        input=INPUTS[config.input],
        target=config.target,
        seeds=tuple(range(first, first + config.seeds)),
        motion_seeds=tuple(range(first, first + several)),
        data=config.data.name,
        protocol=Protocol(**config.protocol),
        scope=config.motion.scope,
        init=config.motion.init,
        shuffle_labels=config.shuffle_labels,
        bootstrap=config.bootstrap,
    )


def _check_combinations(config: ConfigDict) -> None:
    """What is known each by itself, but does not go together."""
    split = config.protocol.split
    if split != "loso" and config.protocol.score == "mean_of_folds":
        raise UserError(
            "config.protocol.score=mean_of_folds averages over subjects, which are the "
            "folds of --config.protocol.split=loso only."
        )
    if bool(config.protocol.test) != (split == "hold_out"):
        raise UserError(
            f"config.protocol.test={config.protocol.test!r} does not go with "
            f"config.protocol.split={split}. It names the datasets that "
            "--config.protocol.split=hold_out tests on."
        )
    if config.target not in SYSTEMS[config.method].targets:
        able = [s.name for s in SYSTEMS.values() if config.target in s.targets]
        raise UserError(
            f"config.method={config.method} does not predict {config.target}. Take "
            f"one of {', '.join(able)}."
        )
    if config.target == "action_units":
        for key, usual in (("epochs", "fixed"), ("score", "pooled")):
            if config.protocol[key] != usual:
                raise UserError(
                    f"config.protocol.{key}={config.protocol[key]} is for classes. Set "
                    f"--config.protocol.{key}={usual}."
                )
    if config.motion.scope == "pretrained":
        given = INPUTS[config.input]
        if given.learns and not given.starts:
            raise UserError(
                "TCAE is trained here, not taken from elsewhere. Set "
                "--config.motion.scope=per_fold or all_subjects."
            )
        if not config.motion.init:
            raise UserError(
                "config.motion.scope=pretrained needs a network: set "
                "--config.motion.init to the workdir of a pretraining run, or to "
                "builtin."
            )


def _input(config: ConfigDict) -> str:
    """What a method brings with it, or what the config says."""
    system = SYSTEMS[config.method]
    own = system.reads
    if config.input == "images" and system.images:
        return config.input
    if own and config.input == "images":
        raise UserError(
            f"config.method={config.method} reads clips, and flow images hold none. "
            "Take another method, or a dataset of clips."
        )
    brought = {s.reads: s.name for s in SYSTEMS.values() if s.reads}
    if not own and config.input in brought:
        raise UserError(
            f"config.input={config.input} is for --config.method="
            f"{brought[config.input]} only."
        )
    return own or config.input


def _known(key: str, value: str, names) -> None:
    if value not in names:
        raise UserError(f"unknown config.{key} {value!r}. Known: {', '.join(names)}.")


def _check_ranges(config: ConfigDict) -> None:
    """Every number against the range that stands beside its key in configs/base.py."""
    for key, value in traverse_util.flatten_dict(config.to_dict(), sep=".").items():
        numbers = value if isinstance(value, tuple | list) else (value,)
        for number in numbers:
            if isinstance(number, int | float) and not isinstance(number, bool):
                _check_range(key, number)


def _check_range(key: str, number: float) -> None:
    low, high = bounds(key)
    if not low <= number <= high:  # NaN is in no range
        least = "" if math.isinf(low) else f"at least {_plain(low)}"
        most = "" if math.isinf(high) else f"at most {_plain(high)}"
        text = " and ".join(filter(None, (least, most))) or "a number"
        raise UserError(f"config.{key} is {number}; it must be {text}.")


def _plain(bound: float) -> str:
    """A bound as it is: rounded, a refused number might seem to be allowed."""
    return str(bound) if isinstance(bound, int) else f"{bound:.10g}"


def bounds(key: str) -> tuple[float, float]:
    """(least, most) of a key, both allowed; the first pattern that fits counts.

    Raises:
      KeyError: no range is declared for it.
    """
    from selfme_jax.configs import base

    for pattern, found in base.RANGES.items():
        if fnmatchcase(key, pattern):
            return found
    raise KeyError(key)
