"""MMNet (Li et al. 2022), on the frames as published, or its main branch on flow."""

from selfme_jax.baselines.mmnet import MMNet
from selfme_jax.systems import deep
from selfme_jax.systems.base import System

MMNET = System(
    "mmnet",
    "MMNet",
    {
        "model": {"size": 224, "shrink": 1},
        "loss": {"smoothing": 0.0},
        # The authors' code; its rate falls to a half over the first 50 epochs.
        "train": deep.adam(epochs=99.0, batch_size=24, learning_rate=8e-4)
        | {"weight_decay": 0.7, "mirror": 0.5},
    },
    deep.network(MMNet),
    convolutional=True,
)
