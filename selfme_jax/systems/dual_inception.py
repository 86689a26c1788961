"""Dual-Inception (Zhou et al. 2019)."""

from selfme_jax.baselines.dual_inception import DualInception
from selfme_jax.systems import deep
from selfme_jax.systems.base import PaperRow, System

DUAL_INCEPTION = System(
    "dual_inception",
    "Dual-Inception",
    {
        "model": {
            "dropout": 0.0,
            "size": 28,
            "hidden": 1024,
        },
        "loss": {"smoothing": 0.0},
        # The authors' code.
        "train": deep.adam(epochs=40.0, batch_size=3, learning_rate=1e-4),
    },
    deep.network(DualInception),
    rows=(
        PaperRow(
            "Dual-Inception",
            "tvl1",
            {"casme2": (0.8621, 0.8560), "smic": (0.6645, 0.6726)},
        ),
    ),
    convolutional=True,
)
