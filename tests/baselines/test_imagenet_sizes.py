"""Networks made for ImageNet: their sizes, without computing anything."""

import jax
import numpy as np
import pytest

from selfme_jax.baselines.googlenet import GoogLeNet
from selfme_jax.baselines.vgg16 import VGG16

GOOGLENET = GoogLeNet(classes=3, dropout=0.4, size=224, shrink=1)
VGG = VGG16(classes=3, dropout=0.5, size=224, hidden=4096, shrink=1)


@pytest.mark.parametrize(
    ("model", "classes", "expected"),
    [
        (GOOGLENET, 3, 5_976_627),
        (GOOGLENET, 1000, 6_998_552),  # published as 7 M (BASELINES 9)
        (VGG, 3, 134_272_835),
        (VGG, 1000, 138_357_544),  # published as 138 M
    ],
)
def test_parameter_count(model, classes, expected):
    model = model.clone(classes=classes)
    x = np.zeros((1, 28, 28, 3), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    assert jax.eval_shape(model.apply, shapes, x).shape == (1, classes)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == expected
