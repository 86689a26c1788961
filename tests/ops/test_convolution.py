"""Convolution and its gradients against XLA's own and against PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.ops import convolution

CASES = {  # image shape, kernel (kh, kw, d), stride
    "wider": ((2, 9, 8, 3), (3, 3, 5), 1),
    "narrower": ((2, 9, 8, 5), (3, 5, 2), 1),
    "even kernel": ((1, 7, 8, 4), (4, 2, 3), 1),
    "stride": ((2, 9, 8, 3), (3, 5, 4), 2),
    "stride, narrower": ((3, 10, 7, 6), (7, 3, 2), 2),
    "stride 3": ((1, 11, 10, 2), (2, 3, 4), 3),
    "one feature": ((2, 6, 9, 4), (7, 5, 1), 1),
    "pointwise": ((2, 6, 5, 3), (1, 1, 7), 2),
    "kernel beyond the image": ((2, 3, 2, 4), (7, 7, 3), 1),
}


@pytest.fixture(autouse=True, params=["large", "few pixels"])
def products(monkeypatch, request):
    """Matrix products for these small images as well: for the kernel's gradient alone,
    or for everything."""
    monkeypatch.setattr(convolution, "LARGE", 0)
    monkeypatch.setattr(convolution, "FEW", 0 if request.param == "few pixels" else 1e9)


def xla(image, kernel, stride):
    layout = ("NHWC", "HWIO", "NHWC")
    strides = (stride, stride)
    return jax.lax.conv_general_dilated(
        image, kernel, strides, "SAME", dimension_numbers=layout
    )


def draw(case, dtype=np.float32):
    shape, (kh, kw, d), stride = CASES[case]
    rng = np.random.default_rng(len(case))
    image = rng.standard_normal(shape).astype(dtype)
    kernel = rng.standard_normal((kh, kw, shape[-1], d)).astype(dtype)
    slope = rng.standard_normal(xla(image, kernel, stride).shape).astype(dtype)
    return image, kernel, slope, stride


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_xla(case):
    image, kernel, slope, stride = draw(case)

    def run(function):
        value, pull = jax.vjp(function, image, kernel)
        return value, *pull(slope)

    ours = jax.jit(lambda: run(lambda x, k: convolution.convolve(x, k, stride=stride)))
    theirs = jax.jit(lambda: run(lambda x, k: xla(x, k, stride)))
    for x, y in zip(ours(), theirs(), strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(x, y, atol=2e-5 * np.abs(y).max())


@pytest.mark.parametrize("fold", [0, 1000])
@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (1, 1, 1, 2), (3, 2, 7, 4)], ids=str)
def test_doubled_is_the_convolution_of_the_repeated_image(shape, fold, monkeypatch):
    monkeypatch.setattr(convolution, "FOLD", fold)
    rng = np.random.default_rng(shape)
    image = rng.standard_normal(shape).astype(np.float32)
    kernel = rng.standard_normal((3, 3, shape[-1], 5)).astype(np.float32)
    slope = rng.standard_normal((shape[0], 2 * shape[1], 2 * shape[2], 5))

    def repeated(image, kernel):
        return xla(image.repeat(2, axis=1).repeat(2, axis=2), kernel, 1)

    def run(function):
        value, pull = jax.vjp(function, image, kernel)
        return value, *pull(slope.astype(np.float32))

    for x, y in zip(run(convolution.doubled), run(repeated), strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(x, y, atol=2e-5 * np.abs(y).max())

    def rough(image, kernel):
        return convolution.doubled(image.astype(jnp.bfloat16), kernel)

    found = rough(image, kernel)
    assert found.dtype == jnp.bfloat16
    exact = repeated(image, kernel)
    error = np.abs(found.astype(np.float32) - exact).max()
    assert error < 2**-6 * np.abs(exact).max()


def test_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    image, kernel, slope, _ = draw("narrower")
    x = torch.tensor(image.transpose(0, 3, 1, 2), requires_grad=True)
    k = torch.tensor(kernel.transpose(3, 2, 0, 1), requires_grad=True)
    out = torch.nn.functional.conv2d(x, k, padding=(1, 2))
    out.backward(torch.tensor(slope.transpose(0, 3, 1, 2)))
    value, pull = jax.vjp(convolution.convolve, image, kernel)
    to_image, to_kernel = pull(slope)
    pairs = [
        (value, out.detach().permute(0, 2, 3, 1)),
        (to_image, x.grad.permute(0, 2, 3, 1)),
        (to_kernel, k.grad.permute(2, 3, 1, 0)),
    ]
    for mine, other in pairs:
        np.testing.assert_allclose(mine, other, atol=1e-4)


def test_vmap_over_kernels_is_a_loop():
    image, kernel, slope, stride = draw("stride")
    kernels = np.stack([kernel, 2 - kernel])

    def run(kernel):
        _, pull = jax.vjp(
            lambda x, k: convolution.convolve(x, k, stride=stride), image, kernel
        )
        return pull(slope)

    mapped = jax.jit(jax.vmap(run))(kernels)
    for i, one in enumerate(kernels):
        for x, y in zip(mapped, run(one), strict=True):
            np.testing.assert_allclose(x[i], y, rtol=1e-4, atol=1e-4)


def test_bfloat16_sums_in_float32():
    image, kernel, slope, _ = draw("wider")
    image = np.tile(image, (8, 6, 6, 1))
    slope = np.tile(slope, (8, 6, 6, 1))
    rough = (jnp.asarray(x, jnp.bfloat16) for x in (image, kernel, slope))
    image, kernel, slope = map(np.asarray, rough)
    _, pull = jax.vjp(lambda k: convolution.convolve(image, k), kernel)
    (found,) = pull(slope)
    assert found.dtype == jnp.bfloat16
    image, kernel = (x.astype(np.float32) for x in (image, kernel))
    _, pull = jax.vjp(lambda k: xla(image, k, 1), kernel)
    (exact,) = pull(slope.astype(np.float32))
    error = np.abs(found.astype(np.float32) - exact).max()
    assert error < 2**-8 * np.abs(exact).max()  # the last rounding only


def test_products_are_for_large_and_for_few_pixels(monkeypatch):
    monkeypatch.undo()

    def products(size, channels, features):
        image = jnp.ones((2, size, size, channels))
        kernel = jnp.ones((3, 3, channels, features))
        gradient = jax.grad(lambda k: convolution.convolve(image, k).sum())
        return "dot_general" in str(jax.make_jaxpr(gradient)(kernel))

    assert products(128, 32, 32) and not products(64, 32, 32)
    assert products(2, 32, 32) and not products(4, 32, 32)
    assert products(64, 32, 1)


def test_kernels_are_folded_for_many_pixels():
    def convolved(size):
        image, kernel = jnp.ones((2, size, size, 4)), jnp.ones((3, 3, 4, 8))
        return str(jax.make_jaxpr(convolution.doubled)(image, kernel))

    assert "f32[2,2,4,32]" in convolved(16) and "f32[2,2,4,32]" not in convolved(8)
