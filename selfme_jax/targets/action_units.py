"""Several action units at once: sigmoid, a balanced loss, F1 and AUC of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.data import action_unit_labels
from selfme_jax.evaluate import predictions, unit_floors
from selfme_jax.evaluate import units as scores
from selfme_jax.evaluate.predictions import expect
from selfme_jax.targets.classes import by_count
from selfme_jax.types import Predictions, Sample, Split, Tell, UserError


class ActionUnits(NamedTuple):
    """The target of ``targets.base``; units: numbers of FACS, in order."""

    units: tuple[int, ...]

    @property
    def name(self) -> str:
        """'action_units'."""
        return "action_units"

    @property
    def outputs(self) -> tuple[str, ...]:
        """'au1', 'au2', 'au4', ..."""
        return tuple(f"{predictions.UNIT}{unit}" for unit in self.units)

    def labels(self, samples: Sequence[Sample]) -> np.ndarray:
        """[n, a] int32: 1 where a sample's cell has the bare number of a unit.

        Raises:
            UserError: samples in which nobody looked for action units: a blank cell
                does not say that there are none.
        """
        blank = [s for s in samples if not action_unit_labels.annotated(s.aus)]
        if blank:
            names = ", ".join(sorted({s.dataset for s in blank}))
            raise UserError(
                f"{len(blank)} of {len(samples)} samples have no action units ({names};"
                f" first {blank[0].person}/{blank[0].sample}). Write 'none' where "
                "somebody looked and saw none, or leave these samples out."
            )
        cells = [s.aus for s in samples]
        return action_unit_labels.present(cells, self.units).astype(np.int32)

    def draws(
        self, labels: np.ndarray, train: np.ndarray, *, balance: float
    ) -> np.ndarray:
        """(count of the sample's rarest unit in the training side) ** -balance.

        Samples without any unit count as a kind of their own. Our choice.
        """
        own = labels[train]
        none = own.sum(1) == 0
        counts = np.where(own == 1, own.sum(0), len(own)).min(1)
        return by_count(np.where(none, none.sum(), counts), balance)

    def shares(self, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
        """[a] float32, share of the training side that shows each unit."""
        return labels[train].mean(0, dtype=np.float64).astype(np.float32)

    def loss(
        self,
        logits: jax.Array,
        labels: jax.Array,
        shares: jax.Array,
        *,
        smoothing: float,
    ) -> jax.Array:
        """Mean over units of balanced binary cross-entropies: [b, a] -> [b].

        On the training side those who show a unit weigh half of it and those who do not
        the other half, 1 on average. Where one of the two is absent the other keeps its
        half. Labels y become y (1 - smoothing) + smoothing / 2.
        """
        of_side = jnp.where(labels == 1, shares, 1 - shares)
        weights = 0.5 / jnp.where(of_side > 0, of_side, 1)
        target = labels * (1 - smoothing) + smoothing / 2
        return (weights * optax.sigmoid_binary_cross_entropy(logits, target)).mean(-1)

    def groups(self, labels: jax.Array) -> jax.Array:
        """[b] int32: the first sample of the batch with the same set of units."""
        alike = (labels[:, None] == labels[None]).all(-1)
        return alike.argmax(1).astype(jnp.int32)

    def hits(self, logits: jax.Array, labels: jax.Array) -> jax.Array:
        """Share of right decisions, of all units of all samples."""
        return ((logits >= 0) == (labels == 1)).mean()

    def link(self, logits: Any) -> Any:
        """Sigmoid of each."""
        if not isinstance(logits, np.ndarray):
            return jax.nn.sigmoid(jnp.asarray(logits))
        return np.exp(-np.logaddexp(0, -logits))

    def table(
        self,
        logits: np.ndarray,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        seeds: Sequence[int],
    ) -> Predictions:
        """[seeds, n, a] logits -> one row per seed and sample."""
        labels = self.labels(samples).astype(int)
        probs = predictions.of_tested(self.link, logits, splits)
        return predictions.table(samples, splits, seeds, labels, probs, self.outputs)

    def linear(
        self, splits: Sequence[Split], inputs: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """[n, units]; see ``evaluate.unit_floors.linear``."""
        return unit_floors.linear(splits, inputs, labels)

    def floors(
        self,
        samples: Sequence[Sample],
        splits: Sequence[Split],
        read: np.ndarray,
        standardised: np.ndarray | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Predictions]:
        """Constant, prevalence and linear; see ``evaluate.unit_floors.evaluate``."""
        labels = self.labels(samples).astype(int)
        return unit_floors.evaluate(
            samples, splits, read, labels, self.outputs, standardised, tell
        )

    def summarise(
        self,
        predictions: Predictions,
        floors: dict[str, Predictions],
        *,
        resamples: int,
        rule: str,
    ) -> dict:
        """See ``evaluate.units.summarise``, ``unit_floors.summarise``, ``margins``.

        Raises:
            UserError: also for another rule than 'pooled'.
        """
        for rows in (predictions, *floors.values()):
            expect(rows, self.outputs)
        if rule != "pooled":
            raise UserError(
                f"config.protocol.score={rule} is for classes: few people show every "
                "action unit. Set --config.protocol.score=pooled."
            )
        guessing = unit_floors.GUESS
        fitted = {name: rows for name, rows in floors.items() if name != guessing}
        return {
            "target": self.name,
            **scores.summarise(predictions, resamples=resamples),
            "floors": unit_floors.summarise(floors, resamples=resamples),
            "margins": scores.margins(predictions, fitted, resamples=resamples),
        }

    def announce(self, samples: Sequence[Sample]) -> str:
        """'26 AU 1, 22 AU 2', and how many show none of these units."""
        labels = self.labels(samples)
        pairs = zip(labels.sum(0), self.units, strict=True)
        found = [f"{count} AU {unit}" for count, unit in pairs]
        none = int((labels.sum(1) == 0).sum())
        return ", ".join(found + ([f"{none} with none of these"] if none else []))
