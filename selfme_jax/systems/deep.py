"""Classifiers trained by gradient, all folds and seeds as one program."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.ops import augment
from selfme_jax.systems import base, oracle
from selfme_jax.systems.base import Prepare, Problem
from selfme_jax.targets.base import Target
from selfme_jax.train import draws, loop
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run, Task, Watch
from selfme_jax.types import Array, UserError


class Recipe(NamedTuple):
    """How a classifier is trained; the same for every fold and seed.

    epochs, steps: how long, as one of the two (the other 0). An epoch is n /
      batch_size steps for the n samples of the problem, whatever a fold holds out,
      so that all folds take the same number of steps.
    batch_size: samples drawn (with replacement) per step.
    optimizer: steps -> optax.
    balance: class balancing of the draws (``Target.draws``).
    ema: decay of the evaluated parameter average; 0 = none.
    mirror: probability of mirroring a sample (x flipped, channel 0 = u negated).
    """

    epochs: float
    steps: int
    batch_size: int
    optimizer: Callable[[int], optax.GradientTransformation]
    balance: float
    ema: float
    mirror: float = 0.0


def duration(recipe: Recipe, samples: int) -> int:
    """Steps of a recipe on so many samples.

    Raises:
      UserError: both epochs and steps are given, or neither.
    """
    if bool(recipe.epochs) == bool(recipe.steps):
        raise UserError(
            f"train.epochs={recipe.epochs} and train.steps={recipe.steps}: set one of "
            "the two, and the other to 0."
        )
    return recipe.steps or max(1, round(recipe.epochs * samples / recipe.batch_size))


class Data(NamedTuple):
    """On the device: inputs [d, n, h, w, c], labels [n] or [n, a]."""

    inputs: Array
    labels: Array


class Deep(NamedTuple):
    """A Flax classifier as a method.

    prepare: Problem.inputs -> what is read, [..., h, w, c] (``Input.reader``).
    module: called on [b, h, w, c] with ``train``.
    loss: (module output, labels, shares) -> (per-sample loss [b], metrics dict);
      shares as in ``Target.shares``.
    logits: module output -> [b, outputs].
    target: what is predicted.
    mirror: of inputs, for ``Recipe.mirror``; frames have no u to negate.
    oracle: of every fold the epoch that is best ON ITS TEST SUBJECT (a leak ceiling,
      see ``systems.oracle``), not the last one.
    start: host variables that every run starts from; what they leave out is drawn for
      each run. None = all is drawn.
    """

    prepare: Prepare
    module: Any
    loss: Callable
    logits: Callable
    target: Target
    recipe: Recipe | None
    mirror: Callable = augment.mirror
    oracle: bool = False
    start: Any = None

    @property
    def training(self) -> Recipe:
        """Its recipe.

        Raises:
          TypeError: it has none, so is not trained (an exported network).
        """
        if self.recipe is None:
            raise TypeError("a classifier without a recipe is not trained")
        return self.recipe

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, outputs] logits, each sample by the fold that held it out."""
        inputs = self.prepare(problem.inputs)
        task = self.task(inputs.shape, len(problem.labels))
        runs, names = base.training_runs(problem, balance=self.training.balance)
        data = Data(inputs, problem.labels.astype(np.int32))
        if not self.oracle:
            outputs = loop.fit(task, runs, data, self.predict, stage, names)
            return base.gather(problem, outputs)
        epoch = duration(self.training._replace(epochs=1, steps=0), len(problem.labels))
        shape = (runs.test.shape[1], len(problem.target.outputs))
        task = task._replace(watch=Watch(self.predict, shape, epoch))
        outputs = loop.fit(task, runs, data, oracle.seen, stage, names)
        return base.gather(problem, oracle.choose(problem, outputs))

    def task(self, shape: tuple[int, ...], samples: int) -> Task:
        """The engine's task for inputs of ``shape`` [d, n, h, w, c]."""
        recipe = self.training
        steps = duration(recipe, samples)
        return Task(
            init=partial(self._init, shape=shape[2:]),
            batch=self._batch,
            loss=self._loss,
            optimizer=recipe.optimizer(steps),
            steps=steps,
            ema=recipe.ema,
            start=self.start,
        )

    def predict(self, variables: dict, run: Run, data: Data) -> jax.Array:
        """Logits [t, outputs] of the held-out samples ``run.test``."""
        inputs = data.inputs[run.source, run.test]
        return self.logits(self.module.apply(variables, inputs, train=False))

    def _batch(self, key: jax.Array, data: Data, run: Run) -> tuple:
        size, mirror = self.training.batch_size, self.training.mirror
        drawn = draw(key, data, run, size=size, mirror=mirror, reflect=self.mirror)
        return *drawn, run.shares

    def _init(self, key: jax.Array, *, shape: tuple[int, ...]) -> dict:
        return self.module.init(key, jnp.zeros((1, *shape)), train=False)

    def _loss(self, variables, key, batch, step):
        del step
        inputs, labels, shares = batch
        state = {k: v for k, v in variables.items() if k != "params"}
        output, new = self.module.apply(
            variables, inputs, train=True, rngs={"dropout": key}, mutable=list(state)
        )
        values, metrics = self.loss(output, labels, shares)
        hits = self.target.hits(self.logits(output), labels)
        return values.mean(), (new, {**metrics, "accuracy": hits})


