"""What every published network owes the engine, small versions on small inputs."""

import inspect

import jax
import numpy as np
import pytest
from selfme_jax.configs import base

from selfme_jax.baselines import googlenet
from selfme_jax.systems import registry
from selfme_jax.systems.base import Problem
from selfme_jax.systems.deep import Recipe
from selfme_jax.targets.classes import Classes
from selfme_jax.train import optimizer
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Split
from selfme_jax.workdir import open_workdir

# Model options that make a network small, and the channels it reads.
SMALL = {
    "off_apexnet": ({"size": 12, "hidden": 16}, (0, 1)),
    "dual_inception": ({"size": 12, "hidden": 16}, (0, 1)),
    "vgg16": ({"size": 32, "hidden": 16, "shrink": 16}, (0, 1, 2)),
    "googlenet": (
        {"size": 32, "shrink": 8, "stages": [s[:1] for s in googlenet.STAGES]},
        (0, 1, 2),
    ),
    "htnet": ({"size": 16, "patch": 2, "width": 6, "repeats": (1, 1)}, (0, 1, 2)),
    "capsulenet": ({"size": 64, "kernel": 3, "shrink": 16}, (0, 1, 2)),
    "mmnet": ({"size": 32, "shrink": 32}, (0, 1, 2)),
    "featref": ({"size": 12, "hidden": 16, "specific": 8}, (0, 1)),
}
# Tested in files of their own: what is no published network, or reads no images.
OTHERS = {"scvit", "vit", "ststnet", "tcae"}
# Run once: compiling is what takes time.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
NAMES = tuple(SMALL)
SIDE = 20  # not what any of them wants: it is resized

TARGET = Classes(("a", "b", "c"))


def method(name, steps=2):
    config = base.get_config()[name].to_dict()
    model = {**config["model"], **SMALL[name][0]}
    if "dropout" in model:
        model["dropout"] = 0.5
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
    settings = {"model": model, "loss": config["loss"], "weights": ""}
    create = registry.SYSTEMS[name].create
    return create(TARGET, lambda flow: flow, settings, recipe)


def images(seed=0, n=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, SIDE, SIDE, 3)).astype(np.float32)


def test_every_network_is_tested():
    trained = {n for n, s in registry.SYSTEMS.items() if "train" in s.settings}
    assert set(SMALL) == trained - OTHERS


def draw(made, x):
    """Variables drawn by numpy: compiling the initialisers takes long."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(made.module.init, jax.random.key(0), x[:1])

    def one(path, leaf):
        if path[0].key == "batch_stats":
            return np.ones(leaf.shape, np.float32)
        values = rng.normal(size=leaf.shape).astype(np.float32)
        if leaf.ndim == 1:
            return np.abs(values)  # biases that leave every ReLU alive
        return values * np.float32(np.sqrt(2 / np.prod(leaf.shape[:-1])))

    return jax.tree_util.tree_map_with_path(one, shapes)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients(name):
    made = method(name)
    x, labels = images(), np.arange(6) % 3
    variables = draw(made, x)

    def loss(params, kept, x):
        output, _ = made.module.apply(
            {"params": params, **kept},
            x,
            train=True,
            rngs={"dropout": jax.random.key(1)},
            mutable=list(kept),
        )
        return made.loss(output, labels, np.zeros(1))[0].mean(), made.logits(output)

    params = variables.pop("params")
    gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 2), has_aux=True))
    value = gradient.lower(params, variables, x).compile(QUICK)
    (got, logits), (to_params, to_x) = value(params, variables, x)
    assert logits.shape == (6, 3) and np.isfinite(got)
    for path, leaf in jax.tree_util.tree_leaves_with_path(to_params):
        assert np.isfinite(leaf).all() and (leaf != 0).any(), path
    read = tuple(np.flatnonzero((to_x != 0).any((0, 1, 2))))
    assert read == SMALL[name][1]
    (got, logits), grads = value(params, variables, np.zeros_like(x))
    assert np.isfinite(logits).all() and np.isfinite(got)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_trained_by_the_engine(tmp_path):
    """Two folds of OFF-ApexNet at once: each sample by the fold that held it out."""
    folds = (np.array([0, 1]), np.array([2, 3, 4]))
    splits = [
        Split(fold=i, held_out=f"s{i}", train=np.setdiff1d(range(5), test), test=test)
        for i, test in enumerate(folds)
    ]
    labels = np.arange(5) % 3
    problem = Problem(images(1, 5)[None], labels, TARGET, splits, (0,))
    stage = Stage("classifier", open_workdir(tmp_path), Log(open_workdir(tmp_path)))
    logits = method("off_apexnet").fit_predict(problem, stage)
    assert logits.shape == (1, 5, 3) and np.isfinite(logits).all()
    assert len(np.unique(logits[0], axis=0)) == 5
