import copy

import numpy as np
import pytest

from selfme_jax.evaluate import floors, folds, loso
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


@pytest.fixture
def rows(made) -> Predictions:
    return made[0]


@pytest.fixture
def results(made) -> dict:
    return copy.deepcopy(made[1])
