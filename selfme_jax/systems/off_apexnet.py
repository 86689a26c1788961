"""OFF-ApexNet (Gan et al. 2019)."""

from selfme_jax.baselines.off_apexnet import OFFApexNet
from selfme_jax.systems import deep
from selfme_jax.systems.base import PaperRow, System

OFF_APEXNET = System(
    "off_apexnet",
    "OFF-ApexNet",
    {
        "model": {
            "dropout": 0.5,
            "size": 28,  # side that the flow is resized to
            "hidden": 1024,  # width of the fully connected layers
        },
        "loss": {"smoothing": 0.0},
        # Rate, epochs and batch of a re-implementation.
        "train": deep.adam(epochs=3000.0, batch_size=64, learning_rate=1e-4),
    },
    deep.network(OFFApexNet),
    rows=(
        PaperRow(
            "OFF-ApexNet",
            "tvl1",
            {"casme2": (0.8764, 0.8680), "smic": (0.6817, 0.6695)},
        ),
    ),
    convolutional=True,
)
