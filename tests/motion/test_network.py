import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.motion.generator import warp_features
from selfme_jax.motion.network import MotionNetwork, extract, to_pixels
from selfme_jax.types import Keypoints


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


@pytest.fixture(scope="module")
def full():
    frame = jax.ShapeDtypeStruct((1, 256, 256, 3), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    return jax.eval_shape(MotionNetwork().init_with_output, key, frame, frame)


def test_parameter_counts_of_the_full_network(full):
    _, variables = full
    assert set(variables) == {"params"}  # no batch statistics
    counts = {name: count(part) for name, part in variables["params"].items()}
    assert counts == {"detect": 11227812, "dense": 37855139, "generator": 12939587}


def test_shapes_of_the_full_network(full):
    out, _ = full
    assert out.source_keypoints.points.shape == (1, 10, 5, 2)
    assert out.motion.flow.shape == (1, 64, 64, 2)
    assert out.motion.weights.shape == (1, 64, 64, 11)
    assert out.motion.candidates.shape == (1, 11, 64, 64, 2)
    assert [m.shape[1] for m in out.motion.occlusion] == [32, 64, 128, 256]
    assert out.reconstruction.shape == (1, 256, 256, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"detector": "heatmap", "points": 1, "sparse": "affine"},
        {"detector": "heatmap", "points": 3},
        {"sparse": "tps", "pool": "none", "compare": True, "refinement": 1},
        {"sparse": "affine", "scale": 2, "generator_down": 2},
        {"scale": 1, "windows": (1.0, 2.0)},
        {"tracking": 0.8, "sparse": "tps"},
    ],
)
def test_every_option_gives_the_same_kind_of_output(network, pair, changes):
    network = network.clone(**changes)
    out, _ = jax.eval_shape(network.init_with_output, jax.random.key(0), *pair)
    scale = network.scale
    assert out.motion.flow.shape == (2, 24 // scale, 20 // scale, 2)
    assert out.reconstruction.shape == pair[0].shape
    for x in jax.tree.leaves(out):
        assert x.dtype == jnp.float32


def test_features_of_both_frames_are_hidden_and_one_moves(network, pair):
    params = network.init(jax.random.key(1), *pair)
    motion = network.apply(params, *pair, method="motion")
    rng = np.random.default_rng(5)
    occlusion = tuple(
        rng.uniform(0, 1, m.shape).astype(np.float32) for m in motion.occlusion
    )
    motion = motion._replace(occlusion=occlusion, flow=motion.flow + 0.2)

    def encoded(frame):
        return network.apply(params, frame, method=lambda n, x: n.generator.encode(x))

    moved, still = network.apply(params, *pair, motion, method="features")
    assert len(moved) == len(still) == len(occlusion)
    levels = zip(encoded(pair[0]), encoded(pair[1]), occlusion, strict=True)
    for i, (source, driving, visible) in enumerate(levels):
        np.testing.assert_allclose(still[i], driving * visible, rtol=1e-5, atol=1e-6)
        expected = warp_features(source, motion.flow) * visible
        np.testing.assert_allclose(moved[i], expected, rtol=1e-4, atol=1e-5)
        assert np.abs(moved[i] - source * visible).max() > 0.01


def test_unknown_detector_is_named(network, pair):
    with pytest.raises(ValueError, match="know regression, heatmap"):
        jax.eval_shape(network.clone(detector="yolo").init, jax.random.key(0), *pair)


def test_bfloat16_is_for_convolutions_only(network, params, pair):
    bf16 = network.clone(dtype="bfloat16")
    jaxpr = jax.make_jaxpr(lambda p: bf16.apply(p, *pair))(params)
    text = str(jaxpr)
    convolutions = [s for s in text.splitlines() if "= conv_general_dilated" in s]
    assert convolutions
    assert all("bf16[" in line.split("=")[0] for line in convolutions)
    for shape in jaxpr.out_avals:
        assert shape.dtype == jnp.float32


def test_equal_frames_do_not_move(network, params, pair):
    run = jax.jit(lambda p, s, d: network.apply(p, s, d, method="motion").flow)
    assert (np.asarray(run(params, pair[0], pair[0])) == 0).all()
    assert np.abs(run(params, *pair)).max() > 1e-4


@pytest.mark.parametrize(("detector", "blocks"), [("regression", 12), ("heatmap", 14)])
def test_remat_is_of_every_block(network, pair, detector, blocks):
    network = network.clone(detector=detector)
    params = jax.eval_shape(network.init, jax.random.key(0), *pair)
    for remat, expected in ((False, 0), (True, blocks)):
        gradient = gradient_of(network.clone(remat=remat), pair)
        equations = jax.make_jaxpr(gradient)(params).eqns
        names = [equation.primitive.name for equation in equations]
        remats = [name for name in names if name in ("remat2", "checkpoint")]
        assert len(remats) == expected


def test_remat_changes_no_number(network, pair):
    network = network.clone(scale=1, generator_down=0)
    rng = np.random.default_rng(3)
    params = jax.tree.map(
        lambda x: rng.normal(0, 0.3, x.shape).astype(np.float32),
        jax.eval_shape(network.init, jax.random.key(0), *pair),
    )
    options = {"xla_backend_optimization_level": 0}  # half the time to compile
    (value, slopes), (other, others) = (
        jax.jit(gradient_of(net, pair), compiler_options=options)(params)
        for net in (network, network.clone(remat=True))
    )
    np.testing.assert_allclose(other, value, rtol=1e-5)
    for x, y in zip(jax.tree.leaves(others), jax.tree.leaves(slopes), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5 * np.abs(y).max() + 1e-9)


def gradient_of(network, pair):
    def error(params):
        image = network.apply(params, *pair).reconstruction
        return ((image - pair[1]) ** 2).mean()

    return jax.value_and_grad(error)


class Shifted(MotionNetwork):
    """Knows its keypoints: those of the source lie `shift` beyond the driving's."""

    shift: tuple[float, float] = (0.0, 0.0)

    def pair(self, source, driving):
        found, _ = super().pair(source, driving)
        return Keypoints(found.points + jnp.array(self.shift)), found


def test_extract_is_in_pixels_and_backward(small, params, make_texture):
    image = make_texture(np.random.default_rng(2), 1, 40, 32)
    dx, dy = 3, -2
    source, driving = image[:, 6:30, 6:26], image[:, 6 + dy : 30 + dy, 6 + dx : 26 + dx]
    network = Shifted(**small, sparse="affine", shift=(dx * 2 / 19, dy * 2 / 23))
    params = jax.tree.map(np.copy, params)
    params["params"]["dense"]["weights"]["bias"][0] = -1e3  # no identity
    run = jax.jit(lambda p: extract(network, p, source, driving))
    flow = np.asarray(run(params))
    assert flow.shape == (1, 24, 20, 2)
    np.testing.assert_allclose(flow, np.full(flow.shape, [dx, dy]), atol=1e-3)
    # The meaning, by another library: driving(p) = source(p + flow(p)).
    y, x = np.mgrid[:24, :20].astype(np.float32)
    moved = cv2.remap(
        source[0], x + flow[0, ..., 0], y + flow[0, ..., 1], cv2.INTER_LINEAR
    )
    np.testing.assert_allclose(moved[3:, :-4], driving[0, 3:, :-4], atol=2e-2)


def test_to_pixels_interpolates_between_corners():
    flow = np.zeros((1, 2, 3, 2), np.float32)
    flow[0, 1, :, 1] = 1.0  # from 0 at the top to half the frame at the bottom
    pixels = np.asarray(to_pixels(flow, (5, 9)))
    np.testing.assert_allclose(pixels[0, :, 4, 1], [0, 0.5, 1, 1.5, 2], atol=1e-6)
    np.testing.assert_allclose(pixels[..., 0], 0)


def test_extract_never_runs_the_generator(network, params, pair):
    jaxpr = str(jax.make_jaxpr(lambda p: extract(network, p, *pair))(params))
    whole = str(jax.make_jaxpr(lambda p: network.apply(p, *pair))(params))
    name = "= conv_general_dilated"
    assert 0 < jaxpr.count(name) < whole.count(name)


def test_tracked_keypoints_start_from_those_of_the_driving_frame(network, params, pair):
    source, driving = pair
    network = network.clone(tracking=0.8)  # which has no parameters
    out = network.apply(params, source, driving, reconstruct=False)
    found = network.apply(params, driving, method="keypoints")
    np.testing.assert_array_equal(out.driving_keypoints.points, found.points)
    shift = np.asarray(out.source_keypoints.points - found.points)
    assert 0 < np.abs(shift).max() < 0.5
    still = network.apply(params, driving, driving, reconstruct=False)
    assert (np.asarray(still.motion.flow) == 0).all()
