"""VGG16 on flow, as the STSTNet paper compares it; from scratch or ImageNet's."""

from selfme_jax.baselines.vgg16 import VGG16
from selfme_jax.systems import deep, imagenet
from selfme_jax.systems.base import PaperRow, System

VGG16_ON_FLOW = System(
    "vgg16",
    "VGG16",
    {
        "model": {
            "dropout": 0.5,
            "size": 224,
            "hidden": 4096,
            "shrink": 1,  # divides the number of filters
        },
        "loss": {"smoothing": 0.0},
        # Sizes as in the STSTNet paper; how it was trained is unknown: our choice.
        "train": deep.adam(epochs=50.0, batch_size=32, learning_rate=1e-4),
        # ImageNet's, safetensors; '' = from scratch. With them the flow is read as a
        # photograph, whatever config.flow says.
        "weights": "",
    },
    deep.network(VGG16),
    rows=(
        PaperRow(
            "VGG16",
            "tvl1",
            {"casme2": (0.8166, 0.8202), "smic": (0.5800, 0.5964)},
        ),
    ),
    convolutional=True,
    photographs=imagenet.VGG16,
)
