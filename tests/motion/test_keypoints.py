import jax
import numpy as np
import pytest

from selfme_jax.motion import keypoints


@pytest.mark.parametrize(("groups", "points"), [(10, 5), (6, 5), (10, 1), (1, 4)])
def test_start_points_are_spread_inside_the_frame(groups, points):
    start = keypoints.start_points(groups, points, radius=0.25)
    assert start.shape == (groups, points, 2)
    assert np.abs(start).max() <= 0.95
    flat = start.reshape(-1, 2)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert apart[~np.eye(len(flat), dtype=bool)].min() > 0.01
    if groups == 10:  # all four quadrants, and not all in the centre
        quadrants = {tuple(np.sign(p)) for p in start.mean(1)}
        assert len(quadrants) == 4
        assert start.mean(1).std(0).min() > 0.3


def regression(**changes):
    fields = {"groups": 3, "points": 5, "width": 8, "blocks": (1,), "pool": "mean"}
    return keypoints.RegressionDetector(**fields | {"radius": 0.2} | changes)


def heatmaps(**changes):
    fields = {"groups": 4, "points": 1, "width": 8, "depth": 1, "max_width": 16}
    fields |= {"scale": 2, "temperature": 0.1, "radius": 0.2, "spread": 0.2}
    return keypoints.HeatmapDetector(**fields | changes)


def test_regression_starts_at_the_start_points_and_then_sees(pair):
    detector = regression()
    params = jax.jit(detector.init)(jax.random.key(1, impl="rbg"), pair[0])
    apply = jax.jit(detector.apply)
    found = apply(params, pair[0])
    start = keypoints.start_points(3, 5, radius=0.2)
    np.testing.assert_allclose(found.points, np.stack([start] * 2), atol=1e-6)
    assert found.jacobians is None
    kernel = params["params"]["points"]["kernel"]
    params["params"]["points"]["kernel"] = 0.1 * jax.random.normal(
        jax.random.key(2), kernel.shape
    )
    found = apply(params, pair[0]).points
    assert np.abs(found).max() <= 1
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_pool_none_binds_the_frame_size(pair):
    detector = regression(pool="none")
    shapes = jax.eval_shape(detector.init, jax.random.key(0), pair[0])["params"]
    assert shapes["points"]["kernel"].shape == (6 * 5 * 8, 30)
    with pytest.raises(ValueError, match="know mean, none"):
        jax.eval_shape(regression(pool="max").init, jax.random.key(0), pair[0])


def test_heatmaps_start_near_the_start_points_with_identity_jacobians(pair):
    detector = heatmaps()
    params = jax.jit(detector.init)(jax.random.key(1, impl="rbg"), pair[0])
    apply = jax.jit(detector.apply)
    found = apply(params, pair[0])
    start = keypoints.start_points(4, 1, radius=0.2)
    assert found.points.shape == (2, 4, 1, 2)
    # The frame's edge cuts the Gaussians, which draws the means inwards.
    np.testing.assert_allclose(found.points, np.stack([start] * 2), atol=0.15)
    np.testing.assert_allclose(
        found.jacobians, np.broadcast_to(np.eye(2), (2, 4, 2, 2)), atol=1e-6
    )


def test_heatmaps_of_groups_have_points_but_no_jacobians(pair):
    found = jax.eval_shape(
        lambda k, x: heatmaps(points=3).init_with_output(k, x)[0],
        jax.random.key(0),
        pair[0],
    )
    assert found.points.shape == (2, 4, 3, 2)
    assert found.jacobians is None
