import jax
import numpy as np
import pytest

from selfme_jax.motion import blocks


@pytest.mark.parametrize("shape", [(24, 28), (23, 28)], ids=str)  # odd: no plain double
def test_upsampling_is_a_repetition_and_a_convolution(shape):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 12, 14, 6)).astype(np.float32)
    up, plain = blocks.Up(5), blocks.ConvNormAct(5)
    params = up.init(jax.random.key(0), x, shape)
    slope = rng.standard_normal((2, *shape, 5)).astype(np.float32)
    rows, columns = (
        (np.arange(n) + 0.5) * m // n for n, m in zip(shape, (12, 14), strict=True)
    )
    repeated = x[:, rows.astype(int)][:, :, columns.astype(int)]

    def oracle(params):
        return plain.apply({"params": params["params"]["conv"]}, repeated)

    def both(function):
        value, pull = jax.vjp(function, params)
        return jax.tree.leaves((value, pull(slope)))

    ours = both(lambda params: up.apply(params, x, shape))
    for mine, true in zip(ours, both(oracle), strict=True):
        assert mine.shape == true.shape
        np.testing.assert_allclose(mine, true, atol=1e-5 * np.abs(true).max())
