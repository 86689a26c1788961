"""Unweighted F1 and recall from labels or confusion counts.

Rule for absent classes, the same everywhere: 0/0 counts as 0. A class that is
neither labelled nor predicted therefore enters both means as 0 (scikit-learn with
``labels=range(c), zero_division=0``); dropping it would make a score over fewer
classes look fine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Scores(NamedTuple):
    """Scores of confusions [..., c, c]; each field is [...]."""

    uf1: np.ndarray
    uar: np.ndarray
    accuracy: np.ndarray


def uf1_uar(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> tuple[float, float]:
    """Unweighted (macro) F1 and unweighted average recall of pooled predictions.

    Args:
        labels: [n] int in [0, num_classes).
        predictions: [n] int in [0, num_classes).
        num_classes: classes that enter the means, absent ones as 0.

    Raises:
        ValueError: other lengths, types or ranges than these.
    """
    result = scores(confusion(labels, predictions, num_classes))
    return float(result.uf1), float(result.uar)


def confusion(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> np.ndarray:
    """[c, c] int counts; row = label (truth), column = prediction.

    Raises:
        ValueError: see ``uf1_uar``.
    """
    labels = _indices(labels, num_classes, "labels")
    predictions = _indices(predictions, num_classes, "predictions")
    if labels.shape != predictions.shape:
        raise ValueError(f"{labels.size} labels but {predictions.size} predictions")
    cell = labels * num_classes + predictions
    return np.bincount(cell, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_f1(confusion: ArrayLike) -> np.ndarray:
    """F1 of each class, [..., c, c] -> [..., c]: 2 TP / (2 TP + FP + FN)."""
    counts = np.asarray(confusion, float)
    # 2 TP + FP + FN = row sum + column sum.
    return _ratio(2 * _hits(counts), counts.sum(-1) + counts.sum(-2))


def scores(confusion: ArrayLike) -> Scores:
    """UF1, UAR and accuracy of confusions with any leading axes."""
    counts = np.asarray(confusion, float)
    hits = _hits(counts)
    return Scores(
        uf1=per_class_f1(counts).mean(-1),
        uar=_ratio(hits, counts.sum(-1)).mean(-1),
        accuracy=_ratio(hits.sum(-1), counts.sum((-2, -1))),
    )


def fold_scores(confusion: ArrayLike) -> Scores:
    """Scores of folds by themselves, over the classes that a fold meets.

    Few subjects show every class, so those who average scores of folds leave out the
    classes that are neither labelled nor predicted in one, as scikit-learn does if it
    is not told the labels. Confusions [..., c, c] with no count at all score 0.
    """
    counts = np.asarray(confusion, float)
    hits, labelled, guessed = _hits(counts), counts.sum(-1), counts.sum(-2)
    met = (labelled + guessed > 0).sum(-1)
    return Scores(
        uf1=_ratio(per_class_f1(counts).sum(-1), met),
        uar=_ratio(_ratio(hits, labelled).sum(-1), met),
        accuracy=_ratio(hits.sum(-1), labelled.sum(-1)),
    )


def of_persons(confusions: np.ndarray, times: np.ndarray, *, rule: str) -> Scores:
    """Scores of persons who are counted so many times; each field is [r, s].

    Args:
        confusions: [s, p, c, c] counts of each person, for each of s seeds.
        times: [r, p], how often each person counts.
        rule: 'pooled' (the predictions of all are one confusion: the LOSO score) or
            'mean_of_folds' (``fold_scores`` of each person, averaged: another, wrong
            number that is also published).
    """
    if rule == "pooled":
        pooled = np.einsum("rp,spij->rsij", times, confusions, optimize=True)
        return scores(pooled)
    shares = times / times.sum(-1, keepdims=True)
    return Scores(*(shares @ each.T for each in fold_scores(confusions)))


RULES = ("pooled", "mean_of_folds")


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0)


def _indices(values: ArrayLike, num_classes: int, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{name}: expected [n] with n > 0, got shape {values.shape}")
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name}: expected integers, got {values.dtype}")
    if values.min() < 0 or values.max() >= num_classes:
        raise ValueError(
            f"{name}: {values.min()}..{values.max()} is outside 0..{num_classes - 1}"
        )
    return values.astype(np.int64)
