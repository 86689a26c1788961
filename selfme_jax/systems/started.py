"""SCViT and ViT started from the built-in model: anchored to what it says.

The answers of the built-in model are kept; a linear head on the features of its own
SCViT (or ViT) networks is added to them, under a ridge: a strong one leaves the answers
as they are, a weak one learns a new head. How strong, each fold finds out for itself,
on its training subjects alone: groups of them are held out in turn. Where nothing is
gained beyond doubt, nothing is changed.

Half of each answer is that, and half is a linear model's, which knows the training
subjects alone: two opinions that err on different clips. Our choice; what was tried:
docs/builtin.md.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.systems import builtin, committee
from selfme_jax.systems.base import Problem
from selfme_jax.systems.committee import Committee
from selfme_jax.targets.base import Target
from selfme_jax.train.log import Teller
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError

STARTS = ("", "builtin")
ABLE = ("vit", "scvit")
_BIAS = 0.1  # of the ridge: what is common to all samples is learned more freely
_ITERATIONS = 150  # of L-BFGS, at most
_ERRORS = 2.0  # standard errors that a change of the answers has to be worth
_LEAST = 1e-9  # probability


class Fit(NamedTuple):
    """What a head is fitted to.

    features: [n, r]. offsets: [n, k] logits that it is added to. truth: [n, k], 0 or 1.
    weights: [n, k], 1 on average. several: whether several outputs may hold at once.
    """

    features: np.ndarray
    offsets: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    several: bool


class Head(NamedTuple):
    """kernel: [r, k]. bias: [k]."""

    kernel: np.ndarray
    bias: np.ndarray


class Started(NamedTuple):
    """A method: SCViT or ViT (``kind``) on top of a committee.

    ridges: from which a fold chooses, beside leaving the answers as they are. groups:
    of training subjects, for choosing.
    """

    made: Committee
    kind: str
    target: Target
    ridges: tuple[float, ...]
    groups: int

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, outputs] logits, each sample by the fold that held it out.

        Their probabilities are means of two: of the built-in model with a head of the
        fold, and of the linear floor that reads each image divided by its deviation. A
        seed deals training subjects (``Problem.people``) into groups; nothing else is
        drawn.

        Raises:
          UserError: images of another size, or that folds do not share.
        """
        images = problem.inputs[0]
        if images.shape[1:] != committee.SHAPE or len(problem.inputs) > 1:
            raise UserError(
                f"config.start=builtin reads images of {committee.SHAPE} that all "
                f"folds share, not {problem.inputs.shape}. Take flow images, or "
                "--config.input=published."
            )
        offsets = builtin.Untrained(self.made, committee.ALL, self.target).scores(
            images
        )
        features = read_features(self.made.networks, self.kind, images)
        persons = np.array(problem.people)
        found = np.full((len(problem.seeds), *offsets.shape), np.nan)
        tell, done = Teller(), 0
        total = len(problem.seeds) * len(problem.splits)
        for own, seed in zip(found, problem.seeds, strict=True):
            for split in problem.splits:
                options = features, offsets, problem.labels, persons, split.train
                own[split.test], ridge = self._fold(*options, split.test, seed)
                done += 1
                said = f"ridge {ridge:g}" if np.isfinite(ridge) else "as it was"
                tell(stage.name, done, total, f"seed {seed} {split.held_out}, {said}")
        read = committee.standardise(images)[None]
        linear = self.target.linear(problem.splits, read, problem.labels)
        return self._logits((self.target.link(found) + linear) / 2)

    def _logits(self, probs: np.ndarray) -> np.ndarray:
        """What ``Target.link`` makes these probabilities of."""
        kept = np.clip(probs, _LEAST, 1 - _LEAST)
        if self.target.name == "action_units":
            return np.log(kept) - np.log1p(-kept)
        return np.log(kept)

    def _fold(
        self,
        features: np.ndarray,
        offsets: np.ndarray,
        labels: np.ndarray,
        persons: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        seed: int,
    ) -> tuple[np.ndarray, float]:
        """Logits of ``test``, and the ridge; reads labels at ``train`` alone."""
        here, there = basis(features[train], features[test])
        truth = _truth(labels[train], self.target)
        several = self.target.name == "action_units"
        own = Fit(here, offsets[train], truth, _weights(truth, several), several)
        group = deal(persons[train], self.groups, seed)
        path = sorted(self.ridges, reverse=True)
        inner = np.tile(own.offsets, (1 + len(path), 1, 1))
        for number in range(group.max() + 1):
            rest, held = group != number, group == number
            part = _part(own, rest)
            for i, head in enumerate(heads(part, path), start=1):
                inner[i, held] += here[held] @ head.kernel + head.bias
        losses = np.stack([_entropy(x, own)[0].sum(1) for x in inner])
        best = choose(losses, persons[train])
        if not best:
            return offsets[test], np.inf
        head = heads(own, path[:best])[-1]
        return offsets[test] + there @ head.kernel + head.bias, path[best - 1]


def create(
    kind: str, target: Target, *, ridges: Sequence[float], groups: int
) -> Started:
    """SCViT or ViT on top of the built-in model.

    Raises:
      UserError: another system, or outputs that the built-in model does not know.
    """
    if kind not in ABLE:
        raise UserError(
            f"config.start=builtin is for {' and '.join(ABLE)}, not {kind}: the "
            "built-in model holds no such network. Leave --config.start away."
        )
    settings = {"member": committee.ALL, "weights": ""}
    found = builtin.create(target, None, settings, None)
    return Started(found.made, kind, target, tuple(ridges), groups)


