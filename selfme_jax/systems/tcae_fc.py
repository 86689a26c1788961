"""TCAE + FC (Li et al. 2019): one layer on the change of TCAE's features."""

from collections.abc import Mapping

from selfme_jax.baselines.tcae import Head
from selfme_jax.inputs import tcae_learning
from selfme_jax.systems import deep
from selfme_jax.systems.base import Prepare, System
from selfme_jax.systems.deep import Deep, Recipe
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: Recipe | None
) -> Deep:
    """The head on the change of features, whatever ``prepare`` does."""
    del prepare
    module = Head(classes=len(target.outputs), **settings["model"])
    read = tcae_learning.change
    return deep.by_its_loss(module, target, read, recipe, **settings["loss"])


TCAE_FC = System(
    "tcae",
    "TCAE + FC",
    {
        "model": {},
        "loss": {"smoothing": 0.0},
        # Of the layer that reads the features: our choice.
        "train": deep.adam(epochs=50.0, batch_size=32, learning_rate=1e-3),
    },
    create,
    reads="tcae_features",
)
