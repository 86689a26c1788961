import jax
import numpy as np

from selfme_jax.motion.generator import warp_features


def test_features_move_by_a_flow_of_any_resolution(make_texture):
    image = make_texture(np.random.default_rng(0), 1, 17, 21)
    shift = np.array([2 * 3 / 20, -2 * 2 / 16], np.float32)  # 3 right, 2 up, pixels
    for shape in [(17, 21), (5, 6)]:
        flow = np.broadcast_to(shift, (1, *shape, 2))
        moved = np.asarray(warp_features(image, flow))
        np.testing.assert_allclose(
            moved[:, 2:, :-3], image[:, :-2, 3:], atol=1e-5, rtol=0
        )


def test_visible_parts_are_the_warped_source(network, params, pair):
    source = pair[0]

    def run(visible):
        motion = network.apply(params, *pair, method="motion")
        maps = tuple(0 * m + visible for m in motion.occlusion)
        flow = motion.flow + 0.1
        motion = motion._replace(occlusion=maps, flow=flow)
        return (
            network.apply(params, source, motion, method="reconstruct"),
            warp_features(source, flow),
        )

    shown, warped = jax.jit(lambda: run(1.0))()
    np.testing.assert_allclose(shown, warped, atol=1e-6)
    painted, warped = jax.jit(lambda: run(0.0))()
    assert np.abs(painted - warped).mean() > 0.05
    assert painted.min() >= 0
    assert painted.max() <= 1
