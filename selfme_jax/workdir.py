"""The folder of a run: the only place that knows the names of its files.

config.json        the whole config of the run
motion.json        what of it the first stage depends on: who may share that
manifest.csv       its samples; clips.json where they have no labels
metrics.jsonl      a row a step; events/ the same for TensorBoard
checkpoints/STAGE  weights, by the engine
flow.npy           what the classifier reads; flow/*.npy the same by network
predictions.csv floors.csv results.json report.html figures/*.png
refit/             what export trained once more, on everybody
builtin.*          a built-in model: weights, model card; networks/* what it is made of
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from etils import epath

from selfme_jax import files
from selfme_jax.files import differences
from selfme_jax.types import UserError


class Workdir(NamedTuple):
    """Paths below ``folder``, and what is checked before they are used."""

    folder: epath.Path

    @property
    def config(self) -> epath.Path:
        """Nested dict of the whole config."""
        return self.folder / "config.json"

    @property
    def motion(self) -> epath.Path:
        """What the first stage here depends on; runs that need the same share it."""
        return self.folder / "motion.json"

    @property
    def classifier(self) -> epath.Path:
        """What the predictions were made from, and their hashes."""
        return self.folder / "classifier.json"

    @property
    def start(self) -> "Workdir":
        """The run whose motion network this one started from, as far as needed."""
        return Workdir(self.folder / "start")

    @property
    def manifest(self) -> epath.Path:
        """Samples with labels (data/manifest.py)."""
        return self.folder / "manifest.csv"

    @property
    def clips(self) -> epath.Path:
        """Clips without labels."""
        return self.folder / "clips.json"

    @property
    def metrics(self) -> epath.Path:
        """Rows of training metrics (train/log.py)."""
        return self.folder / "metrics.jsonl"

    @property
    def events(self) -> epath.Path:
        """Those of TensorBoard."""
        return self.folder / "events"

    @property
    def flow(self) -> epath.Path:
        """What the classifier reads, of all samples."""
        return self.folder / "flow.npy"

    @property
    def flows(self) -> epath.Path:
        """The same, of one network each."""
        return self.folder / "flow"

    @property
    def predictions(self) -> epath.Path:
        """Of held-out samples."""
        return self.folder / "predictions.csv"

    @property
    def floors(self) -> epath.Path:
        """The same of the floors."""
        return self.folder / "floors.csv"

    @property
    def results(self) -> epath.Path:
        """Every score, and where it comes from."""
        return self.folder / "results.json"

    @property
    def report(self) -> epath.Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def figures(self) -> epath.Path:
        """Its pictures."""
        return self.folder / "figures"

    @property
    def refit(self) -> "Workdir":
        """What export trained on everybody."""
        return Workdir(self.folder / "refit")

    @property
    def builtin(self) -> epath.Path:
        """Weights of a built-in model."""
        return self.folder / "builtin.safetensors"

    @property
    def builtin_card(self) -> epath.Path:
        """Its card: scores, limits, hashes."""
        return self.folder / "builtin.json"

    @property
    def builtin_page(self) -> epath.Path:
        """The same for people."""
        return self.folder / "builtin.md"

    def network(self, name: str) -> epath.Path:
        """One of the networks that a built-in model is made of."""
        return self.folder / "networks" / f"{name}.safetensors"

    def checkpoints(self, stage: str) -> epath.Path:
        """Where the engine keeps those of a stage."""
        return self.folder / "checkpoints" / stage

    def check(self, config: Mapping, *, free: tuple[str, ...]) -> None:
        """That nothing, or a run of the same config, is here; writes nothing.

        Args:
          config: nested dict of the run.
          free: dotted keys that may change between invocations: no result depends
            on them.

        Raises:
          UserError: the folder holds a run of another config (names the keys), or
            cannot be read.
        """
        files.reach(self.folder)
        if (found := read_if_there(self.config)) is not None:
            self._same(found, config, free, "another config")

    def claim(self, config: Mapping, *, free: tuple[str, ...]) -> None:
        """``check``, then create the folder and write config.json.

        Raises:
          UserError: see ``check``, or the folder cannot be written.
        """
        self.check(config, free=free)
        self._write(self.config, config)

    def claim_motion(self, depends: Mapping) -> None:
        """Take the folder for a first stage that depends on ``depends``.

        Raises:
          UserError: the one that is here depends on something else, or the folder
            cannot be written.
        """
        files.reach(self.folder)
        if (found := read_if_there(self.motion)) is not None:
            self._same(found, depends, (), "motion that was learned otherwise")
        self._write(self.motion, depends)

    def _write(self, path: epath.Path, value: Mapping) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(path, value)
        except OSError as error:
            raise UserError(
                f"cannot write to {self.folder}: {files.reason(error)}. "
                "Choose another --workdir."
            ) from error

    def _same(self, old: Mapping, new: Mapping, free: tuple[str, ...], what: str):
        if lines := differences.words(old, new, free=free):
            raise UserError(
                f"{self.folder} holds {what} ({'; '.join(lines)}).\n"
                "Choose another --workdir, or delete that one."
            )


def write_json(path: epath.Path, value: Mapping) -> None:
    """Atomic: a kill leaves the old file or the new one."""
    files.write(path, json.dumps(value, indent=2) + "\n")


def read_json(path: epath.Path) -> dict:
    """What ``write_json`` wrote.

    Raises:
      UserError: not there, or no JSON object.
    """
    return files.read_json(
        path,
        "It was damaged, or is of something else: choose another --workdir, or delete "
        "that one.",
    )


def tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were, at any depth."""
    if isinstance(value, Mapping):
        return {k: tuples(v) for k, v in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value


def read_if_there(path: epath.Path) -> dict | None:
    """The same, or None where there is nothing."""
    try:
        there = path.exists()
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {files.reason(error)}. Choose another --workdir."
        ) from error
    return read_json(path) if there else None


def open_workdir(given: str | os.PathLike) -> Workdir:
    """The workdir at a place of this machine or in a bucket.

    Raises:
      UserError: see ``files.path``.
    """
    return Workdir(files.path(given))
