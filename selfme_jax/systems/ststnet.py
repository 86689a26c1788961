"""STSTNet (Liong et al. 2019), trained here or with its published weights."""

from collections.abc import Mapping

from selfme_jax import files
from selfme_jax.baselines import ststnet
from selfme_jax.baselines.ststnet import STSTNet
from selfme_jax.inputs import flow_reading
from selfme_jax.systems import deep
from selfme_jax.systems.base import Method, PaperRow, Prepare, System
from selfme_jax.systems.deep import Recipe
from selfme_jax.systems.published import Published
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: Recipe | None
) -> Method:
    """STSTNet on the published 8-bit form of the flow, whatever ``prepare`` does.

    With 'weights' the published ones of each fold: nothing is trained.
    """
    del prepare
    module = STSTNet(classes=len(target.outputs), **settings["model"])
    if settings["weights"]:
        weights = ststnet.read_weights(files.local(settings["weights"]))
        return Published(flow_reading.levels, module, weights)
    read = flow_reading.levels
    return deep.by_its_loss(module, target, read, recipe, **settings["loss"])


def untrained(settings: Mapping) -> str:
    """With 'weights'."""
    return "published weights, not trained here" if settings["weights"] else ""


STSTNET = System(
    "ststnet",
    "STSTNet",
    {
        "model": {"dropout": 0.5},
        "loss": {"smoothing": 0.0},
        # The authors' PyTorch recipe.
        "train": deep.adam(epochs=800.0, batch_size=256, learning_rate=5e-5),
        "weights": "",  # published fold weights (.npz): score, do not train
    },
    create,
    rows=(
        PaperRow(
            "STSTNet",
            "tvl1",
            {"casme2": (0.8382, 0.8686), "smic": (0.6801, 0.7013)},
        ),
    ),
    convolutional=True,
    untrained=untrained,
)
