"""VGG16: its size; nothing is computed."""

import jax
import numpy as np

from selfme_jax.baselines.vgg16 import VGG16


def count(classes):
    model = VGG16(classes=classes, dropout=0.5, size=224, hidden=4096, shrink=1)
    x = np.zeros((1, 28, 28, 3), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    output = jax.eval_shape(model.apply, shapes, x)
    assert output.shape == (1, classes)
    return sum(x.size for x in jax.tree.leaves(shapes))


def test_parameter_count():
    """For three classes, and for the thousand of the published 138 M (BASELINES 9)."""
    assert count(3) == 134_272_835
    assert count(1000) == 138_357_544