def draw(
    key: jax.Array,
    data: Data,
    run: Run,
    *,
    size: int,
    mirror: float,
    reflect: Callable = augment.mirror,
) -> tuple[jax.Array, jax.Array]:
    """A batch of training samples: (inputs [size, h, w, c], labels [size]).

    Drawn with replacement by ``run.weights``: a weight of 0 is a probability of
    exactly 0, so held-out samples are never read. With the probability ``mirror`` a
    sample is what ``reflect`` makes of it.
    """
    key_draw, key_mirror = jax.random.split(key)
    chosen = draws.index(key_draw, run.weights, size)
    inputs = data.inputs[run.source, chosen]
    flip = jax.random.bernoulli(key_mirror, mirror, (size, 1, 1, 1))
    inputs = jnp.where(flip, reflect(inputs), inputs)
    return inputs, data.labels[chosen]


def by_its_loss(
    module: Any, target: Target, prepare: Callable, recipe: Recipe | None, **options
) -> Deep:
    """A module that gives logits, trained by the target's own loss.

    Args:
      options: of ``Target.loss``.
    """

    def value(logits, labels, shares) -> tuple[jax.Array, dict]:
        return target.loss(logits, labels, shares, **options), {}

    return Deep(prepare, module, value, lambda output: output, target, recipe)


def by_two_losses(
    module: Any,
    target: Target,
    prepare: Callable,
    recipe: Recipe | None,
    term: tuple[str, Callable],
    *,
    weight: float,
    smoothing: float,
) -> Deep:
    """A module that gives (logits, something): the target's loss + weight * a term.

    Args:
      term: its name in the metrics, and (something, labels) -> [b].
    """
    name, second = term

    def value(output, labels, shares) -> tuple[jax.Array, dict]:
        logits, found = output
        first = target.loss(logits, labels, shares, smoothing=smoothing)
        if not weight:
            return first, {"cross_entropy": first.mean()}
        other = second(found, labels)
        metrics = {"cross_entropy": first.mean(), name: other.mean()}
        return first + weight * other, metrics

    return Deep(prepare, module, value, lambda output: output[0], target, recipe)


def network(kind: Callable) -> Callable[..., Deep]:
    """``System.create`` of a module ``kind(classes=..., **model)``: logits."""

    def create(
        target: Target, prepare: Callable, settings: Mapping, recipe: Recipe | None
    ) -> Deep:
        module = kind(classes=len(target.outputs), **settings["model"])
        return by_its_loss(module, target, prepare, recipe, **settings["loss"])

    return create


def adam(*, epochs: float, batch_size: int, learning_rate: float) -> dict[str, Any]:
    """Settings 'train' of publications: Adam at a constant rate, samples as they come.

    All other keys are off: no warm-up, decay, weights to the classes or averaging.
    """
    return {
        "epochs": epochs,  # passes over the samples, or 0 and
        "steps": 0,  # updates
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "warmup": 0.0,  # share of the steps
        "decay": "constant",  # constant | cosine (to 0)
        "weight_decay": 0.0,  # AdamW, matrices only
        "clip": 0.0,  # global gradient norm; 0 = none
        "balance": 0.0,  # weigh draws by (size of the class) ** -balance
        "ema": 0.0,  # decay of the evaluated average; 0 = none
    }
