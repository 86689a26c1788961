"""What every system is: a problem in, logits of held-out samples out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from selfme_jax.targets.base import Target
from selfme_jax.train import runs
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run
from selfme_jax.types import Split

Prepare = Callable[[Any], Any]  # inputs of a problem -> what is read
Scores = Mapping[str, tuple[float, float]]  # UF1, UAR by dataset


class Problem(NamedTuple):
    """LOSO over samples, for several seeds.

    inputs: [d, n, h, w, c] float32, what the Input gives; d copies, one for each motion
      seed, or for each motion seed and fold where a network was learned per fold.
      Flow has c = 3 (u, v, strain), in grey levels of published flow images or pixels
      of the frame; apex frames are RGB in [0, 1]; descriptors have h = w = 1.
    labels: [n] int or [n, a] int, of ``target``. splits: one per fold. seeds: distinct
      ints. motion_seeds: how many the inputs had. people: who is in each sample, for
      settings that are chosen on some people of a training side.
    """

    inputs: np.ndarray
    labels: np.ndarray
    target: Target
    splits: Sequence[Split]
    seeds: Sequence[int]
    motion_seeds: int = 1
    people: tuple[str, ...] = ()


@runtime_checkable
class Method(Protocol):
    """Anything that is fitted to training folds and predicts held-out samples."""

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, outputs] logits: of every sample by the fold that held it out."""
        ...


class PaperRow(NamedTuple):
    """A row of the SelfME paper's comparison: a system on an input, as printed."""

    title: str
    input: str
    scores: Scores = {}  # noqa: RUF012 (never changed)


def trained(settings: Mapping) -> str:
    """Of most systems: they are not scored as they are."""
    del settings
    return ""


class System(NamedTuple):
    """A classifier by name: all that the rest of the package asks of it.

    name: of config.method. title: for people.
    settings: the defaults of config.<name>: 'model' are the fields of the network,
      'loss' its weights, 'train' the recipe (``deep.Recipe`` and ``optimizer.adamw``),
      'weights' a file to start from.
    create: (target, prepare, settings, recipe) -> Method; recipe is None where nothing
      is trained (an exported network) or there is none (an SVM).
    rows: of the paper's table. reads: the only input it takes, which it brings with
      it; '' = any flow. images: whether it reads ready-made flow images as well.
      targets: that it can predict.
    untrained: of settings, what is said of a system that is scored as it is; '' where
      it is trained. shipped: the file of weights that it has where none is given.
    convolutional: its time goes into convolutions, so on CPU runs take turns whole.
    positional: its tokens have initial positions, in which small motion drowns.
    plain: it reads flow as the linear floor does, not scaled or amplified.
    whole: in the paper's table it reads flow as large as the frames.
    photographs: how it starts from ImageNet weights (systems/imagenet.py), or None.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    create: Callable[..., Method]
    rows: tuple[PaperRow, ...] = ()
    reads: str = ""
    images: bool = False
    targets: tuple[str, ...] = ("classes", "action_units")
    convolutional: bool = False
    positional: bool = False
    plain: bool = False
    whole: bool = False
    photographs: Any = None
    untrained: Callable[[Mapping], str] = trained
    shipped: str = ""


def training_runs(problem: Problem, *, balance: float) -> tuple[Run, list[str]]:
    """All (seed, fold) runs of a problem, seeds outermost, and a name for each.

    Args:
      balance: of the classes in the draws (``Target.draws``).
    """
    target, labels, splits = problem.target, problem.labels, problem.splits
    return runs.of_folds(
        splits,
        problem.seeds,
        len(labels),
        [target.draws(labels, s.train, balance=balance) for s in splits],
        shares=[target.shares(labels, s.train) for s in splits],
        copies=len(problem.inputs),
        motion_seeds=problem.motion_seeds,
    )


def gather(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    """[seeds * folds, t, c] outputs at Run.test -> [seeds, n, c] pooled over folds."""
    outputs = outputs.reshape(
        len(problem.seeds), len(problem.splits), *outputs.shape[1:]
    )
    pooled = np.full((len(outputs), len(problem.labels), outputs.shape[-1]), np.nan)
    for i, split in enumerate(problem.splits):
        pooled[:, split.test] = outputs[:, i, : len(split.test)]
    return pooled
