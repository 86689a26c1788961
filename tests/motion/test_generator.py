import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion.generator import Generator, warp_features
from selfme_jax.types import Motion


def test_features_move_by_a_flow_of_any_resolution(make_texture):
    image = make_texture(np.random.default_rng(0), 1, 17, 21)
    shift = np.array([2 * 3 / 20, -2 * 2 / 16], np.float32)  # 3 right, 2 up, pixels
    for shape in [(17, 21), (5, 6)]:
        flow = np.broadcast_to(shift, (1, *shape, 2))
        moved = np.asarray(warp_features(image, flow))
        np.testing.assert_allclose(
            moved[:, 2:, :-3], image[:, :-2, 3:], atol=1e-5, rtol=0
        )


def test_visible_parts_are_the_warped_source(pair):
    rng = np.random.default_rng(1)
    flow = rng.uniform(-0.2, 0.2, (2, 6, 5, 2)).astype(np.float32)
    generator = Generator(width=8, down=1, max_width=16, blocks=1)

    @jax.jit
    def run(visible):
        maps = (jnp.full((2, 12, 10, 1), visible), jnp.full((2, 24, 20, 1), visible))
        motion = Motion(flow, maps, None, None)
        key = jax.random.key(0, impl="rbg")
        return generator.init_with_output(key, pair[0], motion)[0]

    warped = warp_features(pair[0], flow)
    np.testing.assert_allclose(run(1.0), warped, atol=1e-6)
    painted = run(0.0)
    assert np.abs(painted - warped).mean() > 0.05
    assert painted.min() >= 0
    assert painted.max() <= 1
