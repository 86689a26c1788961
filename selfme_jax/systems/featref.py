"""FeatRef (Zhou et al. 2022), a reconstruction from its abstract."""

from collections.abc import Mapping

from selfme_jax.baselines.featref import FeatRef, proposal_loss
from selfme_jax.systems import deep
from selfme_jax.systems.base import PaperRow, Prepare, System
from selfme_jax.systems.deep import Deep, Recipe
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: Recipe | None
) -> Deep:
    """FeatRef: cross-entropy + lambda * proposal loss."""
    loss = settings["loss"]
    return deep.by_two_losses(
        FeatRef(classes=len(target.outputs), **settings["model"]),
        target,
        prepare,
        recipe,
        ("proposal", proposal_loss),
        weight=loss["proposal"],
        smoothing=loss["smoothing"],
    )


FEATREF = System(
    "featref",
    "FeatRef",
    {
        "model": {
            "dropout": 0.0,
            "size": 28,
            "hidden": 1024,  # width of the shared features
            "specific": 256,  # width of the features of a class
        },
        "loss": {"smoothing": 0.0, "proposal": 1.0},  # proposal: lambda
        # How it was trained is unknown: our choice.
        "train": deep.adam(epochs=50.0, batch_size=32, learning_rate=1e-4),
    },
    create,
    rows=(
        PaperRow(
            "FeatRef",
            "tvl1",
            {"casme2": (0.8915, 0.8873), "smic": (0.7011, 0.7083)},
        ),
    ),
    convolutional=True,
)
