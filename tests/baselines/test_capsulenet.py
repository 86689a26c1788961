"""CapsuleNet: its size, routing and loss against float64, batch statistics."""

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.baselines import capsulenet
from selfme_jax.baselines.capsulenet import Backbone, CapsuleNet


def test_parameter_count():
    """Backbone, convolutions, capsules: 13,842,496 in all (BASELINES 6)."""
    model = CapsuleNet(classes=3, size=224, kernel=9, shrink=1)
    x = np.zeros((1, 28, 28, 3), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    params = shapes["params"]
    sizes = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in params.items()}
    assert sizes == {
        "backbone": 2_782_784,
        "conv": 5_308_672,
        "primary": 5_308_672,
        "votes": 442_368,
    }
    assert sum(sizes.values()) == 13_842_496
    assert params["votes"].shape == (3, 1152, 16, 8)
    assert jax.eval_shape(model.apply, shapes, x).shape == (1, 3)


def squash(s):
    size = np.linalg.norm(s)
    return size**2 / (1 + size**2) * s / (size + 1e-8)


def test_routing_against_float64_loops():
    votes = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    for sample, got in zip(votes, capsulenet.route(jnp.array(votes)), strict=True):
        logits = np.zeros((3, 5))
        for _ in range(3):
            share = np.exp(logits) / np.exp(logits).sum(0)
            capsules = [
                squash(sum(share[k, n] * sample[k, n] for n in range(5)))
                for k in range(3)
            ]
            for k in range(3):
                for n in range(5):
                    logits[k, n] += sample[k, n] @ capsules[k]
        np.testing.assert_allclose(got, capsules, rtol=1e-4, atol=1e-5)


def test_margin_loss():
    lengths = jnp.array([[0.9, 0.01, 0.21], [0.0, 0.995, 0.0]])
    got = capsulenet.margin_loss(
        lengths, jnp.array([0, 1]), present=0.99, absent=0.01, weight=0.5
    )
    np.testing.assert_allclose(got, [0.09**2 + 0.5 * 0.2**2, 0.0], atol=1e-6)


def test_batch_statistics_are_of_training_alone():
    """Kept while training, used as they are when predicting."""
    x = np.random.default_rng(0).normal(size=(3, 16, 16, 2)).astype(np.float32)
    model = Backbone(shrink=32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=False))
    variables = jax.tree.map(lambda s: np.full(s.shape, 0.1, np.float32), shapes)

    @jax.jit
    def both(x):
        trained = model.apply(variables, x, train=True, mutable=["batch_stats"])[1]
        told, kept = model.apply(variables, x, train=False, mutable=["batch_stats"])
        return trained["batch_stats"], told, kept["batch_stats"]

    trained, told, kept = both(x)
    expected = variables["batch_stats"]
    assert jax.tree.all(jax.tree.map(np.array_equal, kept, expected))
    same = jax.tree.map(np.array_equal, trained, expected)
    assert not any(jax.tree.leaves(same))
    other = np.concatenate([x[:1], 9 + x[1:]])
    np.testing.assert_allclose(both(other)[1][0], told[0], rtol=1e-5)
