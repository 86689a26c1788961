"""Scores of several action units at once: F1 and AUC of each, and their means.

As everywhere, predictions of all folds are pooled before anything is scored, and seeds
are scored one by one and averaged. A unit is scored where some samples show it and some
do not; the others are left out of the means, and named. An F1 counts a unit as
predicted from a probability of 0.5.
"""

from typing import NamedTuple

import numpy as np

from selfme_jax.evaluate import bootstrap, loso
from selfme_jax.evaluate.loso import Pooled
from selfme_jax.evaluate.predictions import number
from selfme_jax.types import Predictions, UserError


class Scores(NamedTuple):
    """F1 and area under the ROC curve, [r, s, a] each; nan = not defined."""

    f1: np.ndarray
    auc: np.ndarray


def summarise(
    predictions: Predictions, *, resamples: int = 2000, seed: int = 0
) -> dict:
    """Scores of all rows, and under ``datasets`` the same for each dataset.

    Args:
        predictions: every seed must hold every sample once.
        resamples: of the subject bootstrap. seed: of it.

    Returns:
        JSON-ready dict. units: all of them; left_out: those not scored; aus: {unit: f1,
        auc, f1_sd, auc_sd, ci95, n = samples that show it}; mean_f1, mean_auc over the
        scored units, their sd over seeds and ci95; ensemble: of the mean probability of
        all seeds. A resample in which a unit cannot be scored does without that unit.
        A dataset without any scored unit is none of ``datasets``.

    Raises:
        UserError: see ``loso.pool``; no unit can be scored.
    """
    pooled = loso.pool(predictions)
    options = {"resamples": resamples, "seed": seed}
    return {**_summary(pooled, **options), "datasets": _parts(pooled, options)}


def margins(
    predictions: Predictions,
    floors: dict[str, Predictions],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, dict]:
    """Score minus floor with a paired 95 % interval, for each floor.

    Returns:
        {floor: {mean_f1, mean_auc, ci95, aus: {unit: {f1, auc, ci95}}, datasets}}.

    Raises:
        UserError: the two do not hold the same samples.
    """
    ours = loso.pool(predictions)
    options = {"resamples": resamples, "seed": seed}
    result = {}
    for name, rows in floors.items():
        theirs = loso.pool(rows)
        loso.same_samples(ours, theirs, name)
        result[name] = {
            **difference(ours, theirs, **options),
            "datasets": {
                d: difference(part, loso.select(theirs, d), **options)
                for d, part in parts(ours).items()
            },
        }
    return result


def difference(ours: Pooled, theirs: Pooled, *, resamples: int, seed: int = 0) -> dict:
    """Ours minus theirs, of the same samples, with paired 95 % intervals."""
    use = scored(ours)
    names = [ours.classes[i] for i in np.flatnonzero(use)]
    points = [_points(side, use) for side in (ours, theirs)]
    drawn = [_drawn(side, use, resamples, seed) for side in (ours, theirs)]
    result: dict = {"ci95": {}, "aus": {number(n): {} for n in names}}
    for key in Scores._fields:
        a, b = (getattr(p, key).mean(0) for p in points)  # [a]
        change = np.subtract(*(getattr(d, key).mean(1) for d in drawn))  # [r, a]
        result[f"mean_{key}"] = float(a.mean() - b.mean())
        result["ci95"][f"mean_{key}"] = _interval(_mean(change), least=-1.0)
        for i, own in enumerate(result["aus"].values()):
            own[key] = float(a[i] - b[i])
            span = _interval(change[:, i], least=-1.0)
            own.setdefault("ci95", {})[key] = span
    return result


def parts(pooled: Pooled) -> dict[str, Pooled]:
    """The samples of each dataset of which any unit can be scored."""
    found = {str(d): loso.select(pooled, d) for d in np.unique(pooled.dataset)}
    return {name: part for name, part in found.items() if scored(part).any()}


def scored(pooled: Pooled) -> np.ndarray:
    """[a] bool: some samples show the unit, and some do not."""
    count = pooled.label.sum(0)
    return (count > 0) & (count < len(pooled.label))


