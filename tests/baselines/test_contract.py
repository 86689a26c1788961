"""What every published network owes the engine, small versions on small inputs."""

import inspect

import jax
import numpy as np
import pytest

from configs import base
from selfme_jax.methods import registry
from selfme_jax.methods.deep import Recipe
from selfme_jax.methods.method import Problem
from selfme_jax.train import optimizer
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Split

# Model options that make a network small, and the channels it reads.
SMALL = {
    "off_apexnet": ({"hidden": 16}, (0, 1)),
}
NAMES = tuple(SMALL)
SIDE = 20  # not what any of them wants: it is resized


def method(name, steps=2):
    config = base.get_config()[name].to_dict()
    model = {**config["model"], **SMALL[name][0], "dropout": 0.5}
    keys = inspect.signature(optimizer.adamw).parameters.keys() - {"steps"}
    tune = {key: config["train"][key] for key in keys}
    recipe = Recipe(
        epochs=0,
        steps=steps,
        batch_size=4,
        optimizer=lambda n: optimizer.adamw(n, **tune),
        balance=0.0,
        ema=0.0,
    )
    create = registry.METHODS[name]
    return create(3, lambda flow: flow, model, config["loss"], recipe)


def images(seed=0, n=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, SIDE, SIDE, 3)).astype(np.float32)


def test_every_network_is_tested():
    assert set(SMALL) == set(registry.NAMES) - {"scvit", "vit", "ststnet"}


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients(name):
    made = method(name)
    x, labels = images(), np.arange(6) % 3
    variables = jax.jit(made.module.init)(jax.random.key(0), x[:1])

    @jax.jit
    def value(params, x):
        kept = {k: v for k, v in variables.items() if k != "params"}
        rngs = {"dropout": jax.random.key(1)}

        def loss(params, x):
            output, _ = made.module.apply(
                {"params": params, **kept}, x, train=True, rngs=rngs, mutable=list(kept)
            )
            return made.loss(output, labels)[0].mean(), made.logits(output)

        return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(params, x)

    (loss, logits), (to_params, to_x) = value(variables["params"], x)
    assert logits.shape == (6, 3) and np.isfinite(loss)
    leaves = jax.tree.leaves(to_params)
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert all((leaf != 0).any() for leaf in leaves)
    read = tuple(np.flatnonzero((to_x != 0).any((0, 1, 2))))
    assert read == SMALL[name][1]
    (loss, logits), grads = value(variables["params"], np.zeros_like(x))
    assert np.isfinite(logits).all() and np.isfinite(loss)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_trained_by_the_engine(tmp_path):
    """Two folds of OFF-ApexNet at once: each sample by the fold that held it out."""
    folds = (np.array([0, 1]), np.array([2, 3, 4]))
    splits = [
        Split(fold=i, held_out=f"s{i}", train=np.setdiff1d(range(5), test), test=test)
        for i, test in enumerate(folds)
    ]
    labels = np.arange(5) % 3
    problem = Problem(images(1, 5)[None], labels, ("a", "b", "c"), splits, (0,))
    stage = Stage("classifier", tmp_path, Log(tmp_path))
    logits = method("off_apexnet").fit_predict(problem, stage)
    assert logits.shape == (1, 5, 3) and np.isfinite(logits).all()
    assert len(np.unique(logits[0], axis=0)) == 5
