"""Max-pooling and its gradient against XLA's own and against PyTorch's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.ops import pooling

CASES = {  # images, size, stride, padding
    "inception": ((2, 7, 6, 3), 3, 1, "SAME"),
    "halves": ((2, 8, 6, 3), 2, 2, "SAME"),
    "odd sides": ((2, 9, 7, 2), 3, 2, "SAME"),
    "valid": ((1, 9, 10, 2), 3, 2, "VALID"),
    "both edges": ((2, 8, 7, 3), 3, 2, ((1, 1), (1, 1))),
    "one edge": ((1, 5, 6, 2), 2, 3, ((0, 1), (1, 0))),
}


def draw(case, dtype=np.float32, *, ties=False):
    shape, size, stride, padding = CASES[case]
    rng = np.random.default_rng(len(case))
    images = rng.standard_normal(shape)
    images = np.maximum(images.round(), 0) if ties else images - 3  # all below zero
    images = jnp.asarray(images, dtype)
    slope = xla(images, size, stride, padding)
    return images, jnp.asarray(rng.standard_normal(slope.shape), dtype), CASES[case][1:]


def xla(images, size, stride, padding):
    return nn.max_pool(images, (size, size), (stride, stride), padding)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradient_are_those_of_xla(case, ties):
    images, slope, (size, stride, padding) = draw(case, ties=ties)

    def ours(x):
        return pooling.max_pool(x, size=size, stride=stride, padding=padding)

    for function in (ours, jax.jit(ours)):
        value, pull = jax.vjp(function, images)
        expected, own = jax.vjp(lambda x: xla(x, size, stride, padding), images)
        np.testing.assert_array_equal(value, expected)
        np.testing.assert_allclose(pull(slope)[0], own(slope)[0], atol=1e-6)


def test_gradient_is_that_of_torch():
    torch = pytest.importorskip("torch")
    images, slope, (size, stride, _) = draw("both edges")
    x = torch.tensor(np.moveaxis(images, -1, 1), requires_grad=True)
    out = torch.nn.functional.max_pool2d(x, size, stride, padding=1)
    out.backward(torch.tensor(np.moveaxis(slope, -1, 1)))
    padding = ((1, 1), (1, 1))
    value, pull = jax.vjp(
        lambda x: pooling.max_pool(x, size=size, stride=stride, padding=padding), images
    )
    np.testing.assert_array_equal(value, out.detach().permute(0, 2, 3, 1))
    np.testing.assert_allclose(pull(slope)[0], x.grad.permute(0, 2, 3, 1), atol=1e-6)


def test_vmap_and_bfloat16():
    images, slope, (size, _, _) = draw("inception", jnp.bfloat16)

    def run(images, slope):
        _, pull = jax.vjp(lambda x: pooling.max_pool(x, size=size), images)
        return pull(slope)[0]

    many = jax.vmap(run)(jnp.stack([images, -images]), jnp.stack([slope, 2 * slope]))
    assert many.dtype == jnp.bfloat16
    for i, (x, s) in enumerate([(images, slope), (-images, 2 * slope)]):
        np.testing.assert_array_equal(many[i], run(x, s))


def test_on_cpu_nothing_walks_the_windows():
    images = jnp.ones((1, 8, 8, 2))
    gradient = jax.jit(jax.grad(lambda x: pooling.max_pool(x, size=3).sum()))
    text = gradient.lower(images).compile().as_text()
    assert "select-and-scatter" not in text and "maximum" in text
