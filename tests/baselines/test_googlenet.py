"""GoogLeNet: its size; nothing is computed."""

import jax
import numpy as np

from selfme_jax.baselines.googlenet import GoogLeNet


def count(classes):
    model = GoogLeNet(classes=classes, dropout=0.4, size=224, shrink=1)
    x = np.zeros((1, 28, 28, 3), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    output = jax.eval_shape(model.apply, shapes, x)
    assert output.shape == (1, classes)
    return sum(x.size for x in jax.tree.leaves(shapes))


def test_parameter_count():
    """For three classes, and for the thousand of the published 7 M (BASELINES 9)."""
    assert count(3) == 5_976_627
    assert count(1000) == 6_998_552
