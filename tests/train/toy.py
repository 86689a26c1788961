"""A small LOSO problem and a small classifier, shared by the engine's tests."""

import numpy as np

from selfme_jax.classifier import losses
from selfme_jax.classifier.scvit import SCViT
from selfme_jax.evaluate import folds
from selfme_jax.methods.deep import Deep, Recipe
from selfme_jax.methods.method import Problem
from selfme_jax.train import optimizer
from selfme_jax.types import Sample


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
    return Problem(
        flow[None], labels, ("negative", "positive", "surprise"), splits, seeds
    )


def deep(epochs=6.0, learning_rate=1e-2):
    """A tiny SCViT: 8 samples a batch, dropout on."""

    def value(output, labels):
        logits, features = output
        contrast = losses.symmetric_contrastive(features, labels, temperature=0.1)
        entropy = losses.cross_entropy(logits, labels, smoothing=0.1)
        return entropy + 0.1 * contrast, {"contrastive": contrast.mean()}

    module = SCViT(
        classes=3,
        patch=2,
        width=8,
        depth=1,
        heads=2,
        mlp=2.0,
        dropout=0.1,
        head="concat",
        place_scale=0.5,
        row_fraction=0.5,
        projection=4,
    )

    def adam(steps):
        return optimizer.adamw(
            steps,
            learning_rate=learning_rate,
            warmup=0.1,
            decay="cosine",
            weight_decay=0.1,
            clip=1.0,
        )

    recipe = Recipe(
        epochs=epochs,
        batch_size=8,
        optimizer=adam,
        balance=0.5,
        mirror=0.5,
        ema=0.9,
    )
    return Deep(lambda flow: flow, module, value, lambda output: output[0], recipe)
