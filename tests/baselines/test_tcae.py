"""TCAE against its sizes and a PyTorch twin; merging, losses and the curriculum."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.baselines import tcae, tcae_losses
from selfme_jax.baselines.tcae import TCAE, Decoded
from selfme_jax.baselines.tcae_losses import Weights

NETWORK = TCAE(size=16, shrink=16, start=1.0)
# Run once: compiling is what takes time.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
WINDOW = (1, 4)  # of 6 samples


def quickly(function, *arguments):
    return jax.jit(function).lower(*arguments).compile(QUICK)(*arguments)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(256, (8_035_488, 3_340_803)), (64, (5_412_512, 2_159_619))],
)
def test_parameter_count(size, expected):
    """14,717,094 at 256x256 (BASELINES 10)."""
    x = np.zeros((1, size, size, 3), np.float32)
    init = TCAE(size, 1, 1.0).init
    params = jax.eval_shape(init, jax.random.key(0), x, x)["params"]
    count = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in params.items()}
    encoder, decoder = expected
    assert count["encoder"] == encoder
    assert count["pose_decoder"] == count["expression_decoder"] == decoder
    if size == 256:
        assert sum(count.values()) == 14_717_094


@pytest.mark.parametrize("size", [8, 48, 0])
def test_sizes_that_do_not_halve_to_one(size):
    x = np.zeros((1, 16, 16, 3), np.float32)
    with pytest.raises(ValueError, match=f"size {size}: give a power of two"):
        jax.eval_shape(TCAE(size, 16, 1.0).init, jax.random.key(0), x, x)


def test_weights_start_as_those_of_pytorch_and_the_last_layers_as_told():
    features = np.zeros((1, 16), np.float32)
    decoder = functools.partial(tcae.Decoder(4, 16, 0.1).init, train=False)
    params = quickly(decoder, jax.random.key(0), features, features)["params"]
    for name, inside, start in (("conv_0", 2 * 16 * 9, 1.0), ("last", 2 * 9, 0.1)):
        layer, bound = params[name], start / np.sqrt(inside)
        assert 0.3 * bound < abs(layer["bias"]).max() <= bound
        assert 0.9 * bound < abs(layer["kernel"]).max() <= bound
        spread = bound / np.sqrt(3)
        assert np.std(layer["kernel"]) == pytest.approx(spread, rel=0.2)


def texture(rng, count):
    """[count, 16, 16, 3] in [0, 1]: waves, unlike in x and y; bilinear samples of them
    have nearly continuous slopes."""
    y, x = np.mgrid[:16, :16] / 16
    waves, phase = rng.uniform(-9, 9, (count, 5, 2)), rng.uniform(0, 6, (count, 5, 3))
    angle = waves[..., 0, None, None] * x + waves[..., 1, None, None] * y
    image = np.cos(angle[..., None] + phase[:, :, None, None]).mean(1)
    return (0.5 + 0.5 * image).astype(np.float32)


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    return texture(rng, 6), texture(rng, 6)


@pytest.fixture(scope="module")
def variables(pair):
    """Random, also the running statistics; flows of a few pixels."""
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(NETWORK.init, jax.random.key(0), *pair)

    def draw(path, leaf):
        values = rng.normal(size=leaf.shape).astype(np.float32)
        if path[-1].key in ("var", "scale"):
            return 0.5 + np.abs(values)
        if path[-1].key == "kernel":
            values /= np.sqrt(np.prod(leaf.shape[:-1])).astype(np.float32)
            return values * np.float32(0.3 if path[-2].key == "last" else 1)
        return np.float32(0.3) * values

    return jax.tree_util.tree_map_with_path(draw, shapes)


@pytest.fixture(scope="module")
def trained(variables, pair):
    """((loss, (cycle, terms, new statistics)), gradients) in training mode."""

    def objective(params, stats, pair):
        given = {"params": params, "batch_stats": stats}
        cycle, new = NETWORK.apply(given, *pair, train=True, mutable=["batch_stats"])
        found = tcae_losses.terms(cycle, *pair)
        value, _ = tcae_losses.total(found, Weights(), WINDOW)
        return value, (cycle, found, new)

    return quickly(
        jax.value_and_grad(objective, has_aux=True),
        *(variables["params"], variables["batch_stats"], pair),
    )


@pytest.fixture(scope="module")
def twin(variables, pair):
    """The PyTorch network after its backward pass, and what it gave."""
    torch = pytest.importorskip("torch")
    import torch_tcae

    network = torch_tcae.Twin((2,), (16, 16, 16), (8, 4, 2))
    torch_tcae.load(network, variables)
    given = (torch.tensor(x.transpose(0, 3, 1, 2)) for x in pair)
    outputs, terms = network(*given)
    weight = {"reconstruction": 10, "magnitude": 0.1}
    total = sum(
        weight.get(name, 1) * values.sort()[0][slice(*WINDOW)].mean()
        for name, values in terms.items()
    )
    total.backward()
    return network, outputs, terms, total


def test_outputs_and_losses_are_those_of_the_twin(trained, twin):
    """Batch statistics of each frame by itself."""
    (value, (cycle, found, _)), _ = trained
    _, outputs, terms, total = twin
    mine = cycle.pose.flow, cycle.expression.flow, cycle.merged.flow, cycle.merged.image
    assert np.abs(np.asarray(cycle.expression.flow)).max() > 0.1
    for got, wanted in zip(mine, outputs, strict=True):
        wanted = wanted.detach().permute(0, 2, 3, 1)
        np.testing.assert_allclose(got, wanted, atol=2e-4, rtol=1e-3)
    assert set(found) == set(terms)
    for name, values in terms.items():
        assert found[name].shape == (6,)
        np.testing.assert_allclose(
            found[name], values.detach(), rtol=2e-3, atol=1e-5, err_msg=name
        )
    assert float(value) == pytest.approx(total.item(), rel=1e-3)


def test_gradients_are_those_of_the_twin(trained, twin):
    """Also of what is held constant, and of sampling."""
    import torch_tcae

    theirs = {k: p.grad for k, p in twin[0].named_parameters()}
    for name, mine in torch_tcae.state({"params": trained[1]}).items():
        scale = max(float(theirs[name].abs().max()), 1e-3)
        np.testing.assert_allclose(
            mine / scale, theirs[name] / scale, atol=0.01, err_msg=name
        )


def test_running_statistics_are_those_of_the_twin(trained, twin):
    """Five frames a step, in the order of the authors' code."""
    import torch_tcae

    new = trained[0][1][2]
    running = dict(twin[0].named_buffers())
    for name, mine in torch_tcae.state({"params": {}, **new}).items():
        if name.endswith("mean"):  # PyTorch's variances are unbiased
            np.testing.assert_allclose(mine, running[name], atol=1e-3, err_msg=name)