def read_features(
    networks: Mapping[str, Any], kind: str, images: np.ndarray, *, size: int = 64
) -> np.ndarray:
    """What the heads of all networks of a kind read: [n, 28, 28, 3] -> [n, r]."""
    parts = []
    for start in range(0, len(images), size):
        own = np.asarray(images[start : start + size], np.float32)
        filled = np.concatenate(
            [own, np.zeros((size - len(own), *committee.SHAPE), np.float32)]
        )
        parts.append(np.asarray(_features(networks[kind], filled, kind)))
    return np.concatenate(parts)[: len(images)].astype(np.float64)


@partial(jax.jit, static_argnames="kind")
def _features(params: Any, images: jax.Array, kind: str) -> jax.Array:
    read, network = committee.standardise(images), committee.module(kind)

    def one(own: Any) -> jax.Array:
        _, state = network.apply(
            {"params": own},
            read,
            mutable=["intermediates"],
            capture_intermediates=lambda module, _: isinstance(module, nn.Dropout),
        )
        (dropped,) = state["intermediates"]["head"].values()
        return dropped["__call__"][0]

    each = jax.vmap(one)(params)  # [seeds, n, d]
    return jnp.moveaxis(each, 0, 1).reshape(len(images), -1)


def basis(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in an orthogonal basis of the training side, of unit length there.

    [n, d], [m, d] -> [n, r], [m, r], r <= n: distances in the span of the training side
    are kept, so that a ridge means the same.
    """
    middle = train.mean(0)
    here, there = train - middle, test - middle
    length = max(float(np.sqrt((here**2).sum(1).mean())), 1e-12)
    _, values, rows = np.linalg.svd(here / length, full_matrices=False)
    kept = rows[values > 1e-6 * values.max(initial=1e-12)]
    return here / length @ kept.T, there / length @ kept.T


def deal(persons: np.ndarray, groups: int, seed: int) -> np.ndarray:
    """[n] group of each sample: all of a person in one, as many persons in each."""
    from sklearn.model_selection import GroupKFold

    count = min(groups, len(np.unique(persons)))
    group = np.zeros(len(persons), int)
    if count > 1:
        folds = GroupKFold(count, shuffle=True, random_state=seed)
        for number, (_, held) in enumerate(folds.split(persons, groups=persons)):
            group[held] = number
    return group


def heads(given: Fit, ridges: Sequence[float]) -> list[Head]:
    """One for each ridge, strongest first: each starts from the one before."""
    from scipy.optimize import minimize

    (n, r), k = given.features.shape, given.truth.shape[1]
    at, found = np.zeros((r + 1) * k), []
    for ridge in ridges:
        pull = ridge / n * np.append(np.ones(r), _BIAS)[:, None]

        def value(x: np.ndarray, pull: np.ndarray = pull) -> tuple[float, np.ndarray]:
            w = x.reshape(r + 1, k)
            logits = given.offsets + given.features @ w[:-1] + w[-1]
            entropy, slope = _entropy(logits, given)
            change = np.concatenate([given.features.T @ slope, slope.sum(0)[None]])
            total = entropy.sum() / n + 0.5 * (pull * w * w).sum()
            return total, (change / n + pull * w).ravel()

        options = {"maxiter": _ITERATIONS}
        at = minimize(value, at, jac=True, method="L-BFGS-B", options=options).x
        w = at.reshape(r + 1, k)
        found.append(Head(w[:-1], w[-1]))
    return found


def choose(losses: np.ndarray, persons: np.ndarray) -> int:
    """The first choice that is not worse than the best beyond doubt.

    Beyond doubt is two standard errors, over persons, of the sum of differences: what
    a few persons gain is no reason to change answers (our choice).

    Args:
      losses: [choices, n], the least change first. persons: [n].
    """
    names, index = np.unique(persons, return_inverse=True)
    each = np.stack([np.bincount(index, own, len(names)) for own in losses])
    behind = each - each[each.sum(1).argmin()]
    error = np.sqrt(len(names)) * behind.std(1)
    return int(np.flatnonzero(behind.sum(1) <= _ERRORS * error)[0])


def _entropy(logits: np.ndarray, given: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Weighted, [n, k], and its slope by the logits."""
    if given.several:
        entropy = np.logaddexp(0, logits) - given.truth * logits
        probs = np.exp(-np.logaddexp(0, -logits))
    else:
        logits = logits - logits.max(1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        entropy, probs = -given.truth * logs, np.exp(logs)
    return given.weights * entropy, given.weights * (probs - given.truth)


def _truth(labels: np.ndarray, target: Target) -> np.ndarray:
    if labels.ndim == 2:
        return labels.astype(np.float64)
    return np.eye(len(target.outputs))[labels]


def _weights(truth: np.ndarray, several: bool) -> np.ndarray:
    """Both sides of a unit weigh alike, and so do classes; [n, k], 1 on average."""
    if several:
        share = truth.mean(0)
        side = np.where(truth > 0, share, 1 - share)
        return 0.5 / side
    weights = 1 / truth.sum(0)[truth.argmax(1)]
    return np.repeat((weights / weights.mean())[:, None], truth.shape[1], axis=1)


def _part(given: Fit, which: np.ndarray) -> Fit:
    truth = given.truth[which]
    weights = _weights(truth, given.several)
    return Fit(
        given.features[which], given.offsets[which], truth, weights, given.several
    )
