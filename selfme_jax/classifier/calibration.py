"""From logits to probabilities and decisions, fitted on procedural fields alone."""

from typing import NamedTuple

import numpy as np


class Calibration(NamedTuple):
    """Of classes [k] and action units (AUs) [a].

    temperature: logits of classes are divided by it. slopes, offsets: [a], the
    probability of an AU is sigmoid(slope * logit + offset) (Platt 1999). thresholds:
    [a], an AU is found where its probability is above.
    """

    temperature: float
    slopes: np.ndarray
    offsets: np.ndarray
    thresholds: np.ndarray


def fit(logits: np.ndarray, classes: np.ndarray, units: np.ndarray) -> Calibration:
    """Temperature by likelihood, AUs by logistic regression, thresholds by F1.

    Args:
        logits: [n, k + a] of fields that were not trained on.
        classes: [n, k] shares; rows of zeros do not count.
        units: [n, a], 0 or 1, both met of every AU.
    """
    k = classes.shape[1]
    scaled = [_platt(x, u) for x, u in zip(logits[:, k:].T, units.T, strict=True)]
    slopes, offsets = (np.array(column) for column in zip(*scaled, strict=True))
    probs = sigmoid(slopes * logits[:, k:] + offsets)
    thresholds = [best_threshold(p, u) for p, u in zip(probs.T, units.T, strict=True)]
    counts = classes.any(1)
    warmth = _temperature(logits[counts, :k], classes[counts])
    return Calibration(warmth, slopes, offsets, np.array(thresholds))


def apply(found: Calibration, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of classes [n, k] and of AUs [n, a], of logits [n, k + a]."""
    k = logits.shape[1] - len(found.slopes)
    classes = softmax(logits[:, :k] / found.temperature)
    return classes, sigmoid(found.slopes * logits[:, k:] + found.offsets)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Without overflow."""
    return np.exp(-np.logaddexp(0, -logits))


def best_threshold(probs: np.ndarray, truth: np.ndarray) -> float:
    """Where F1 of ``probs > threshold`` is best: [n], [n] of 0 and 1 -> in [0, 1).

    Between two neighbouring probabilities, so that rounding decides nothing.
    """
    order = np.argsort(-probs, kind="stable")
    hits = np.cumsum(truth[order])
    scores = 2 * hits / (np.arange(1, len(probs) + 1) + truth.sum())
    ranked = probs[order]
    ends = np.append(ranked[:-1] > ranked[1:], True)  # equal ones go together
    best = int(np.argmax(np.where(ends, scores, -1)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def calibration_error(
    probs: np.ndarray, correct: np.ndarray, *, bins: int = 10
) -> float:
    """Expected calibration error: probs [n] of what is answered, correct [n] 0 or 1.

    Mean over equal bins of [0, 1] of |accuracy - confidence|, weighted by their size
    (Guo et al. 2017).
    """
    which = np.minimum((probs * bins).astype(int), bins - 1)
    gaps = [abs((correct - probs)[which == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(probs))


def risk_coverage(probs: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """[n] share of wrong answers among the i + 1 most confident ones."""
    order = np.argsort(-probs, kind="stable")
    return np.cumsum(1 - correct[order]) / np.arange(1, len(probs) + 1)


def _temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """The likeliest of a fine grid; the likelihood has one maximum and a flat top."""
    grid = np.geomspace(0.1, 10, 201)
    entropies = [
        -(classes * np.log(np.maximum(softmax(logits / t), 1e-12))).sum() for t in grid
    ]
    return float(grid[int(np.argmin(entropies))])


def _platt(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e4).fit(logits[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