def test_gradients_reach_every_parameter(trained):
    """But the biases that a batch norm takes out again."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(trained[1]):
        layer, kind = path[-2].key, path[-1].key
        bare = layer == "last" or layer.endswith("2_conv")
        if "conv" in layer and kind == "bias" and not bare:
            continue
        assert np.isfinite(leaf).all() and (leaf != 0).any(), path


def test_the_flow_that_is_read_is_that_of_the_expression(variables, pair):
    def both(variables, pair):
        read = NETWORK.apply(variables, *pair, method="expression_flow")
        return read, NETWORK.apply(variables, *pair).expression.flow

    got, flow = map(np.asarray, quickly(both, variables, pair))
    axis = np.linspace(-1, 1, 16)
    identity = np.stack(np.meshgrid(axis, axis), -1)
    assert (np.abs(flow + identity) > 1).any()
    expected = np.clip(flow + identity, -1, 1) - identity
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_merging_is_a_mean_weighted_by_the_exponentials_of_the_masks():
    rng = np.random.default_rng(2)
    flows, masks = rng.normal(size=(2, 2, 3, 4, 2)), rng.uniform(-1, 1, (2, 2, 3, 4, 1))
    got = tcae.merge(*(Decoded(f, m) for f, m in zip(flows, masks, strict=True)))
    p, e = np.exp(masks)
    expected = (flows[0] * p + flows[1] * e) / (p + e)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    alike = tcae.merge(*(Decoded(f, masks[0]) for f in flows))
    np.testing.assert_allclose(alike, flows.mean(0), atol=1e-6)


def test_upsampling_lies_between_pixel_centres():
    x = jnp.array([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    got = np.asarray(tcae.double(x))[0, 0, :, 0]
    np.testing.assert_allclose(got, [0, 1, 3, 5, 7, 8], atol=1e-6)


def test_the_curriculum_is_a_mean_of_the_middle():
    values = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0], np.float32)
    assert float(tcae_losses.curriculum(jnp.array(values), 1, 4)) == pytest.approx(
        np.mean([2, 3, 5])
    )
    slope = jax.grad(tcae_losses.curriculum)(jnp.array(values), 1, 4)
    np.testing.assert_allclose(slope, [1 / 3, 0, 0, 1 / 3, 0, 1 / 3], atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (64, [(0, 32), (6, 38), (12, 44), (19, 51), (25, 57)]),
        (10, [(0, 5), (1, 6), (2, 7), (3, 8), (4, 9)]),
        (1, [(0, 1)] * 5),
    ],
)
def test_five_windows_share_the_steps(batch, expected):
    at = jax.jit(lambda s: tcae_losses.window(s, steps=20, batch=batch))
    for i, wanted in enumerate(expected):
        for step in (4 * i, 4 * i + 3):
            assert tuple(map(int, at(step))) == wanted
    assert tuple(map(int, at(99))) == expected[-1]  # past the end


def test_the_head_normalises_and_is_linear():
    rng = np.random.default_rng(3)
    x = rng.normal(2, 3, (5, 1, 1, 4)).astype(np.float32)
    head = tcae.Head(classes=3)
    kernel = rng.normal(size=(4, 3)).astype(np.float32)
    norm = {"scale": np.ones(4, np.float32), "bias": np.zeros(4, np.float32)}
    stats = {"mean": np.zeros(4, np.float32), "var": np.ones(4, np.float32)}
    variables = {
        "params": {"norm": norm, "logits": {"kernel": kernel}},
        "batch_stats": {"norm": stats},
    }
    got, new = head.apply(variables, x, train=True, mutable=["batch_stats"])
    rows = x.reshape(5, 4)
    normal = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
    np.testing.assert_allclose(got, normal @ kernel, atol=1e-4)
    mean = new["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(mean, 0.1 * rows.mean(0), rtol=1e-4)
