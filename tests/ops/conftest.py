"""Checks that every array operation has to pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def transforms():
    """Holds an op against itself: jit = eager, vmap = loop = leading axes, dtype."""

    def check(fn, *args, atol: float = 2e-6):
        args = [jnp.asarray(a, jnp.float32) for a in args]
        expected = np.asarray(jax.jit(fn)(*args))
        assert expected.dtype == np.float32
        assert np.isfinite(expected).all()
        with jax.disable_jit():
            np.testing.assert_allclose(fn(*args), expected, atol=atol)
        # Two different elements, so that mixing them up shows.
        others = [a * 0.75 + 0.0625 for a in args]
        batch = [jnp.stack(pair) for pair in zip(args, others, strict=True)]
        loop = np.stack([expected, jax.jit(fn)(*others)])
        assert np.abs(loop[0] - loop[1]).max() > 10 * atol
        np.testing.assert_allclose(jax.jit(jax.vmap(fn))(*batch), loop, atol=atol)
        found = np.asarray(jax.jit(fn)(*[a[:, None, None] for a in batch]))
        assert found.shape == (2, 1, 1, *expected.shape)
        np.testing.assert_allclose(found[:, 0, 0], loop, atol=atol)

    return check


@pytest.fixture
def gradients():
    """Compares reverse-mode derivatives with finite differences in float64."""

    def check(fn, *args, atol: float = 1e-6, rtol: float = 1e-5):
        fn = jax.jit(fn)
        argnums = tuple(range(len(args)))
        squared = jax.jit(jax.grad(lambda *a: (fn(*a) ** 2).sum(), argnums))
        for gradient in squared(*[jnp.asarray(a, jnp.float32) for a in args]):
            assert np.isfinite(gradient).all()
        with jax.enable_x64(True):
            args = [jnp.asarray(a, jnp.float64) for a in args]
            check_grads(
                fn, args, order=1, modes=["rev"], atol=atol, rtol=rtol, eps=1e-6
            )

    return check
