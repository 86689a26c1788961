"""A descriptor and a linear support vector machine, one per fold."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.systems.base import Problem
from selfme_jax.train.log import Progress
from selfme_jax.train.loop import Stage
from selfme_jax.types import Split, UserError

ABSENT = -100.0  # logit of a class without training samples: no probability, no NaN
GROUPS = 5  # of training subjects, to choose the cost by


class LinearSVM(NamedTuple):
    """Linear SVM on a descriptor as it comes: features are not standardised.

    libsvm, as the publications used, by scikit-learn's SVC: hinge loss, one machine
    per pair of classes, deterministic. (LinearSVC would be one per class by a squared
    hinge, with a penalty on the intercept and an order that depends on a seed.) A logit
    counts the pairs that a class wins; their margins, squeezed below a third, decide
    between equals. So probabilities are no more than an order.

    describe: inputs [d, n, h, w, c] -> features [d, n, f].
    costs: C of the SVM; of several each fold takes the one with the best UF1 over its
      own training subjects, in five groups of them (``inner_groups``), each predicted
      by a machine trained on the other ones; the smallest among equals.
    balance: errors weigh (size of the class) ** -balance, 1 on average; 0 = plain,
      1 = all classes alike ('balanced').
    """

    describe: Callable[[np.ndarray], np.ndarray]
    costs: Sequence[float]
    balance: float

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, classes] logits, the same for every seed: nothing is random."""
        features = self.describe(problem.inputs)
        classes = len(problem.target.outputs)
        logits = np.full((len(problem.labels), classes), np.nan)
        progress = Progress(stage.name, len(problem.splits))
        kernel = None
        for i, split in enumerate(problem.splits):
            if kernel is None or len(features) > 1:
                kernel = _products(features[i % len(features)])
            cost = self._choose(kernel, problem, split)
            logits[split.test] = self.decide(
                kernel, problem.labels, split.train, split.test, classes, cost
            )
            progress(i + 1, f"SVM of fold {split.held_out}, C = {cost:g}")
        return np.tile(logits, (len(problem.seeds), 1, 1))

    def decide(
        self,
        kernel: np.ndarray,
        labels: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        classes: int,
        cost: float,
    ) -> np.ndarray:
        """Logits [t, classes] of the samples ``test`` by a machine of ``train``.

        Args:
          kernel: [n, n] inner products of features; of it only rows and columns of
            these samples are read. labels: [n] int, read at ``train`` alone.
          train, test: sample indices. cost: C.
        """
        from sklearn.svm import SVC

        logits = np.full((len(test), classes), ABSENT)
        present, count = np.unique(labels[train], return_counts=True)
        if len(present) == 1:  # in an inner group: there is nothing to separate
            logits[:, present] = 0
            return logits
        weight = count**-self.balance * (
            len(train) / (count ** (1 - self.balance)).sum()
        )
        model = SVC(
            C=cost,
            kernel="precomputed",
            class_weight=dict(zip(present, weight, strict=True)),
        ).fit(kernel[np.ix_(train, train)], labels[train])
        found = model.decision_function(kernel[np.ix_(test, train)])
        if found.ndim == 1:  # two classes: one margin
            found = np.stack([-found, found], axis=-1) / 2
        logits[:, present] = found
        return logits

    def _choose(self, kernel: np.ndarray, problem: Problem, split: Split) -> float:
        if len(self.costs) == 1:
            return self.costs[0]
        from sklearn.metrics import f1_score

        labels, classes = problem.labels, len(problem.target.outputs)
        scores = {}
        for cost in sorted(self.costs):
            pred = np.full(len(labels), -1)
            for train, test in inner_groups(people(problem), split):
                logits = self.decide(kernel, labels, train, test, classes, cost)
                pred[test] = logits.argmax(-1)
            true, found = labels[split.train], pred[split.train]
            scores[cost] = f1_score(true, found, average="macro")
        return max(scores, key=scores.__getitem__)


def linear_svm(
    describe: Callable[[np.ndarray], np.ndarray],
    *,
    costs: Sequence[float],
    balance: float,
) -> LinearSVM:
    """A ``LinearSVM`` whose settings are checked.

    Raises:
      UserError: no cost, or one that is not positive.
    """
    if not costs or min(costs) <= 0:
        raise UserError(
            f"an SVM cannot be fitted with costs={costs}. Give one or more numbers "
            "above 0, e.g. (1.0, 10.0)."
        )
    return LinearSVM(describe, costs, balance)


def flatten(inputs: np.ndarray) -> np.ndarray:
    """Descriptors that the first stage has taken: [d, n, ...] -> [d, n, f]."""
    return inputs.reshape(*inputs.shape[:2], -1)


def _products(features: np.ndarray) -> np.ndarray:
    """[n, f] -> [n, n] float64: all that a linear SVM reads, made once."""
    features = features.astype(np.float64)
    return features @ features.T


def people(problem: Problem) -> np.ndarray:
    """[n] int: whose each sample is; by who holds it out, where nobody is named."""
    if problem.people:
        return np.unique(problem.people, return_inverse=True)[1]
    whose = np.full(len(problem.labels), -1)
    for number, split in enumerate(problem.splits):
        whose[split.test] = number
    return whose


def inner_groups(
    whose: np.ndarray, outer: Split
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, test) indices of each group of a fold's training subjects.

    Args:
      whose: [n] int, the subject of each sample: no group splits one.
      outer: the fold. No groups for a single subject.
    """
    from sklearn.model_selection import GroupKFold

    train = np.sort(outer.train)
    met, person = np.unique(whose[train], return_inverse=True)
    if len(met) < 2:
        return []
    count = min(GROUPS, len(met))
    found = GroupKFold(count).split(train, groups=person % GROUPS)
    return [(train[rest], train[test]) for rest, test in found]
