"""GoogLeNet on flow, as the STSTNet paper compares it; from scratch or ImageNet's."""

from selfme_jax.baselines.googlenet import GoogLeNet
from selfme_jax.systems import deep, imagenet
from selfme_jax.systems.base import PaperRow, System

GOOGLENET = System(
    "googlenet",
    "GoogLeNet",
    {
        "model": {
            "dropout": 0.4,
            "size": 224,
            "shrink": 1,  # divides the number of filters
        },
        "loss": {"smoothing": 0.0},
        # Sizes as in the STSTNet paper; how it was trained is unknown: our choice.
        "train": deep.adam(epochs=50.0, batch_size=32, learning_rate=1e-4),
        # ImageNet's, safetensors; '' = from scratch. With them the flow is read as a
        # photograph, whatever config.flow says.
        "weights": "",
    },
    deep.network(GoogLeNet),
    rows=(
        PaperRow(
            "GoogLeNet",
            "tvl1",
            {"casme2": (0.5989, 0.6414), "smic": (0.5123, 0.5511)},
        ),
    ),
    convolutional=True,
    photographs=imagenet.GOOGLENET,
)
