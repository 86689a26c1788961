import copy

import numpy as np
import pytest

from selfme_jax.evaluate import floors, folds, loso
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.types import Predictions, Sample

CLASSES = ("negative", "positive", "surprise")


@pytest.fixture(scope="session")
def made() -> tuple[Predictions, dict]:
    """Predictions of three seeds, 80 % right, and their results."""
    generator = np.random.default_rng(0)
    samples = [
        Sample(dataset, f"sub<{p}>", f"c{c}", int(generator.integers(3)))
        for dataset, people in (("casme2", 5), ("smic", 4))
        for p in range(people)
        for c in range(8)
    ]
    splits = folds.loso(samples)
    inputs = generator.normal(size=(1, len(samples), 5))
    floor = floors.evaluate(samples, splits, inputs, CLASSES)
    one = floor["majority"]
    parts = []
    for seed in range(3):
        wrong = generator.random(len(samples)) < 0.2
        probs = np.eye(3)[(one.label + wrong) % 3]
        parts.append(one._replace(seed=one.seed + seed, probs=probs))
    columns = zip(*(p[:-1] for p in parts), strict=True)
    rows = Predictions(*map(np.concatenate, columns), CLASSES)
    protocol = {
        "name": "composite LOSO",
        "score": "pooled",
        "epoch_rule": "fixed",
        "motion_scope": "per_fold",
        "motion_init": "",
        "motion_seeds": 5,
        "pretrained_weights": "",
        "labels_shuffled": False,
        "imitation": False,
        "partial": "",
        "saw_test_subject": False,
        "videos_unchecked": False,
    }
    return rows, {
        **loso.summarise(rows, resamples=100),
        "floors": floors.summarise(floor, resamples=100),
        "margins": loso.margins(rows, floor, resamples=100),
        "protocol": protocol,
        "provenance": {"git": "abc", "versions": {"jax": "1.2"}, "device": "cpu"},
    }


@pytest.fixture(scope="session")
def made_units(made) -> tuple[Predictions, dict]:
    """The same clips with action units: nobody shows AU 25, smic no AU 12."""
    one = loso.pool(made[0])
    samples = [Sample(*name.split("/"), 0, aus="none") for name in one.sample.tolist()]
    generator = np.random.default_rng(1)
    label = (generator.random((len(samples), 4)) < (0.3, 0.5, 0.4, 0)).astype(int)
    label[one.dataset == "smic", 2] = 0
    cells = ["+".join(np.array(["1", "4", "12", "25"])[row == 1]) for row in label]
    samples = [s._replace(aus=c or "none") for s, c in zip(samples, cells, strict=True)]
    target = ActionUnits((1, 4, 12, 25))
    splits = folds.loso([s._replace(label=i % 2) for i, s in enumerate(samples)])
    floor = target.floors(samples, splits, generator.normal(size=(1, len(samples), 5)))
    logits = generator.normal(size=(3, *label.shape)) + 3.0 * label - 1.5
    rows = target.table(logits, samples, splits, range(3))
    found = target.summarise(rows, floor, resamples=100, rule="pooled")
    rest = {key: made[1][key] for key in ("protocol", "provenance")}
    return rows, found | rest


@pytest.fixture
def unit_rows(made_units) -> Predictions:
    return made_units[0]


@pytest.fixture
def unit_results(made_units) -> dict:
    return copy.deepcopy(made_units[1])


@pytest.fixture
def rows(made) -> Predictions:
    return made[0]


@pytest.fixture
def results(made) -> dict:
    return copy.deepcopy(made[1])
