import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.motion import sparse
from selfme_jax.types import Keypoints

SHAPE = (9, 13)
OPTIONS = {"cells": (4, 5), "smoothness": 1e-4}


def points(seed=0, groups=2, number=5):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.8, 0.8, (groups, number, 2)).astype(np.float32)


def identity(shape):
    h, w = shape
    y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    return np.stack([x, y], -1)


def flows(source, driving, kind, **options):
    if not isinstance(source, Keypoints):
        source, driving = Keypoints(source), Keypoints(driving)
    return np.asarray(
        sparse.candidates(source, driving, SHAPE, kind=kind, **OPTIONS | options)
    )


@pytest.mark.parametrize("kind", sparse.KINDS)
def test_candidate_zero_is_the_identity(kind):
    out = flows(points(1), points(2), kind)
    assert out.shape == (3, *SHAPE, 2)
    assert out.dtype == np.float32
    assert (out[0] == 0).all()
    assert np.abs(out[1:]).max() > 0.1


@pytest.mark.parametrize("kind", sparse.KINDS)
def test_no_keypoint_motion_is_no_flow(kind):
    at = points(3)
    tolerance = 1e-5 if kind == "affine" else 0
    np.testing.assert_allclose(flows(at, at, kind), 0, atol=tolerance)


@pytest.mark.parametrize("kind", ["tps", "affine"])
def test_affine_motion_of_the_points_is_that_of_the_field(kind):
    matrix = np.array([[1.05, -0.03], [0.08, 0.9]])
    shift = np.array([0.1, -0.2])
    driving = points(4)
    out = flows(
        (driving @ matrix.T + shift).astype(np.float32), driving, kind, smoothness=0.0
    )
    z = identity(SHAPE)
    expected = z @ matrix.T + shift - z
    np.testing.assert_allclose(out[1], expected, atol=2e-4)
    np.testing.assert_allclose(out[2], expected, atol=2e-4)


def test_bspline_moves_as_its_points_do_and_less_far_away():
    # Points on grid nodes of the field, so that the field can be read at them.
    z = identity(SHAPE)
    rows, columns = np.array([3, 4, 5, 4, 4]), np.array([6, 5, 6, 7, 6])
    driving = z[rows, columns][None].astype(np.float32)
    shift = np.array([0.06, -0.1], np.float32)
    out = flows(driving + shift, driving, "bspline")[1]
    np.testing.assert_allclose(out[rows, columns], np.tile(shift, (5, 1)), atol=2e-3)
    corners = out[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (np.abs(corners) < 0.7 * np.abs(shift)).all()


def test_first_order_motion_with_jacobians():
    rng = np.random.default_rng(6)
    at = rng.uniform(-0.5, 0.5, (2, 3, 1, 2)).astype(np.float32)
    jac = np.eye(2) + 0.3 * rng.standard_normal((2, 3, 2, 2))
    source, driving = (
        Keypoints(jnp.asarray(p), jnp.asarray(j, jnp.float32))
        for p, j in zip(at, jac, strict=True)
    )
    out = flows(source, driving, "affine")
    z = identity(SHAPE)
    for k in range(3):
        linear = jac[0, k] @ np.linalg.inv(jac[1, k])
        expected = at[0, k, 0] + (z - at[1, k, 0]) @ linear.T - z
        np.testing.assert_allclose(out[k + 1], expected, atol=1e-4)


@pytest.mark.parametrize("kind", sparse.KINDS)
def test_leading_axes_are_a_loop(kind):
    source = np.stack([points(7), points(8), points(9)])
    driving = source + 0.1 * np.stack([points(10), points(11), points(12)])
    batched = flows(source, driving, kind)
    mapped = jax.vmap(
        lambda s, d: sparse.candidates(
            Keypoints(s), Keypoints(d), SHAPE, kind=kind, **OPTIONS
        )
    )(source, driving)
    for i in range(3):
        one = flows(source[i], driving[i], kind)
        np.testing.assert_allclose(batched[i], one, atol=2e-5)
        np.testing.assert_allclose(mapped[i], one, atol=2e-5)


def test_unknown_kind_is_named():
    with pytest.raises(ValueError, match=r"'spline'.*bspline, tps, affine"):
        flows(points(1), points(2), "spline")
