"""What any score must be held against: majority, random, and a linear model."""

from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from typing import Any

import numpy as np

from selfme_jax.evaluate import loso, metrics, predictions
from selfme_jax.types import Predictions, Sample, Split, Tell, UserError

DRAWS = 10_000
# By target: the floors that every run has.
NAMES = {
    "classes": ("majority", "linear"),
    "action_units": ("constant", "prevalence", "linear"),
}
STANDARDISED = "linear_standardised"  # where images are divided by their deviation
_REMEDY = "Write it again with --stages=classifier."


def evaluate(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    inputs: np.ndarray,
    classes: Sequence[str],
    standardised: np.ndarray | None = None,
    tell: Tell | None = None,
) -> dict[str, Predictions]:
    """Predictions of the trained floors under the same folds.

    Args:
        samples: all of them.
        splits: of the protocol.
        inputs: [d, n, ...] what the method reads; d = 1 where all folds share it,
            or one per fold.
        classes: names.
        standardised: of the same shape, where the method reads each image divided by
            its own deviation: that alone may help a linear model as well.
        tell: told after every fold of a linear floor.

    Returns:
        majority and linear, and linear_standardised if there is such.
    """
    found = {
        "majority": majority(samples, splits, classes),
        "linear": linear(samples, splits, inputs, classes, told(tell, "linear")),
    }
    if standardised is not None:
        of_fold = told(tell, STANDARDISED)
        found[STANDARDISED] = linear(samples, splits, standardised, classes, of_fold)
    return found


def summarise(
    floors: dict[str, Predictions],
    *,
    resamples: int = 2000,
    seed: int = 0,
    rule: str = "pooled",
) -> dict[str, dict]:
    """The ``floors`` part of results.json: random, and those of ``evaluate``.

    Args:
        floors: as ``evaluate`` or ``read`` give them; ``random`` needs the labels
            only, so it is computed here.
        resamples: of the subject bootstrap.
        seed: of the subject bootstrap. rule: see ``loso.summarise``.
    """
    rows = next(iter(floors.values()))
    options: dict[str, Any] = {"resamples": resamples, "seed": seed, "rule": rule}
    return {"random": random(rows, rule=rule)} | {
        name: loso.summarise(p, **options) for name, p in floors.items()
    }


def majority(
    samples: Sequence[Sample], splits: Sequence[Split], classes: Sequence[str]
) -> Predictions:
    """The commonest class of each fold's training side; probs are its shares."""
    labels = np.array([s.label for s in samples])
    probs = np.empty((len(samples), len(classes)))
    for split in splits:
        counts = np.bincount(labels[split.train], minlength=len(classes))
        probs[split.test] = counts / counts.sum()
    return _rows(samples, splits, labels, probs, classes)


def linear(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    inputs: np.ndarray,
    classes: Sequence[str],
    tell: Callable[[int, int, str], None] | None = None,
) -> Predictions:
    """Multinomial logistic regression on the values of the input, fold by fold.

    Values are standardised by mean and sd of the fold's training side (so the unit
    of the input does not matter), classes are weighted inversely to their counts,
    and C = 0.001 of scikit-learn. On the published 28x28 flow images, each channel
    of each image minus its own median, this gives UF1/UAR 0.851/0.875 on CASME II,
    0.642/0.654 on SMIC-HS and 0.771/0.787 on both together. C is a fixed choice;
    without standardising, C = 0.1 gives 0.884/0.894, 0.631/0.641, 0.775/0.791.
    BLAS gets one thread: the products are small, several threads wait for each other,
    and their rounding would depend on how many there are.

    Args and result: as in ``evaluate``.
    """
    labels = np.array([s.label for s in samples])
    probs = linear_probs(splits, inputs, labels, len(classes), tell)
    return _rows(samples, splits, labels, probs, classes)


