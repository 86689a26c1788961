"""From pooled predictions to the scores of results.json.

Predictions of all folds are pooled before anything is scored; a mean of per-fold
scores is no LOSO score. Seeds are scored one by one and averaged.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from selfme_jax.evaluate import bootstrap, metrics
from selfme_jax.types import Predictions, UserError


class Pooled(NamedTuple):
    """Predictions by seed and sample, sorted: row order of the file is gone."""

    classes: tuple[str, ...]
    seeds: np.ndarray  # [s] int
    dataset: np.ndarray  # [n] str
    person: np.ndarray  # [n] str, unique over datasets
    sample: np.ndarray  # [n] str, unique over datasets and subjects
    label: np.ndarray  # [n] int, or [n, c] int of 0/1
    probs: np.ndarray  # [s, n, c] float


def summarise(
    predictions: Predictions,
    *,
    resamples: int = 2000,
    seed: int = 0,
    rule: str = "pooled",
) -> dict:
    """Scores of all rows, and under ``datasets`` the same for each dataset.

    Args:
        predictions: every seed must hold every sample once.
        resamples: of the subject bootstrap.
        seed: of the subject bootstrap.
        rule: 'pooled', or 'mean_of_folds' (``metrics.of_persons``), which changes
            uf1, uar and accuracy, also of the vote, their sd and intervals.

    Returns:
        JSON-ready dict. uf1, uar, accuracy, per_class_f1: means over seeds; uf1_sd,
        uar_sd: sample standard deviation over seeds (0 for one seed); confusion:
        [c, c] mean counts, row = truth; ensemble: the vote of all seeds (argmax of
        the mean probability); ci95: 95 % interval of the mean over seeds.

    Raises:
        UserError: a seed misses a sample or holds it twice, or seeds disagree on a
            label.
    """
    pooled = pool(predictions)
    options = {"resamples": resamples, "seed": seed, "rule": rule}
    return {
        **_summary(pooled, **options),
        "datasets": {
            str(name): _summary(select(pooled, name), **options)
            for name in np.unique(pooled.dataset)
        },
    }


def margins(
    predictions: Predictions,
    floors: dict[str, Predictions],
    *,
    resamples: int = 2000,
    seed: int = 0,
    rule: str = "pooled",
) -> dict[str, dict]:
    """Score minus floor with a paired 95 % interval, for each floor.

    Args:
        predictions: of the method. floors: by name, as ``floors.read`` gives them.
        resamples: of the subject bootstrap; both sides get the same subjects.
        seed: of the subject bootstrap. rule: see ``summarise``.

    Returns:
        {floor: {uf1, uar, ci95, datasets: {name: the same}}}.

    Raises:
        UserError: the two do not hold the same samples.
    """
    ours = pool(predictions)
    change = partial(difference, resamples=resamples, seed=seed, rule=rule)
    result = {}
    for name, rows in floors.items():
        theirs = pool(rows)
        same_samples(ours, theirs, name)
        result[name] = {
            **change(ours, theirs),
            "datasets": {
                str(d): change(select(ours, d), select(theirs, d))
                for d in np.unique(ours.dataset)
            },
        }
    return result


def difference(
    ours: Pooled,
    theirs: Pooled,
    *,
    resamples: int,
    seed: int = 0,
    rule: str = "pooled",
    their_rule: str = "",
) -> dict:
    """Ours minus theirs, of the same samples, with paired 95 % intervals.

    their_rule: where theirs is scored by another rule than ours.
    """
    sides = [
        (by_person(ours)[1], rule),
        (by_person(theirs)[1], their_rule or rule),
    ]
    a, b = (_score(counts, of_side) for counts, of_side in sides)
    options = {"resamples": resamples, "seed": seed}
    drawn = [bootstrap.scores(c, rule=of_side, **options) for c, of_side in sides]
    return {
        "uf1": float(a.uf1.mean() - b.uf1.mean()),
        "uar": float(a.uar.mean() - b.uar.mean()),
        "ci95": {
            "uf1": bootstrap.interval(drawn[0].uf1 - drawn[1].uf1),
            "uar": bootstrap.interval(drawn[0].uar - drawn[1].uar),
        },
    }


def pool(predictions: Predictions) -> Pooled:
    """Align the seeds by (dataset, subject, sample).

    Raises:
        UserError: see ``summarise``.
    """
    seeds = np.unique(predictions.seed)
    if not len(seeds):
        raise UserError("no predictions. Run the classifier stage.")
    keys = list(
        zip(predictions.dataset, predictions.subject, predictions.sample, strict=True)
    )
    samples = sorted(set(keys))
    rows = np.stack([_rows(keys, predictions.seed == s, samples, s) for s in seeds])
    label = predictions.label[rows]
    other = (label != label[0]).reshape(*label.shape[:2], -1).any((0, 2))
    if other.any():
        worst = samples[int(other.argmax())]
        raise UserError(
            f"seeds disagree on the label of {'/'.join(worst)}. "
            "Run the classifier stage again."
        )
    return Pooled(
        predictions.classes,
        seeds,
        np.array([key[0] for key in samples]),
        np.array(["/".join(key[:2]) for key in samples]),
        np.array(["/".join(key) for key in samples]),
        label[0],
        np.asarray(predictions.probs, float)[rows],
    )


def select(pooled: Pooled, dataset: str) -> Pooled:
    """The samples of one dataset."""
    own = pooled.dataset == dataset
    return pooled._replace(
        dataset=pooled.dataset[own],
        person=pooled.person[own],
        sample=pooled.sample[own],
        label=pooled.label[own],
        probs=pooled.probs[:, own],
    )


def by_person(pooled: Pooled) -> tuple[np.ndarray, np.ndarray]:
    """Sorted persons [p], and their confusions [seeds, p, c, c] counts."""
    persons, person = np.unique(pooled.person, return_inverse=True)
    c = len(pooled.classes)
    counts = np.zeros((len(pooled.seeds), len(persons), c, c))
    for of_seed, pred in zip(counts, pooled.probs.argmax(-1), strict=True):
        np.add.at(of_seed, (person, pooled.label, pred), 1)
    return persons, counts


def alike(ours: Pooled, theirs: Pooled) -> bool:
    """Whether two are of the same outputs, samples and labels."""
    return (
        ours.classes == theirs.classes
        and np.array_equal(ours.sample, theirs.sample)
        and np.array_equal(ours.label, theirs.label)
    )


def same_samples(ours: Pooled, theirs: Pooled, name: str) -> None:
    """That a floor can be held against predictions.

    Raises:
        UserError: it is of other outputs, samples or labels.
    """
    if not alike(ours, theirs):
        raise UserError(
            f"predictions and the floor {name} are not of the same samples. "
            "Run the classifier stage again."
        )


def _rows(keys: list, of_seed: np.ndarray, samples: list, seed: int) -> np.ndarray:
    """Row number of each sample in one seed."""
    row = {}
    for i in np.flatnonzero(of_seed):
        if keys[i] in row:
            raise UserError(
                f"seed {seed} holds {'/'.join(keys[i])} twice. "
                "Run the classifier stage again."
            )
        row[keys[i]] = i
    missing = [key for key in samples if key not in row]
    if missing:
        raise UserError(
            f"seed {seed} misses {len(missing)} sample(s), first "
            f"{'/'.join(missing[0])}. Run the classifier stage again."
        )
    return np.array([row[key] for key in samples])


def _summary(pooled: Pooled, **options) -> dict:
    persons, counts = by_person(pooled)
    confusion = counts.sum(1)  # [s, c, c]
    score = _score(counts, options["rule"])
    drawn = bootstrap.scores(counts, **options)
    return {
        "uf1": float(score.uf1.mean()),
        "uar": float(score.uar.mean()),
        "uf1_sd": sd(score.uf1),
        "uar_sd": sd(score.uar),
        "ci95": {
            "uf1": bootstrap.interval(drawn.uf1),
            "uar": bootstrap.interval(drawn.uar),
        },
        "accuracy": float(score.accuracy.mean()),
        "confusion": confusion.mean(0).tolist(),
        "per_class_f1": metrics.per_class_f1(confusion).mean(0).tolist(),
        "classes": list(pooled.classes),
        "n": len(pooled.label),
        "subjects": len(persons),
        "class_counts": np.bincount(
            pooled.label, minlength=len(pooled.classes)
        ).tolist(),
        "seeds": [
            {"seed": int(s), "uf1": float(a), "uar": float(b), "accuracy": float(c)}
            for s, a, b, c in zip(pooled.seeds, *score, strict=True)
        ],
        "ensemble": _ensemble(pooled, options["rule"]),
    }


def _score(counts: np.ndarray, rule: str) -> metrics.Scores:
    """Scores of all persons [s, p, c, c], each counted once; fields are [s]."""
    once = np.ones((1, counts.shape[1]))
    return metrics.Scores(*(f[0] for f in metrics.of_persons(counts, once, rule=rule)))


def _ensemble(pooled: Pooled, rule: str) -> dict:
    vote = pooled._replace(
        seeds=pooled.seeds[:1], probs=pooled.probs.mean(0, keepdims=True)
    )
    counts = by_person(vote)[1]
    return {
        **{name: float(v[0]) for name, v in _score(counts, rule)._asdict().items()},
        "confusion": counts[0].sum(0).astype(int).tolist(),
    }


def sd(values: np.ndarray) -> float:
    """Sample standard deviation over seeds; 0 for one seed."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0
