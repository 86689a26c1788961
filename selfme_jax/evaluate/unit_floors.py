"""What scores of action units must be held against: constant, prevalence, linear."""

from collections.abc import Callable, Sequence

import numpy as np

from selfme_jax.evaluate import floors, loso, predictions, units
from selfme_jax.evaluate.loso import Pooled
from selfme_jax.types import Predictions, Sample, Split, Tell

GUESS = "prevalence"  # its probabilities are guessed by: no predictions of their own


def evaluate(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    inputs: np.ndarray,
    labels: np.ndarray,
    outputs: Sequence[str],
    standardised: np.ndarray | None = None,
    tell: Tell | None = None,
) -> dict[str, Predictions]:
    """Predictions of the floors under the same folds.

    Args:
        samples: all of them. splits: they hold out none twice.
        inputs: [d, n, ...] what the method reads; d = 1 where all folds share it, or
            one per fold.
        labels: [n, a] of 0/1. outputs: their names.
        standardised: of the shape of inputs, each image divided by its deviation.
        tell: told after every fold of a linear floor.

    Returns:
        constant (each unit is always there), prevalence (probabilities are shares of
        the training side), linear, and linear_standardised if there is such.
    """
    shares = np.empty(labels.shape)
    for split in splits:
        shares[split.test] = labels[split.train].mean(0)
    probs = {"constant": np.ones(labels.shape), GUESS: shares}
    reads = {"linear": inputs, floors.STANDARDISED: standardised}
    for name, read in reads.items():
        if read is not None:
            probs[name] = linear(splits, read, labels, floors.told(tell, name))
    return {
        name: predictions.table(samples, splits, [0], labels, own[None], outputs)
        for name, own in probs.items()
    }


def linear(
    splits: Sequence[Split],
    inputs: np.ndarray,
    labels: np.ndarray,
    tell: Callable[[int, int, str], None] | None = None,
) -> np.ndarray:
    """A logistic regression for each unit on the values of the input, fold by fold.

    Settings are those of ``floors.linear``: values standardised on the training side,
    C = 0.001, both sides of a unit weighted alike. Where there are more values than
    samples the training side is turned into as many coordinates as it has samples,
    which changes no solution. A unit that a training side shows never, or always, is
    predicted as that.

    Returns:
        [n, a] probabilities; 0 for samples of no fold.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    floors.check(inputs, len(labels), len(splits))
    probs = np.zeros(labels.shape)
    with threadpool_limits(1, "blas"):  # see floors.linear
        for i, split in enumerate(splits):
            own = inputs[i % len(inputs)].reshape(len(labels), -1).astype(float)
            scaler = StandardScaler().fit(own[split.train])
            train, test = (scaler.transform(own[s]) for s in (split.train, split.test))
            if train.shape[1] > len(train):
                turn, corner = np.linalg.qr(train.T)
                train, test = corner.T, test @ turn
            for a, of_unit in enumerate(labels[split.train].T):
                if of_unit.min() == of_unit.max():
                    probs[split.test, a] = of_unit[0]
                    continue
                model = LogisticRegression(
                    C=1e-3, class_weight="balanced", max_iter=1000
                ).fit(train, of_unit)
                probs[split.test, a] = model.predict_proba(test)[:, 1]
            if tell:
                tell(i + 1, len(splits), f"fold {split.held_out}")
    return probs


def summarise(
    found: dict[str, Predictions], *, resamples: int = 2000, seed: int = 0
) -> dict[str, dict]:
    """The ``floors`` part of results.json, from what ``evaluate`` gives.

    Args:
        found: as ``evaluate`` or ``floors.read`` give them.
        resamples: of the subject bootstrap. seed: of it.
    """
    return {
        name: guess(rows)
        if name == GUESS
        else units.summarise(rows, resamples=resamples, seed=seed)
        for name, rows in found.items()
    }


def guess(rows: Predictions, *, draws: int = floors.DRAWS, seed: int = 0) -> dict:
    """Expected scores of guessing each unit with its probability, by simulation.

    Returns:
        mean_f1 and its sd (of a single guess), mean_auc (guesses order nothing: 0.5),
        aus: {unit: f1, auc}, draws, and the same for each dataset.
    """
    pooled = loso.pool(rows)
    return {
        **_guess(pooled, draws, seed),
        "datasets": {
            name: _guess(part, draws, seed)
            for name, part in units.parts(pooled).items()
        },
    }


def _guess(pooled: Pooled, draws: int, seed: int) -> dict:
    generator = np.random.default_rng(seed)
    aus, drawn = {}, []
    for a in np.flatnonzero(units.scored(pooled)):
        label, probs = pooled.label[:, a], pooled.probs[0, :, a]
        kinds, kind = np.unique(probs, return_inverse=True)
        shown, all_of = (np.bincount(kind, w) for w in (label, None))
        size = (draws, len(kinds))
        hits = generator.binomial(shown.astype(int), kinds, size).sum(1)
        alarms = generator.binomial(all_of - shown.astype(int), kinds, size).sum(1)
        drawn.append(2 * hits / (shown.sum() + hits + alarms))
        name = predictions.number(pooled.classes[a])
        aus[name] = {"f1": float(drawn[-1].mean()), "auc": 0.5}
    mean = np.mean(drawn, 0)
    return {
        "mean_f1": float(mean.mean()),
        "mean_f1_sd": float(mean.std(ddof=1)),
        "mean_auc": 0.5,
        "aus": aus,
        "draws": draws,
    }
