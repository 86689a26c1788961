"""ImageNet networks: their PyTorch twins, and ours started from the arrays of those."""

import numpy as np
import pytest
from plans import plan
from safetensors.numpy import save_file
from selfme_jax.configs import base

from selfme_jax.baselines import capsulenet, googlenet
from selfme_jax.run import build

# Model options that make a network small.
SMALL = {
    "vgg16": {"size": 64, "hidden": 24, "shrink": 16},
    "googlenet": {"size": 64, "shrink": 8},
    "capsulenet": {"size": 64, "kernel": 3, "shrink": 16},
}


class Images:
    """28x28 flow images, as a dataset."""

    classes = ("a", "b", "c")
    samples = (None,) * 4
    images = np.random.default_rng(0).uniform(0, 255, (4, 28, 28, 3))


def thinner(filters, by):
    return [n // by for n in filters]


@pytest.fixture(scope="session")
def nets():
    """name -> a small PyTorch twin with drawn weights."""
    pytest.importorskip("torch")
    import torchvision_twins as twins

    stages = [[thinner(f, 8) for f in stage] for stage in googlenet.STAGES]
    made = {
        "vgg16": twins.VGG(thinner((64, 128, 256, 512, 512), 16), 24, 2),
        "googlenet": twins.GoogLeNet(thinner((64, 64, 192), 8), stages),
        "capsulenet": twins.ResNet18(thinner(capsulenet.STAGES, 16)),
    }
    return {name: twins.drawn(net) for name, net in made.items()}


@pytest.fixture
def tensors(nets):
    """name -> the arrays of its twin."""
    return lambda name: {k: v.numpy() for k, v in nets[name].state_dict().items()}


@pytest.fixture
def images():
    """[4, 28, 28, 3], what every method is built for here."""
    return Images.images


@pytest.fixture
def create():
    """(method, file, model options) -> the method, by the config."""

    def made(name, path, model):
        config = base.get_config()
        config.method, config.input = name, "images"
        config[name].weights = str(path)
        config[name].model.update(model)
        return build.method(plan(config), Images)

    return made


@pytest.fixture
def begin(create, tmp_path):
    """(method, arrays) -> the small method, started from a file of them."""

    def made(name, arrays):
        path = tmp_path / "weights.safetensors"
        save_file(arrays, path)
        return create(name, path, SMALL[name])

    return made
