"""A small LOSO problem and a small classifier, shared by the engine's tests."""

import flax.linen as nn
import jax
import numpy as np

from selfme_jax.evaluate import folds
from selfme_jax.systems import base as method
from selfme_jax.systems.base import Problem
from selfme_jax.systems.deep import Data, Deep, Recipe
from selfme_jax.targets.classes import Classes
from selfme_jax.train import loop, optimizer
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample
from selfme_jax.workdir import open_workdir

TARGET = Classes(("negative", "positive", "surprise"))


class Net(nn.Module):
    """Everything the engine must carry: parameters, batch statistics, dropout."""

    @nn.compact
    def __call__(self, x, *, train=False):
        # First, as a bias just before the norm has no gradient, only rounding; smooth,
        # as a ReLU that rounding flips is made visible by Adam.
        x = nn.softplus(nn.Dense(8)(x.reshape(len(x), -1)))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = nn.Dropout(0.1, deterministic=not train)(x)
        return nn.Dense(3)(x)


def problem(seed=0, seeds=(0, 1)):
    """7 subjects with 3 to 6 samples of 8x8 flow each."""
    rng = np.random.default_rng(seed)
    samples = [
        Sample("toy", f"s{i}", f"c{j}", int(rng.integers(3)))
        for i in range(7)
        for j in range(3 + i % 4)
    ]
    labels = np.array([s.label for s in samples])
    flow = rng.normal(size=(len(labels), 8, 8, 3)).astype(np.float32)
    flow += labels[:, None, None, None]
    splits = folds.loso(samples)
    return Problem(flow[None], labels, TARGET, splits, seeds)


def deep(epochs=6.0):
    """8 samples a batch, averaged parameters."""

    def value(logits, labels, shares):
        return TARGET.loss(logits, labels, shares, smoothing=0.1), {}

    def adam(steps):
        return optimizer.adamw(
            steps,
            learning_rate=1e-3,
            warmup=0.1,
            decay="cosine",
            weight_decay=0.1,
            clip=1.0,
        )

    recipe = Recipe(
        epochs=epochs,
        steps=0,
        batch_size=8,
        optimizer=adam,
        balance=0.5,
        mirror=0.5,
        ema=0.9,
    )
    return Deep(lambda flow: flow, Net(), value, lambda output: output, TARGET, recipe)


def setting(steps=20):
    """Task, runs of all folds and seeds, their names, and the data."""
    made, network = problem(), deep()
    task = network.task(made.inputs.shape, len(made.labels))._replace(steps=steps)
    runs, names = method.training_runs(made, balance=0.5)
    return task, runs, names, Data(made.inputs, made.labels.astype(np.int32))


def fit(folder, log, which=slice(None), **options):
    """Variables of some of all runs, trained by the engine."""
    task, runs, names, data = setting()
    runs = jax.tree.map(lambda x: x[which], runs)
    stage = Stage("toy", open_workdir(folder), log, **options)
    return loop.fit(task, runs, data, lambda v, run, data: v, stage, names[which])
