import numpy as np
import pytest

from selfme_jax.types import Predictions, Sample

CLASSES = ("negative", "positive", "surprise")


@pytest.fixture
def samples() -> list[Sample]:
    """Two datasets that share a subject name; sizes and labels unlike each other."""
    generator = np.random.default_rng(3)
    made = []
    for dataset, sizes in {"b": (7, 3, 5), "a": (4, 1, 9, 6)}.items():
        for subject, size in enumerate(sizes):
            for clip in range(size):
                label = int(generator.choice(3, p=(0.5, 0.3, 0.2)))
                made.append(Sample(dataset, f"s{subject}", f"c{clip}", label))
    return [made[i] for i in generator.permutation(len(made))]


@pytest.fixture
def rows(samples) -> Predictions:
    """Three seeds that are right more often than not, in no order."""
    generator = np.random.default_rng(4)
    persons = sorted({s.person for s in samples})
    table = [
        (seed, persons.index(s.person), s.dataset, s.subject, s.sample, s.label)
        for seed in (11, 5, 8)
        for s in samples
    ]
    table = [table[i] for i in generator.permutation(len(table))]
    columns = [np.array(c) for c in zip(*table, strict=True)]
    logits = generator.normal(size=(len(table), 3)) + 1.2 * np.eye(3)[columns[5]]
    probs = np.exp(logits)
    return Predictions(*columns, probs / probs.sum(1, keepdims=True), CLASSES)


UNITS = ("au1", "au4", "au12", "au17", "au25")


@pytest.fixture
def unit_rows(samples) -> Predictions:
    """The same samples with units: b never shows 12, all show 17, nobody 25."""
    generator = np.random.default_rng(7)
    label = (generator.random((len(samples), 5)) < (0.3, 0.6, 0.4, 0, 0)).astype(int)
    label[[s.dataset == "b" for s in samples], 2] = 0
    label[:, 3] = 1
    order = generator.permutation(3 * len(samples))
    columns = [
        np.tile([getattr(s, f) for s in samples], 3)[order]
        for f in ("dataset", "subject", "sample")
    ]
    truth = np.tile(label, (3, 1))[order]
    probs = 1 / (1 + np.exp(-generator.normal(size=truth.shape) - 2 * truth + 1))
    probs = probs.round(1)  # ties, and some at 0.5
    seed = np.repeat([11, 5, 8], len(samples))[order]
    return Predictions(seed, 0 * seed, *columns, truth, probs, UNITS)
