"""Which runs are trained and saved together, and how the devices take them.

A chunk is the runs that are trained side by side: so many for each device that is there
when it begins, which is written down (``begin``). In each step the devices take them in
waves, one after the other; an accelerator takes all of them in one. A chunk stays that
set of runs where training goes on with other devices: fewer ones take more waves, more
ones are filled up with copies of its last run, which are never saved.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from etils import epath

from selfme_jax import files
from selfme_jax.files import seal
from selfme_jax.train import parallel
from selfme_jax.train.state import Run
from selfme_jax.types import UserError


class Chunk(NamedTuple):
    """Some runs of a stage: arrays with a leading run axis, and their names."""

    number: int
    runs: Run
    names: list[str]

    @property
    def label(self) -> str:
        """First and last run."""
        first, last = self.names[0], self.names[-1]
        return first if first == last else f"{first} .. {last}"


class Waves(NamedTuple):
    """Runs on devices.

    axis: of the devices. size: runs that it takes at once. chunk: runs of a chunk.
    """

    axis: parallel.Axis
    size: int
    chunk: int

    @property
    def load(self) -> tuple[int, float]:
        """Of a device: runs of a chunk, and how many of them it trains at once."""
        width = self.axis.width
        shared = 1 if width > 1 else jax.device_count()  # the batch of a single run
        return self.chunk // width, self.size / width / shared

    def deal(self, tree: Any) -> list[Any]:
        """Host [runs, ...] -> waves on the devices, all of one shape."""
        runs = len(jax.tree.leaves(tree)[0])
        waves = []
        for start in range(0, runs, self.size):
            ids = np.minimum(np.arange(start, start + self.size), runs - 1)
            part = jax.tree.map(lambda x, ids=ids: np.asarray(x)[ids], tree)
            waves.append(self.axis.split(part))
        return waves

    def collect(self, waves: list[Any], runs: int) -> Any:
        """Waves on the devices -> host [runs, ...] in all processes."""
        parts = [self.axis.merge(wave) for wave in waves]
        return jax.tree.map(lambda *x: np.concatenate(x)[:runs], *parts)

    def metrics(self, steps: list[list[dict]], runs: int) -> dict[str, np.ndarray]:
        """Of each step a dict of each wave -> [runs, steps] in all processes."""
        found = []
        for wave in zip(*steps, strict=True):
            own = [self.axis.own(metrics) for metrics in wave]
            own = jax.tree.map(lambda *x: np.stack(x, 1), *own)
            found.append(self.axis.gather(own))
        return jax.tree.map(lambda *x: np.concatenate(x)[:runs], *found)


def waves(runs: int, per_device: int, at_once: int = 0) -> Waves:
    """How the devices take so many runs.

    Args:
      runs: of the stage.
      per_device: runs of a chunk for each device; 0 = all.
      at_once: how many of them a device takes at once, by vmap; 0 = all, but on CPU
        one: the cores are full either way, and what one run needs stays in the cache
        (SCViT on 2 devices: 1.5 times as fast).
    """
    axis = parallel.axis(runs)
    most = -(-runs // axis.width)
    together = min(per_device or runs, most)
    each = min(at_once or (1 if parallel.on_cpu() else together), together)
    return Waves(axis, each * axis.width, together * axis.width)


def split(runs: Run, names: Sequence[str], begun: Sequence[int], size: int):
    """All chunks: those begun as they are, the other ones of ``size`` runs.

    Args:
      runs: with a leading run axis. names: of them.
      begun: of ``read``.
      size: ``Waves.chunk``.

    Raises:
      UserError: more runs were begun than there are.
    """
    sizes, total = list(begun), len(names)
    if sum(sizes) > total:
        raise UserError(
            f"chunks.json of a stage tells of {sum(sizes)} runs, of which there are "
            f"{total}.\nDelete the checkpoints of that stage; the same command trains "
            "them again."
        )
    while (left := total - sum(sizes)) > 0:
        sizes.append(min(size, left))
    ends = list(itertools.accumulate(sizes))
    return [
        Chunk(
            i,
            jax.tree.map(lambda x, a=end - n, b=end: np.asarray(x)[a:b], runs),
            list(names[end - n : end]),
        )
        for i, (n, end) in enumerate(zip(sizes, ends, strict=True))
    ]


def read(folder: epath.Path) -> list[int]:
    """How many runs each chunk of a stage has, of those that were begun.

    Raises:
      UserError: its file is damaged.
    """
    path = folder / "chunks.json"
    if not path.exists():
        return []
    remedy = f"Delete {folder}; the same command trains what it held again."
    sizes = files.read_json(path, remedy, kind=list)
    with files.reading(path, remedy):
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError("it holds no numbers of runs")
    return sizes


def digest(chunk: Chunk) -> str:
    """Hex SHA-256 of which runs a chunk has: names, seeds, folds, who is on which side.

    Not of how much samples weigh, which another machine may round differently.
    """
    sides = np.asarray(chunk.runs.weights) > 0
    runs = chunk.runs._replace(weights=sides, shares=())
    made = [seal.sha256(np.asarray(x)) for x in runs]
    return hashlib.sha256(json.dumps([chunk.names, made]).encode()).hexdigest()


def made_from(
    chunk: Chunk, *, stage: str, steps: int, depends: Mapping[str, Any]
) -> dict[str, Any]:
    """What the checkpoints of a chunk are made from, for ``checkpoint.Checkpoints``.

    Args:
      stage: its name. steps: of its runs. depends: what else they depend on.
    """
    return {**depends, "stage": stage, "runs": digest(chunk), "steps": steps}


def begin(folder: epath.Path, chunks: Sequence[Chunk]) -> None:
    """Write down what ``read`` reads; process 0 does."""
    if parallel.leads():
        folder.mkdir(parents=True, exist_ok=True)
        sizes = json.dumps([len(chunk.names) for chunk in chunks])
        files.write(folder / "chunks.json", sizes)
