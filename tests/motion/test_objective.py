import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from selfme_jax.motion import objective as module
from selfme_jax.motion import perceptual
from selfme_jax.motion.network import MotionNetwork, MotionOutput
from selfme_jax.motion.objective import Objective, loss
from selfme_jax.types import Keypoints

ALL = Objective(
    ssim=0.5, census=0.2, scales=2, feature_warp=0.3, smoothness=0.1, blur=0.8,
    light_blocks=4,
)  # fmt: skip
NONE = Objective(reconstruction=0, warped=0, equivariance=0)


@pytest.fixture(scope="module")
def gradient(network, pair):
    def run(params, key):
        return loss(network, params, key, *pair, objective=ALL, dropout=0.3)

    return jax.jit(jax.value_and_grad(run, has_aux=True))


def test_total_is_the_weighted_sum_and_every_parameter_learns(gradient, params):
    (total, metrics), gradients = gradient(params, jax.random.key(0))
    names = {"reconstruction", "warped", "equivariance", "feature_warp", "smoothness"}
    assert set(metrics) == names | {"loss"}
    expected = sum(float(metrics[name]) * getattr(ALL, name) for name in names)
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)
    for path, g in jax.tree.leaves_with_path(gradients):
        assert np.isfinite(g).all(), jax.tree_util.keystr(path)
        assert np.abs(g).max() > 0, jax.tree_util.keystr(path)


def test_vmap_over_params_and_keys_is_a_loop(network, pair, params):
    def run(params, key):
        settings = Objective(equivariance=0.0)
        return loss(network, params, key, *pair, objective=settings, dropout=0.3)[1]

    other = jax.tree.map(lambda x: 1.1 * x, params)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), params, other)
    keys = jax.random.split(jax.random.key(3), 2)
    mapped = jax.jit(jax.vmap(run))(stacked, keys)
    single = jax.jit(run)
    for i, tree in enumerate((params, other)):
        one = single(tree, keys[i])
        for name in one:
            np.testing.assert_allclose(mapped[name][i], one[name], rtol=2e-4)


def test_weight_zero_is_not_computed(network, pair, params):
    def equations(objective):
        jaxpr = jax.make_jaxpr(
            lambda p, k: loss(network, p, k, *pair, objective=objective)
        )(params, jax.random.key(0))
        return str(jaxpr).count(" = ")

    base = equations(NONE)
    for term in ("reconstruction", "warped", "equivariance", "feature_warp"):
        assert equations(NONE._replace(**{term: 1.0})) > base + 20, term
    assert base < equations(NONE._replace(smoothness=1.0))
    total, metrics = jax.eval_shape(
        lambda: loss(network, params, jax.random.key(0), *pair, objective=NONE)
    )
    assert set(metrics) == {"loss"}
    assert total.shape == ()


def test_the_perceptual_term_compares_the_reconstruction(network, pair, params):
    rng = np.random.default_rng(1)
    channels, vgg = 3, []
    for block in perceptual.BLOCKS:  # a VGG of three channels
        draw = [rng.standard_normal((3, 3, channels, 3), np.float32) for _ in block]
        vgg.append(tuple((kernel / 3, np.zeros(3, np.float32)) for kernel in draw))
    objective = NONE._replace(perceptual=0.3)

    def run(params, vgg):
        total, metrics = loss(
            network, params, jax.random.key(0), *pair, objective=objective, vgg=vgg
        )
        image = network.apply(params, *pair).reconstruction
        return total, metrics, perceptual.multiscale(vgg, image, pair[1]).mean()

    total, metrics, expected = jax.jit(run)(params, tuple(vgg))
    assert set(metrics) == {"perceptual", "loss"} and expected > 0.01
    np.testing.assert_allclose(metrics["perceptual"], expected, rtol=1e-4)
    np.testing.assert_allclose(total, 0.3 * expected, rtol=1e-4)


class Blob(MotionNetwork):
    """Finds one point: the centre of brightness, an equivariant detector."""

    def keypoints(self, image):
        weights = image.mean(-1) ** 2
        weights /= weights.sum((1, 2), keepdims=True)
        h, w = image.shape[1:3]
        x = (weights.sum(1) * jnp.linspace(-1, 1, w)).sum(-1)
        y = (weights.sum(2) * jnp.linspace(-1, 1, h)).sum(-1)
        return Keypoints(jnp.stack([x, y], -1)[:, None, None])


def test_equivariance_maps_points_the_way_the_frame_moves():
    y, x = np.mgrid[-1:1:81j, -1:1:65j]
    blob = np.exp(-((x - 0.2) ** 2 + (y + 0.1) ** 2) / 0.003)[None, ..., None]
    frames = jnp.asarray(np.tile(blob, (4, 1, 1, 3)), jnp.float32)
    detector = Blob()
    found = detector.apply({}, frames, method="keypoints")
    output = MotionOutput(found, found, None, None)
    key = jax.random.key(1)
    still = Objective(rotation=0.0, zoom=0.0, translation=0.0, bspline=0.0)
    for moving in (
        still._replace(rotation=0.2, translation=0.2),
        still._replace(bspline=0.1),
    ):
        error = module._equivariance(moving, detector, {}, key, frames, output)
        assert error.max() < 0.006  # the other way it would be twice the motion, ~0.2
    error = module._equivariance(still, detector, {}, key, frames, output)
    assert error.max() < 1e-5


def test_thirty_steps_lower_the_loss(gradient, params):
    optimizer = optax.adam(3e-3)
    update = jax.jit(optimizer.update)
    state = optimizer.init(params)
    values = []
    for key in jax.random.split(jax.random.key(0), 30):
        (value, _), gradients = gradient(params, key)
        values.append(value)
        updates, state = update(gradients, state)
        params = jax.tree.map(np.add, params, updates)
    assert np.mean(values[-5:]) < 0.9 * np.mean(values[:2])
