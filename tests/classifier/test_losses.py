"""L_sc against a float64 loop written from the formula of DESIGN 4."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.classifier import losses

PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3)]


def oracle(features, labels, tau):
    """[b] float64, loop by loop."""
    f = np.asarray(features, np.float64)
    f = f / np.linalg.norm(f, axis=-1, keepdims=True)
    n = len(labels)
    out = np.zeros(n)
    for i in range(n):
        for a, b in PAIRS:
            others = [k for k in range(n) if (k, b) != (i, a)]
            positives = [p for p in others if labels[p] == labels[i]]
            if not positives:
                continue
            bottom = sum(np.exp(f[i, a] @ f[k, b] / tau) for k in others)
            logs = [np.log(np.exp(f[i, a] @ f[p, b] / tau) / bottom) for p in positives]
            out[i] -= np.mean(logs) / len(PAIRS)
    return out


def batch(seed, n, d=7, classes=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4, d)).astype(np.float32), rng.integers(0, classes, n)


@pytest.mark.parametrize("n", [1, 2, 5, 17])
@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_equals_the_formula(n, tau):
    features, labels = batch(n, n)
    got = losses.symmetric_contrastive(features, labels, temperature=tau)
    assert got.shape == (n,) and got.dtype == jnp.float32
    np.testing.assert_allclose(got, oracle(features, labels, tau), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["one class", "one sample", "duplicates", "zeros"])
def test_finite_gradients(case):
    features, labels = batch(3, 1 if case == "one sample" else 6)
    if case == "one class":
        labels[:] = 2
    if case == "duplicates":
        features[:] = features[:1, :1]
    if case == "zeros":
        features[0] = 0

    def total(x):
        return losses.symmetric_contrastive(x, labels, temperature=0.07).sum()

    value, grad = jax.value_and_grad(total)(features)
    assert np.isfinite(value) and np.isfinite(grad).all()


def test_gradient_against_finite_differences():
    features, labels = batch(8, 5, d=3)
    direction = np.random.default_rng(1).normal(size=features.shape)

    def total(x):
        return losses.symmetric_contrastive(x, labels, temperature=0.3).sum()

    grad = (jax.grad(total)(features) * direction).sum()
    e = 1e-5
    up, down = (
        oracle(features + s * e * direction, labels, 0.3).sum() for s in (1, -1)
    )
    np.testing.assert_allclose(grad, (up - down) / (2 * e), rtol=1e-4)


def test_order_of_samples_does_not_matter_and_order_of_sides_does_not():
    features, labels = batch(4, 9)
    order = np.random.default_rng(0).permutation(9)
    base = losses.symmetric_contrastive(features, labels, temperature=0.1)
    moved = losses.symmetric_contrastive(
        features[order], labels[order], temperature=0.1
    )
    np.testing.assert_allclose(base[order], moved, rtol=1e-5)
    swapped = losses.symmetric_contrastive(
        features[:, [1, 0, 3, 2]], labels, temperature=0.1
    )
    np.testing.assert_allclose(base, swapped, rtol=1e-5)
    crossed = losses.symmetric_contrastive(
        features[:, [0, 2, 1, 3]], labels, temperature=0.1
    )
    assert np.abs(base - crossed).max() > 1e-2  # rows are not sides


def test_scale_of_the_features_does_not_matter():
    features, labels = batch(5, 6)
    base = losses.symmetric_contrastive(features, labels, temperature=0.1)
    scaled = losses.symmetric_contrastive(7 * features, labels, temperature=0.1)
    np.testing.assert_allclose(base, scaled, rtol=1e-5)


def test_jit_and_vmap_agree_with_eager():
    features, labels = batch(6, 8)
    eager = losses.symmetric_contrastive(features, labels, temperature=0.07)
    one = jax.jit(losses.symmetric_contrastive, static_argnames="temperature")
    np.testing.assert_allclose(
        one(features, labels, temperature=0.07), eager, rtol=1e-5
    )
    stacked = jax.vmap(
        lambda f: losses.symmetric_contrastive(f, labels, temperature=0.07)
    )(np.stack([features, -2 * features[::-1]]))
    np.testing.assert_allclose(stacked[0], eager, rtol=1e-5)