def linear_probs(
    splits: Sequence[Split],
    inputs: np.ndarray,
    labels: np.ndarray,
    classes: int,
    tell: Callable[[int, int, str], None] | None = None,
) -> np.ndarray:
    """The probabilities of ``linear``, [n, classes]; 0 for samples of no fold.

    Args:
        splits, inputs, tell: as in ``evaluate``. labels: [n] int, read at the training
            side of each fold alone.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    check(inputs, len(labels), len(splits))
    probs = np.zeros((len(labels), classes))
    with threadpool_limits(1, "blas"):
        for i, split in enumerate(splits):
            own = inputs[i % len(inputs)].reshape(len(labels), -1).astype(float)
            model = make_pipeline(
                StandardScaler(),
                LogisticRegression(C=1e-3, class_weight="balanced", max_iter=1000),
            ).fit(own[split.train], labels[split.train])
            # A class may be absent from a training side: its probability stays 0.
            found = model.predict_proba(own[split.test])
            probs[np.ix_(split.test, model.classes_)] = found
            if tell:
                tell(i + 1, len(splits), f"fold {split.held_out}")
    return probs


def told(tell: Tell | None, name: str) -> Callable[[int, int, str], None] | None:
    """``tell`` of the folds of one floor."""
    return tell and partial(tell, f"floor {name}")


def random(
    rows: Predictions, *, draws: int = DRAWS, seed: int = 0, rule: str = "pooled"
) -> dict:
    """Expected scores of uniform guessing on these labels, by simulation.

    Returns:
        uf1, uar, accuracy and uf1_sd, uar_sd (of a single guess), draws, and the
        same for each dataset.
    """
    pooled = loso.pool(rows)
    return {
        **_guess(pooled, draws, seed, rule),
        "datasets": {
            str(name): _guess(loso.select(pooled, name), draws, seed, rule)
            for name in np.unique(pooled.dataset)
        },
    }


def write(path: PathLike | str, floors: dict[str, Predictions]) -> None:
    """floors.csv: the columns of predictions.csv after one more, ``floor``."""
    classes = next(iter(floors.values())).classes
    table = ([name, *row] for name, p in floors.items() for row in predictions.rows(p))
    predictions.write_rows(path, ["floor", *predictions.header(classes)], table)


def read(path: PathLike | str) -> dict[str, Predictions]:
    """Read and check what ``write`` wrote.

    Raises:
        UserError: see ``predictions.read``; a floor is unknown, or one is missing.
    """
    (first, *names), table = predictions.read_rows(path)
    if first != "floor":
        raise UserError(
            f"{path} starts with the column {first[:40]!r}; expected 'floor'. {_REMEDY}"
        )
    rows: dict[str, list] = {}
    for floor, *row in table:
        rows.setdefault(floor, []).append(row)
    found = {n: predictions.parse(path, names, own) for n, own in rows.items()}
    known = NAMES["action_units" if next(iter(found.values())).several else "classes"]
    absent, unknown = set(known) - set(found), set(found) - {*known, STANDARDISED}
    if absent or unknown:
        wrong = f"no {min(absent)}" if absent else f"an unknown {min(unknown)[:40]!r}"
        raise UserError(f"{path} has {wrong} floor. {_REMEDY}")
    return found


def _guess(pooled: loso.Pooled, draws: int, seed: int, rule: str) -> dict:
    c = len(pooled.classes)
    counts = np.bincount(pooled.label, minlength=c)[None]
    if rule == "mean_of_folds":
        counts = loso.by_person(pooled)[1][0].sum(-1).astype(int)  # [persons, c]
    generator = np.random.default_rng(seed)
    size = (draws, *counts.shape)
    guessed = generator.multinomial(counts, np.full(c, 1 / c), size=size)
    once = np.ones((1, len(counts)))
    score = metrics.of_persons(guessed, once, rule=rule)
    return {
        "uf1": float(score.uf1.mean()),
        "uar": float(score.uar.mean()),
        "accuracy": float(score.accuracy.mean()),
        "uf1_sd": float(score.uf1.std(ddof=1)),
        "uar_sd": float(score.uar.std(ddof=1)),
        "draws": draws,
    }


def check(inputs: np.ndarray, samples: int, folds: int) -> None:
    """That inputs are [1 or folds, samples, ...].

    Raises:
        ValueError: they are not.
    """
    if inputs.ndim < 3 or len(inputs) not in (1, folds) or inputs.shape[1] != samples:
        raise ValueError(
            f"inputs: expected [1 or {folds}, {samples}, ...], got {inputs.shape}"
        )


def _rows(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    labels: np.ndarray,
    probs: np.ndarray,
    classes: Sequence[str],
) -> Predictions:
    return predictions.table(samples, splits, [0], labels, probs[None], classes)
