"""What a target is: labels, loss, link, prediction rows, scores and floors."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from selfme_jax.types import Predictions, Sample, Split, Tell


@runtime_checkable
class Target(Protocol):
    """What a system predicts, k numbers (logits) a sample. A frozen record.

    Labels are one array over all samples: [n] int32 of a class, or [n, k] int32 of 0/1
    where several things may hold at once.
    """

    @property
    def name(self) -> str:
        """Of the registry, and ``target`` of results.json."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the k logits in order: classes, or 'au1', 'au2', 'au4', ..."""
        ...

    def labels(self, samples: Sequence[Sample]) -> np.ndarray:
        """The truth: [n] int32, or [n, k] int32 of 0/1.

        Raises:
            UserError: samples without such a label.
        """
        ...

    def draws(
        self, labels: np.ndarray, train: np.ndarray, *, balance: float
    ) -> np.ndarray:
        """Sampling weights of the training samples, [len(train)] float64 > 0.

        Args:
            labels: of all samples; read at ``train`` alone.
            train: indices of the training side.
            balance: 0 draws as the data lie, 0.5 square-root balanced, 1 all alike.
        """
        ...

    def shares(self, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
        """What the loss must know of a training side: [k] or [1] float32."""
        ...

    def loss(
        self,
        logits: jax.Array,
        labels: jax.Array,
        shares: jax.Array,
        *,
        smoothing: float,
    ) -> jax.Array:
        """One value a sample, un-reduced: [b, k], [b] or [b, k], shares -> [b].

        smoothing: share of the target that is spread evenly, in [0, 1).
        """
        ...

    def groups(self, labels: jax.Array) -> jax.Array:
        """Equal numbers for samples that are positives of each other: [b] int32."""
        ...

    def hits(self, logits: jax.Array, labels: jax.Array) -> jax.Array:
        """Share of right decisions, the training metric 'accuracy': [] in [0, 1]."""
        ...

    def link(self, logits: Any) -> Any:
        """Logits [..., k] to probabilities; of numpy by numpy, of jax by jax."""
        ...

    def table(
        self,
        logits: np.ndarray,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        seeds: Sequence[int],
    ) -> Predictions:
        """Logits [seeds, n, k] as the rows of predictions.csv."""
        ...

    def linear(
        self, splits: Sequence[Split], inputs: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Probabilities of held-out samples by the linear floor, [n, k].

        Args:
            splits, inputs: see ``floors`` (inputs: ``read``).
            labels: as ``labels`` gives them; read at training sides alone.
        """
        ...

    def floors(
        self,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        read: np.ndarray,
        standardised: np.ndarray | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Predictions]:
        """Predictions of what any system must beat, under the same folds.

        Args:
            samples: all of them.
            splits: they hold out none twice.
            read: [d, n, ...] what the system reads; d = 1 where folds share it, or one
                per fold.
            standardised: of the same shape, each image divided by its deviation.
            tell: told as the work goes on.
        """
        ...

    def summarise(
        self,
        predictions: Predictions,
        floors: dict[str, Predictions],
        *,
        resamples: int,
        rule: str,
    ) -> dict:
        """``target``, scores, ``floors`` and ``margins`` of results.json.

        Args:
            predictions: as ``table`` gives them, or as they are read again.
            floors: as ``floors`` gives them, or as they are read again.
            resamples: of the subject bootstrap.
            rule: how folds become a score (``evaluate.metrics.of_persons``).

        Raises:
            UserError: rows that miss samples, or are of other ones than the floors.
        """
        ...

    def announce(self, samples: Sequence[Sample]) -> str:
        """What was found, for the first line: '88 negative, 32 positive'."""
        ...
