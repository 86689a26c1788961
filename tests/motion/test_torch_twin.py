"""The motion network and its loss against the PyTorch twin with the same weights."""

import jax
import numpy as np
import pytest

from selfme_jax.motion import objective as jax_objective
from selfme_jax.motion import sparse
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective, loss
from selfme_jax.types import Keypoints

torch = pytest.importorskip("torch")

import torch_objective  # noqa: E402
import torch_twin  # noqa: E402

# Fields beyond those of the small network: several halvings, of frames that they do
# not divide; both detectors.
CONFIGS = {
    "regression": {
        **{"dense_depth": 3, "max_width": 24, "generator_down": 3},
        **{"generator_blocks": 2, "keypoint_blocks": (1, 2), "scale": 2},
        **{"compare": True},
    },
    "heatmap": {
        **{"detector": "heatmap", "points": 1, "sparse": "affine"},
        **{"dense_depth": 2, "generator_down": 1},
    },
}
# Gradients take long to compile: no more network than needed, no optimised code.
SHORT = {"dense_depth": 1, "generator_down": 0, "scale": 1}
QUICK = {"xla_backend_optimization_level": 0}


@pytest.fixture(scope="module")
def frames(make_texture):
    """[2, 38, 45, 3]: 38 = 2 * 19, 45 odd."""
    rng = np.random.default_rng(8)
    return make_texture(rng, 2, 38, 45), make_texture(rng, 2, 38, 45)


def draw(network, frames):
    """Random parameters, the fields a few pixels long."""
    shapes = jax.eval_shape(network.init, jax.random.key(0), *frames)
    rng = np.random.default_rng(4)

    def leaf(path, x):
        noise = rng.standard_normal(x.shape).astype(np.float32)
        if path[-1].key == "kernel":
            return 1.5 * noise / np.sqrt(np.prod(x.shape[:-1]))
        return 0.1 * noise + (path[-1].key == "scale")

    return jax.tree.map_with_path(leaf, shapes)


def channels_first(x):
    return torch.tensor(np.moveaxis(np.asarray(x), -1, 1))


def make(fields, frames):
    network = MotionNetwork(**fields)
    params = draw(network, frames)
    twin = torch_twin.Twin(network)
    torch_twin.copy_params(twin, params["params"])
    return network, params, twin


@pytest.mark.parametrize("name", CONFIGS)
def test_outputs_are_those_of_the_twin(name, small, frames):
    network, params, twin = make(small | CONFIGS[name], frames)
    ours = jax.jit(network.apply)(params, *frames)
    with torch.no_grad():
        theirs = twin(*map(channels_first, frames))
    pairs = ours.source_keypoints, ours.driving_keypoints
    for mine, points, jacobians in zip(
        pairs, theirs.points, theirs.jacobians, strict=True
    ):
        np.testing.assert_allclose(mine.points, points, atol=1e-4)
        assert (mine.jacobians is None) == (jacobians is None)
        if jacobians is not None:
            np.testing.assert_allclose(mine.jacobians, jacobians, atol=1e-3)
    flow = np.asarray(ours.motion.flow)
    assert np.abs(flow).max() > 0.02  # a pixel: there is something to compare
    np.testing.assert_allclose(flow, theirs.flow, atol=1e-3)
    assert flow.std((1, 2)).min() > 1e-3
    np.testing.assert_allclose(
        ours.motion.weights, theirs.weights.permute(0, 2, 3, 1), atol=1e-3
    )
    for mine, occlusion in zip(ours.motion.occlusion, theirs.occlusion, strict=True):
        np.testing.assert_allclose(mine, occlusion.permute(0, 2, 3, 1), atol=1e-3)
    image = theirs.reconstruction.permute(0, 2, 3, 1)
    np.testing.assert_allclose(ours.reconstruction, image, atol=1e-3)


@pytest.mark.parametrize("kind", sparse.KINDS)
def test_candidates_are_those_of_the_twin(kind, small):
    network = MotionNetwork(**small | {"sparse": kind})
    rng = np.random.default_rng(6)
    driving = rng.uniform(-0.9, 0.9, (2, 4, 5, 2)).astype(np.float32)
    source = driving + rng.normal(0, 0.1, driving.shape).astype(np.float32)
    ours = sparse.candidates(
        Keypoints(source),
        Keypoints(driving),
        (19, 13),
        kind=kind,
        cells=network.cells,
        smoothness=network.smoothness,
    )
    points = torch.tensor(source), torch.tensor(driving)
    theirs = torch_twin.Twin(network).candidates(points, (None, None), (19, 13))
    assert np.abs(ours).max() > 0.05
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_loss_and_gradients_are_those_of_the_twin(small, frames):
    network, params, twin = make(small | SHORT, frames)
    objective = Objective(reconstruction=0.7, warped=1.3, equivariance=0.4, scales=2)
    key = jax.random.key(3)

    def run(params):
        return loss(network, params, key, *frames, objective=objective)

    grad = jax.jit(jax.value_and_grad(run, has_aux=True), compiler_options=QUICK)
    (total, metrics), gradients = grad(params)
    keys = jax.random.split(jax.random.split(key)[1], 2)
    warps = jax.vmap(lambda k: jax_objective._random_warp(k, objective))(keys)
    warps = [torch.tensor(np.asarray(x)) for x in warps]
    images = map(channels_first, frames)
    expected, terms = torch_objective.loss(twin, *images, *warps, objective=objective)
    for name, term in terms.items():
        np.testing.assert_allclose(metrics[name], term.item(), rtol=1e-3)
    np.testing.assert_allclose(total, expected.item(), rtol=1e-3)
    expected.backward()
    mirror = torch_twin.Twin(network)
    torch_twin.copy_params(mirror, gradients["params"])
    for (name, mine), theirs in zip(
        mirror.named_parameters(), twin.parameters(), strict=True
    ):
        slope = theirs.grad.numpy()
        assert np.abs(slope).max() > 0, name
        error = np.abs(mine.detach().numpy() - slope).max()
        assert error < 0.02 * np.abs(slope).max() + 1e-6, name


def test_a_parameter_without_a_twin_is_an_error(small, frames):
    network, params, twin = make(small | SHORT, frames)
    del params["params"]["dense"]["weights"]["bias"]
    with pytest.raises(RuntimeError, match=r"dense\.weights\.bias"):
        torch_twin.copy_params(twin, params["params"])
    with pytest.raises(ValueError, match="windows"):
        torch_twin.Twin(network.clone(windows=(1.0,)))
