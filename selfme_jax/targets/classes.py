"""One class a clip: softmax, cross-entropy, unweighted F1 and recall (UF1, UAR)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.evaluate import floors as class_floors
from selfme_jax.evaluate import loso, predictions
from selfme_jax.evaluate.predictions import expect
from selfme_jax.types import Predictions, Sample, Split, Tell


class Classes(NamedTuple):
    """The target of ``targets.base``; outputs: names of the classes, in order."""

    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """'classes'."""
        return "classes"

    def labels(self, samples: Sequence[Sample]) -> np.ndarray:
        """[n] int32, indices into ``outputs``."""
        return np.array([s.label for s in samples], np.int32)

    def draws(
        self, labels: np.ndarray, train: np.ndarray, *, balance: float
    ) -> np.ndarray:
        """(count of the sample's class in the training side) ** -balance."""
        own = labels[train]
        return by_count(np.bincount(own, minlength=len(self.outputs))[own], balance)

    def shares(self, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
        """The loss need not know anything: zeros [1]."""
        del labels, train
        return np.zeros(1, np.float32)

    def loss(
        self,
        logits: jax.Array,
        labels: jax.Array,
        shares: jax.Array,
        *,
        smoothing: float,
    ) -> jax.Array:
        """Cross-entropy against smoothed one-hot labels: [b, c], [b] -> [b]."""
        del shares
        target = jax.nn.one_hot(labels, logits.shape[-1])
        return optax.softmax_cross_entropy(
            logits, optax.smooth_labels(target, smoothing)
        )

    def groups(self, labels: jax.Array) -> jax.Array:
        """Samples of a class are positives of each other: the labels as they are."""
        return labels

    def hits(self, logits: jax.Array, labels: jax.Array) -> jax.Array:
        """Share of samples whose most probable class is theirs."""
        return (logits.argmax(-1) == labels).mean()

    def link(self, logits: Any) -> Any:
        """Softmax."""
        if not isinstance(logits, np.ndarray):
            return jax.nn.softmax(jnp.asarray(logits))
        probs = np.exp(logits - logits.max(-1, keepdims=True))
        return probs / probs.sum(-1, keepdims=True)

    def table(
        self,
        logits: np.ndarray,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        seeds: Sequence[int],
    ) -> Predictions:
        """[seeds, n, classes] logits -> one row per seed and sample."""
        labels = self.labels(samples).astype(int)
        probs = predictions.of_tested(self.link, logits, splits)
        return predictions.table(samples, splits, seeds, labels, probs, self.outputs)

    def linear(
        self, splits: Sequence[Split], inputs: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """[n, classes]; see ``evaluate.floors.linear``."""
        return class_floors.linear_probs(splits, inputs, labels, len(self.outputs))

    def floors(
        self,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        read: np.ndarray,
        standardised: np.ndarray | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Predictions]:
        """Majority and linear; see ``evaluate.floors.evaluate``."""
        return class_floors.evaluate(
            samples, splits, read, self.outputs, standardised, tell
        )

    def summarise(
        self,
        predictions: Predictions,
        floors: dict[str, Predictions],
        *,
        resamples: int,
        rule: str,
    ) -> dict:
        """See ``evaluate.loso.summarise``, ``floors.summarise``, ``loso.margins``."""
        for rows in (predictions, *floors.values()):
            expect(rows, self.outputs)
        options: dict[str, Any] = {"resamples": resamples, "rule": rule}
        return {
            "target": self.name,
            **loso.summarise(predictions, **options),
            "floors": class_floors.summarise(floors, **options),
            "margins": loso.margins(predictions, floors, **options),
        }

    def announce(self, samples: Sequence[Sample]) -> str:
        """'88 negative, 32 positive, 25 surprise'."""
        counts = np.bincount(self.labels(samples), minlength=len(self.outputs))
        return ", ".join(
            f"{count} {name}" for count, name in zip(counts, self.outputs, strict=True)
        )


def by_count(counts: np.ndarray, balance: float) -> np.ndarray:
    """``counts ** -balance`` float64, above 0 in float32 for any balance.

    counts: [n] int, how many samples are of each one's kind. Balances so large that
    this underflows give the smallest weight to all but the rarest kinds.
    """
    with np.errstate(over="ignore"):  # infinite weights are refused where they lead
        weights = counts.astype(np.float64) ** -balance
    least = float(np.finfo(np.float32).tiny)
    if weights.min() < least:
        weights = np.maximum((counts / counts.min()) ** -balance, least)
    return weights
