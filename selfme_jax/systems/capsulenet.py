"""CapsuleNet (Van Quang et al. 2019), on apex frames as published, or on flow."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from selfme_jax.baselines import capsulenet
from selfme_jax.baselines.capsulenet import CapsuleNet
from selfme_jax.systems import deep, imagenet
from selfme_jax.systems.base import PaperRow, Prepare, System
from selfme_jax.systems.deep import Deep, Recipe
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: Recipe | None
) -> Deep:
    """CapsuleNet by its margin loss; a logit is the logarithm of a capsule's length."""

    def value(lengths, labels, shares) -> tuple[jax.Array, dict]:
        del shares
        return capsulenet.margin_loss(lengths, labels, **settings["loss"]), {}

    module = CapsuleNet(classes=len(target.outputs), **settings["model"])
    return Deep(prepare, module, value, jnp.log, target, recipe)


CAPSULENET = System(
    "capsulenet",
    "CapsuleNet",
    {
        "model": {"size": 224, "kernel": 9, "shrink": 1},
        # weight: of the absent classes.
        "loss": {"present": 0.99, "absent": 0.01, "weight": 0.5},
        # The authors' code; its rate falls by 0.9 an epoch, here by a cosine.
        "train": deep.adam(epochs=30.0, batch_size=32, learning_rate=1e-4)
        | {"decay": "cosine", "balance": 1.0, "mirror": 0.5},
        "weights": "",  # ImageNet's, a ResNet-18; '' = from scratch
    },
    create,
    rows=(
        PaperRow(
            "CapsuleNet",
            "apex",
            {"casme2": (0.7068, 0.7018), "smic": (0.5820, 0.5877)},
        ),
    ),
    targets=("classes",),
    convolutional=True,
    photographs=imagenet.CAPSULENET,
)