def of_persons(pooled: Pooled, times: np.ndarray) -> Scores:
    """Scores of persons who are counted so many times.

    Args:
        pooled: label [n, a], probs [s, n, a].
        times: [r, p] float, how often each person (sorted) counts.

    Returns:
        [r, s, a]; nan where no sample shows the unit, or every one does.
    """
    persons, person = np.unique(pooled.person, return_inverse=True)
    shape = len(times), len(pooled.seeds), len(pooled.classes)
    f1, auc = np.empty(shape), np.empty(shape)

    def counted(which: np.ndarray) -> np.ndarray:
        return times @ np.bincount(person[which], minlength=len(persons))

    for a in range(shape[2]):
        label = pooled.label[:, a].astype(bool)
        shown, hidden = counted(label), counted(~label)
        both = (shown > 0) & (hidden > 0)
        for s in range(shape[1]):
            probs = pooled.probs[s, :, a]
            hits = counted(label & (probs >= 0.5))
            # 2 TP + FP + FN = what is shown + what is predicted.
            either = shown + counted(probs >= 0.5)
            f1[:, s, a] = 2 * hits / np.where(both, either, np.nan)
            wins = _wins(probs, label, person)
            area = np.einsum("rp,rp->r", times @ wins, times)
            auc[:, s, a] = area / np.where(both, shown * hidden, np.nan)
    return Scores(f1, auc)


def _summary(pooled: Pooled, **options: int) -> dict:
    use = scored(pooled)
    if not use.any():
        raise UserError(
            "none of the action units "
            f"{', '.join(number(n) for n in pooled.classes)} is shown by "
            "some of these samples and not by others. Set --config.action_units."
        )
    names = [number(n) for n in pooled.classes]
    point, drawn = _points(pooled, use), _drawn(pooled, use, **options)
    counts = pooled.label.sum(0)[use]
    own = [n for n, used in zip(names, use, strict=True) if used]
    result: dict = {
        "units": names,
        "left_out": [n for n in names if n not in own],
        "aus": {n: {"n": int(c)} for n, c in zip(own, counts, strict=True)},
        "n": len(pooled.label),
        "subjects": len(np.unique(pooled.person)),
        "ci95": {},
        "seeds": [{"seed": int(s)} for s in pooled.seeds],
    }
    for key in Scores._fields:
        values, resampled = getattr(point, key), getattr(drawn, key).mean(1)
        mean = values.mean(1)  # [s]
        result |= {f"mean_{key}": float(mean.mean()), f"mean_{key}_sd": loso.sd(mean)}
        result["ci95"][f"mean_{key}"] = _interval(_mean(resampled))
        for entry, value in zip(result["seeds"], mean, strict=True):
            entry[f"mean_{key}"] = float(value)
        for i, entry in enumerate(result["aus"].values()):
            entry |= {
                key: float(values[:, i].mean()),
                f"{key}_sd": loso.sd(values[:, i]),
            }
            entry.setdefault("ci95", {})[key] = _interval(resampled[:, i])
    return result | {"ensemble": _ensemble(pooled, use)}


def _parts(pooled: Pooled, options: dict) -> dict:
    return {name: _summary(p, **options) for name, p in parts(pooled).items()}


def _ensemble(pooled: Pooled, use: np.ndarray) -> dict:
    vote = pooled._replace(
        seeds=pooled.seeds[:1], probs=pooled.probs.mean(0, keepdims=True)
    )
    point = _points(vote, use)
    return {f"mean_{key}": float(v.mean()) for key, v in point._asdict().items()}


def _points(pooled: Pooled, use: np.ndarray) -> Scores:
    """[s, used] each: every person counts once."""
    once = np.ones((1, len(np.unique(pooled.person))))
    return Scores(*(x[0] for x in of_persons(_used(pooled, use), once)))


def _drawn(pooled: Pooled, use: np.ndarray, resamples: int, seed: int) -> Scores:
    """[r, s, used] each."""
    people = len(np.unique(pooled.person))
    times = bootstrap.times_drawn(people, resamples, seed)
    return of_persons(_used(pooled, use), times)


def _used(pooled: Pooled, use: np.ndarray) -> Pooled:
    names = tuple(n for n, used in zip(pooled.classes, use, strict=True) if used)
    return pooled._replace(
        classes=names, label=pooled.label[:, use], probs=pooled.probs[..., use]
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the units that are defined: [r, a] -> [r]."""
    count = np.isfinite(values).sum(1)
    return np.nansum(values, 1) / np.where(count > 0, count, np.nan)


def _interval(values: np.ndarray, least: float = 0.0) -> list[float]:
    """``bootstrap.interval`` of what is defined; [least, 1] where nothing is."""
    known = values[np.isfinite(values)]
    return bootstrap.interval(known) if len(known) else [least, 1.0]


def _wins(probs: np.ndarray, label: np.ndarray, person: np.ndarray) -> np.ndarray:
    """How often negatives of person i are below positives of person j: [p, p].

    A tie counts half; with everybody once, their sum is Mann and Whitney's U.
    """
    above = np.sign(probs[label][:, None] - probs[~label][None]) / 2 + 0.5
    rows = np.zeros((person.max() + 1, above.shape[1]))
    np.add.at(rows, person[label], above)
    result = np.zeros((len(rows), len(rows)))
    np.add.at(result, person[~label], rows.T)
    return result
