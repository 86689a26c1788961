"""HTNet (Wang et al. 2024)."""

from selfme_jax.baselines.htnet import HTNet
from selfme_jax.systems import deep
from selfme_jax.systems.base import PaperRow, System

HTNET = System(
    "htnet",
    "HTNet",
    {
        "model": {
            "dropout": 0.0,
            "size": 28,
            "patch": 7,
            "width": 256,  # of the first level; doubles, as do the heads
            "heads": 3,
            "repeats": (2, 2, 10),  # transformer blocks of each level
        },
        "loss": {"smoothing": 0.0},
        # The authors' code.
        "train": deep.adam(epochs=800.0, batch_size=256, learning_rate=5e-5),
    },
    deep.network(HTNet),
    rows=(PaperRow("HTNet", "tvl1"),),
    convolutional=True,
)
