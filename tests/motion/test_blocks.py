import jax
import numpy as np
import pytest

from selfme_jax.motion import blocks


@pytest.mark.parametrize("shape", [(24, 28), (23, 28)], ids=str)  # odd: no plain double
def test_upsampling_is_a_repetition_and_a_convolution(shape, monkeypatch):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 12, 14, 6)).astype(np.float32)
    assert blocks.FEW <= 12 * 14
    up = blocks.Up(5)
    params = up.init(jax.random.key(0), x, shape)
    slope = rng.standard_normal((2, *shape, 5)).astype(np.float32)

    def both():
        value, pull = jax.vjp(lambda params: up.apply(params, x, shape), params)
        return jax.tree.leaves((value, pull(slope)))

    quick = both()
    monkeypatch.setattr(blocks, "FEW", np.inf)
    for ours, plain in zip(quick, both(), strict=True):
        assert ours.shape == plain.shape
        np.testing.assert_allclose(ours, plain, atol=1e-5 * np.abs(plain).max())
