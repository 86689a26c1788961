"""What is compiled in haste gives the same numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.train import parallel


def test_weights_drawn_in_haste_are_the_same_to_the_bit():
    traced = []

    def draw(seed):
        traced.append(seed)
        key = jax.random.key(seed)
        dense = nn.Dense(7).init(key, jnp.ones(5))
        conv = nn.Conv(3, (3, 3)).init(key, jnp.ones((1, 4, 4, 2)))
        return dense, conv, jax.random.truncated_normal(key, -2.0, 2.0, (50,))

    seeds = np.arange(16).reshape(8, 2)
    mapping = parallel.FoldAxis().map
    expected = mapping(draw)(seeds)
    traced.clear()
    hasty = parallel.hasty(mapping(draw))
    for _ in range(2):  # chunks have one shape: it is compiled once
        jax.tree.map(np.testing.assert_array_equal, hasty(seeds), expected)
    assert len(traced) <= 1
    other = hasty(seeds + 5)
    assert not np.array_equal(other[2], expected[2])
