"""How the networks of the built-in model are trained, and their answers calibrated."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from selfme_jax.classifier import calibration, procedural
from selfme_jax.classifier.procedural import Training
from selfme_jax.systems import committee
from selfme_jax.systems.committee import Committee, Decision
from selfme_jax.types import Tell

# Our choice, by scores on CASME II: the linear twin wants a ridge, transformers decay.
RECIPES = {
    "linear": Training(1000, weight_decay=0.0, ridge=1e-2),
    "vit": Training(1000, batch_size=128),
    "scvit": Training(1000, batch_size=128),
}
_SIDED = 4000  # held-out fields whose sides are looked at
_FEWEST = 20  # noted fields of each kind that a margin is fitted on


class Lesson(NamedTuple):
    """Procedural fields, units in the order of ``committee.UNITS``.

    images: [n, 28, 28, 3] uint8. classes: [n, 3] shares. units: [n, a] 0 or 1. sides:
    [n, a], -1, 0 or 1.
    """

    images: np.ndarray
    classes: np.ndarray
    units: np.ndarray
    sides: np.ndarray


def train(
    kind: str, lesson: Lesson, *, steps: int, seed: int, tell: Tell | None = None
) -> Any:
    """Parameters of one network, host float32 arrays that float16 holds exactly."""
    step, parts = 1000, []
    for start in range(0, len(lesson.images), step):
        read = committee.standardise(lesson.images[start : start + step])
        parts.append(read.astype(np.float16))
    units = lesson.units.astype(np.float32)
    fields = procedural.Fields(np.concatenate(parts), lesson.classes, units)
    recipe = RECIPES[kind]._replace(steps=steps)
    made = procedural.fit(committee.module(kind), fields, recipe, seed=seed, tell=tell)
    return jax.tree.map(
        lambda x: np.asarray(x, np.float16).astype(np.float32), jax.device_get(made)
    )


def assemble(found: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Networks of each kind, one a seed -> by kind, with a leading axis of seeds."""
    return {
        k: jax.tree.map(lambda *x: np.stack(x), *trees) for k, trees in found.items()
    }


def calibrated(networks: Mapping[str, Any], held_out: Lesson) -> Committee:
    """With decisions fitted on fields that no network has seen."""
    logits = committee.predict(networks, held_out.images)
    some = Lesson(*(x[:_SIDED] for x in held_out))
    margins = fit_margins(
        committee.differences(networks, some.images), some.units, some.sides
    )
    decisions = {
        name: Decision(
            calibration.fit(found, held_out.classes, held_out.units), margins
        )
        for name, found in logits.items()
    }
    return Committee(networks, decisions)


def fit_margins(
    differences: np.ndarray, units: np.ndarray, sides: np.ndarray
) -> np.ndarray:
    """[a], where one-sided and two-sided units are told apart best, as often each.

    Of each unit by itself, if there are enough of both kinds; else of all together.

    Args:
        differences: [n, a], ``committee.side_logits``. units, sides: of ``Lesson``.
    """
    noted = units > 0
    common = _margin(differences[noted], sides[noted])
    found = []
    for d, on, side in zip(differences.T, noted.T, sides.T, strict=True):
        lone = int((side[on] != 0).sum())
        enough = min(lone, int(on.sum()) - lone) >= _FEWEST
        found.append(_margin(d[on], side[on]) if enough else common)
    return np.array(found)


def _margin(difference: np.ndarray, side: np.ndarray) -> float:
    """The best of the quantiles of |difference|."""
    grid = np.quantile(np.abs(difference), np.linspace(0, 1, 101))
    lone = side != 0
    scores = []
    for margin in grid:
        right = committee.sides(difference, margin) == side
        scores.append(right[lone].mean() + right[~lone].mean())
    return float(grid[int(np.argmax(scores))])


def reliability(probs: np.ndarray, correct: np.ndarray, *, sure: float) -> dict:
    """How far probabilities can be trusted.

    Args:
        probs: [n, k] of all classes. correct: [n] bool, the largest one is right.
        sure: least probability that counts as an answer.

    Returns:
        ece (``calibration.calibration_error``); risk: share of wrong answers among
        the most confident '100', '80' and '50' percent; answered: share with a
        probability of at least ``sure``; risk_answered: share of wrong ones among them.
    """
    top = probs.max(-1)
    curve = calibration.risk_coverage(top, correct)
    kept = top >= sure
    return {
        "ece": calibration.calibration_error(top, correct),
        "risk": {
            str(share): float(curve[max(1, round(share / 100 * len(top))) - 1])
            for share in (100, 80, 50)
        },
        "answered": float(kept.mean()),
        "risk_answered": float(1 - correct[kept].mean()) if kept.any() else 0.0,
    }
