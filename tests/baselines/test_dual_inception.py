"""Dual-Inception: its size, and one block against Flax convolutions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.baselines.dual_inception import DualInception, Inception


def test_parameter_count():
    """6,449,963 (BASELINES 7)."""
    model = DualInception(classes=3, dropout=0.0, size=28, hidden=1024)
    x = np.zeros((1, 28, 28, 3), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    assert sum(x.size for x in jax.tree.leaves(params)) == 6_449_963


def test_a_block_is_made_of_convolutions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 7, 3)).astype(np.float32)
    shapes = jax.eval_shape(Inception(4).init, jax.random.key(1), x)
    variables = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)

    def conv(x, k, name):
        taps = variables["params"][name]["taps"]
        kernel = taps["kernel"].reshape(k, k, x.shape[-1], 4)
        own = {"params": {"kernel": kernel, "bias": taps["bias"]}}
        return nn.relu(nn.Conv(4, (k, k)).apply(own, x))

    @jax.jit
    def expected(x):
        pads = ((0, 0), (1, 1), (1, 1), (0, 0))
        padded = jnp.pad(x, pads, constant_values=-jnp.inf)
        around = [padded[:, i : i + 6, j : j + 7] for i in range(3) for j in range(3)]
        branches = [
            conv(x, 1, "point"),
            conv(conv(x, 1, "before_3"), 3, "three"),
            conv(conv(x, 1, "before_5"), 5, "five"),
            conv(jnp.stack(around).max(0), 1, "pool"),
        ]
        return jnp.concatenate(branches, axis=-1)

    got = jax.jit(Inception(4).apply)(variables, x)
    np.testing.assert_allclose(got, expected(x), rtol=1e-4, atol=1e-3)
