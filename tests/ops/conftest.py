"""Checks that every array operation has to pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def transforms():
    """Holds an op against itself: jit = eager, vmap = loop = leading axes, dtype."""

    def check(fn, *args, atol: float = 2e-6):
        args = [np.asarray(a, np.float32) for a in args]
        compiled = jax.jit(fn)
        expected = np.asarray(compiled(*args))
        assert expected.dtype == np.float32
        assert np.isfinite(expected).all()
        with jax.disable_jit():
            eager = fn(*[jnp.asarray(a) for a in args])
        np.testing.assert_allclose(eager, expected, atol=atol)
        # Two different elements, so that mixing them up shows.
        others = [a * np.float32(0.75) + np.float32(0.0625) for a in args]
        batch = [np.stack(pair) for pair in zip(args, others, strict=True)]
        loop = np.stack([expected, compiled(*others)])
        assert np.abs(loop[0] - loop[1]).max() > 10 * atol
        np.testing.assert_allclose(jax.jit(jax.vmap(fn))(*batch), loop, atol=atol)
        found = np.asarray(compiled(*[a[:, None, None] for a in batch]))
        assert found.shape == (2, 1, 1, *expected.shape)
        np.testing.assert_allclose(found[:, 0, 0], loop, atol=atol)

    return check


@pytest.fixture
def gradients(rng):
    """Compares the derivative along a random direction with central differences.

    In float64; in float32, as used, the gradient must be finite.
    """

    def check(fn, *args, tolerance: float = 1e-6, step: float = 1e-6):
        @jax.jit
        def pulled_back(weights, *args):
            value, pull = jax.vjp(fn, *args)
            return value, pull(weights)

        shape = jax.eval_shape(fn, *args).shape
        weights = rng.normal(size=shape)
        with jax.enable_x64(True):
            args = [np.asarray(a, np.float64) for a in args]
            directions = [rng.normal(size=a.shape) for a in args]
            values = []
            for sign in (-1, 1):
                pairs = zip(args, directions, strict=True)
                moved = [a + sign * step * d for a, d in pairs]
                values.append(np.asarray(pulled_back(weights, *moved)[0]))
            found = pulled_back(weights, *args)[1]
        expected = np.sum(weights * (values[1] - values[0])) / (2 * step)
        pairs = zip(found, directions, strict=True)
        along = sum(np.sum(np.asarray(g) * d) for g, d in pairs)
        scale = sum(np.linalg.norm(g) for g in found)
        assert scale > 0
        assert abs(along - expected) < tolerance * max(scale, 1), (along, expected)
        single = [np.asarray(a, np.float32) for a in args]
        for gradient in pulled_back(np.float32(weights), *single)[1]:
            assert np.isfinite(gradient).all()

    return check
