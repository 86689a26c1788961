"""A run as it is meant: made of a config once (run/config.py), changed by nobody."""

from collections.abc import Mapping
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from selfme_jax.inputs.base import Input
from selfme_jax.systems.base import System

# Keys that change no result: a resumed run may change them.
FREE = ("engine",)
# Neither does where the samples lie whose pixels are held against manifest.csv.
FREE_OF_SAMPLES = (*FREE, "data.root", "data.source", "data.allow_doubles")


class Protocol(NamedTuple):
    """How a score comes about; the values are those of config.protocol."""

    split: str
    epochs: str
    score: str
    test: str = ""


class Plan(NamedTuple):
    """All that a run is told.

    settings: the whole config, checked, as nested dicts of plain values; what parts
      are built of is taken from it whole, so that a typo is an error.
    task: 'recognition' | 'pretraining'. target: its name.
    seeds, motion_seeds: of the classifier, of the motion network.
    data: its name. scope, init: of config.motion.
    """

    settings: Mapping[str, Any]
    task: str
    system: System
    input: Input
    target: str
    seeds: tuple[int, ...]
    motion_seeds: tuple[int, ...]
    data: str
    protocol: Protocol
    scope: str
    init: str
    shuffle_labels: bool
    bootstrap: int

    @property
    def own(self) -> Mapping[str, Any]:
        """Settings of the system."""
        return self.settings[self.system.name]

    @property
    def flow(self) -> Mapping[str, Any]:
        """Of the flow, as a classifier reads it."""
        return self.settings["flow"]

    @property
    def motion(self) -> Mapping[str, Any]:
        """Of SelfME's motion stage."""
        return self.settings["motion"]

    @property
    def motion_workdir(self) -> str:
        """Where the first stage is kept; '' = in the workdir of the run."""
        return self.settings["engine"]["motion"]["workdir"]

    def engine(self, stage: str) -> dict[str, Any]:
        """How a stage is run (``loop.Stage``); changes no result."""
        found = dict(self.settings["engine"][stage])
        found.pop("workdir", None)
        return found

    def decisive(self) -> dict[str, Any]:
        """What results depend on, beside the samples."""
        return without(self.settings, FREE_OF_SAMPLES)

    def first_stage(self) -> dict[str, Any]:
        """What of it that which the Input gives depends on."""
        whole = self.decisive()
        common = ("input", "data", "synthetic", "first_seed")
        parts = (*self.input.keys, "flow.size", "protocol.split", "protocol.test")
        return {
            **{key: whole[key] for key in common},
            **chosen(whole, parts),
        }

    def classifier(self) -> dict[str, Any]:
        """What of it the predictions depend on, besides samples and inputs."""
        whole = self.decisive()
        keys = (
            *("method", "input", "target", "action_units", "flow", "seeds", "start"),
            *("first_seed", "shuffle_labels", self.system.name),
        )
        parts = ("protocol.split", "protocol.test", "protocol.epochs")
        used = chosen(whole, parts)
        if whole["start"]:
            used["started"] = whole["started"]
        return {**{key: whole[key] for key in keys}, **used}


def chosen(tree: Mapping, keys: tuple[str, ...]) -> dict[str, Any]:
    """The parts of a nested dict that dotted keys name, nested as they were."""
    found: dict[str, Any] = {}
    for key in keys:
        *parents, last = key.split(".")
        place = reduce(lambda at, name: at.setdefault(name, {}), parents, found)
        place[last] = reduce(getitem, key.split("."), tree)
    return found


def without(tree: Mapping, keys: tuple[str, ...]) -> dict[str, Any]:
    """A copy of a nested dict less what dotted keys name."""
    copy = {k: without(v, ()) if isinstance(v, Mapping) else v for k, v in tree.items()}
    for key in keys:
        *parents, last = key.split(".")
        del reduce(getitem, parents, copy)[last]
    return copy
