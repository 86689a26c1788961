"""Classes and action units by one network: the loss by hand, training that learns."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from selfme_jax.classifier import procedural
from selfme_jax.classifier.procedural import Fields, Training
from selfme_jax.classifier.scvit import SCViT


class Linear(nn.Module):
    """[b, h, w, c] -> [b, 5]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        del train
        return nn.Dense(5)(x.reshape(len(x), -1))


def fields(n=400):
    """Class by where, AUs by how much; a third has no class."""
    rng = np.random.default_rng(0)
    inputs = 0.1 * rng.standard_normal((n, 14, 14, 2)).astype(np.float32)
    label = rng.integers(0, 3, n)
    for i, which in enumerate(label):
        inputs[i, 4 * which : 4 * which + 4, :, 1] += 1
    units = rng.integers(0, 2, (n, 2))
    inputs[..., 12:, :, 1] -= units[:, :1, None]
    classes = np.eye(3, dtype=np.float32)[label]
    classes[::3] = 0
    return Fields(inputs, classes, units), label


def test_loss_by_hand():
    logits = np.array([[1.0, 0.0, -1.0, 2.0, -3.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    classes = np.array([[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]])
    units = np.array([[1, 0], [1, 1]])
    values = procedural.loss(logits, classes, units, weight=3.0)
    log_probs = logits[0, :3] - np.log(np.exp(logits[0, :3]).sum())
    first = -(classes[0] * log_probs).sum()
    first += 1.5 * (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-3.0)))
    np.testing.assert_allclose(values, [first, 3 * np.log(2)], rtol=1e-6)


def test_learns_both_and_repeats():
    data, label = fields()
    recipe = Training(steps=150, batch_size=64, learning_rate=3e-2, ema=0.9)
    one, two = (procedural.fit(Linear(), data, recipe, seed=s) for s in (0, 0))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    found = procedural.predict(Linear(), one, data.inputs, batch_size=150)
    assert found.shape == (400, 5)
    assert (found[:, :3].argmax(1) == label).mean() > 0.95
    assert ((found[:, 3] > 0) == data.units[:, 0]).mean() > 0.9
    other = procedural.fit(Linear(), data, recipe, seed=1)
    assert not np.array_equal(one["Dense_0"]["kernel"], other["Dense_0"]["kernel"])


def test_ridge_shrinks():
    data, _ = fields(100)
    recipe = Training(steps=120, batch_size=64, learning_rate=3e-2, ema=0.9)
    sizes = [
        np.square(procedural.fit(Linear(), data, r, seed=0)["Dense_0"]["kernel"]).sum()
        for r in (recipe, recipe._replace(ridge=0.1))
    ]
    assert sizes[1] < 0.5 * sizes[0]


def test_reads_the_logits_of_a_network_that_gives_more():
    module = SCViT(
        **{"classes": 5, "patch": 7, "width": 8, "depth": 1, "heads": 2, "mlp": 1.0},
        **{"dropout": 0.1, "head": "symmetric", "place_scale": 1.0},
        **{"row_fraction": 0.5, "projection": 4},
    )
    data, _ = fields(30)
    told = []
    params = procedural.fit(
        module,
        data,
        Training(steps=3, batch_size=8),
        seed=0,
        tell=lambda *words: told.append(words),
    )
    assert procedural.predict(module, params, data.inputs).shape == (30, 5)
    assert [words[1:3] for words in told] == [(3, 3)]


def test_a_loss_that_is_not_finite_stops():
    data, _ = fields(30)
    data.inputs[:] = np.nan
    with pytest.raises(FloatingPointError, match="steps 0 to 2"):
        procedural.fit(Linear(), data, Training(steps=2, batch_size=8), seed=0)
