import functools

import jax
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from selfme_jax.ops import grid, tps


@pytest.fixture
def pairs(rng):
    """Seven points and their displacements."""
    points = rng.uniform(-1, 1, (7, 2)).astype(np.float32)
    return points, (rng.normal(size=(7, 2)) * 0.1).astype(np.float32)


@pytest.mark.parametrize("smoothness", [0.0, 0.02, 1.0])
def test_field_equals_scipy(smoothness, pairs):
    # scipy's kernel is r^2 log r, half of ours, and so is its smoothing.
    spline = RBFInterpolator(
        *(np.float64(a) for a in pairs),
        kernel="thin_plate_spline",
        smoothing=smoothness / 2,
    )
    points, displacements = pairs
    coefficients = tps.fit(points, displacements, smoothness=smoothness)
    positions = np.asarray(grid.identity((6, 9)), np.float64)
    expected = spline(positions.reshape(-1, 2)).reshape(6, 9, 2)
    found = np.asarray(tps.field(coefficients, points, (6, 9)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_without_smoothing_it_interpolates(pairs):
    coefficients = tps.fit(*pairs, smoothness=0.0)
    found = tps.evaluate(coefficients, pairs[0], pairs[0])
    np.testing.assert_allclose(found, pairs[1], atol=1e-5)


def test_an_affine_motion_is_reproduced_whatever_the_smoothing(pairs):
    points = pairs[0]
    linear, shift = np.array([[0.1, -0.2], [0.05, 0.3]]), np.array([0.2, -0.1])
    displacements = (points @ linear.T + shift).astype(np.float32)
    coefficients = tps.fit(points, displacements, smoothness=0.5)
    positions = np.asarray(grid.identity((5, 4)))
    expected = positions @ linear.T + shift
    found = tps.field(coefficients, points, (5, 4))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(coefficients[:7], 0, atol=1e-5)


def test_zero_displacement_gives_zero_flow(pairs):
    coefficients = tps.fit(pairs[0], np.zeros((7, 2), np.float32), smoothness=0.1)
    flow = tps.field(coefficients, pairs[0], (4, 5))
    np.testing.assert_array_equal(flow, np.zeros((4, 5, 2)))


@pytest.mark.parametrize(
    "points",
    [
        np.array([[[0.3, -0.2]]]),
        np.array(
            [
                [[-0.5, -0.5], [0.0, 0.0], [0.25, 0.25], [0.5, 0.5]],  # on a line
                [[0.25, 0.25]] * 4,  # one place
            ]
        ),
    ],
)
def test_degenerate_points_stay_finite(points, rng):
    points = points.astype(np.float32)
    displacements = (rng.normal(size=points.shape) * 0.1).astype(np.float32)

    @jax.vmap
    @functools.partial(jax.value_and_grad, argnums=(0, 1))
    def energy(points, displacements):
        coefficients = tps.fit(points, displacements, smoothness=0.1)
        return (tps.field(coefficients, points, (4, 4)) ** 2).sum()

    values, gradients = jax.jit(energy)(points, displacements)
    assert ((values > 0) & (values < 10)).all()
    assert all(np.isfinite(g).all() for g in gradients)


def test_transforms(pairs, rng, transforms, gradients):
    positions = rng.uniform(-1, 1, (4, 2))
    # One evaluation at a centre, where r^2 log r^2 has no second derivative.
    positions[0] = pairs[0][0]

    def fitted(points, displacements, positions):
        coefficients = tps.fit(points, displacements, smoothness=0.1)
        return tps.evaluate(coefficients, points, positions)

    transforms(fitted, *pairs, positions, atol=2e-5)
    gradients(fitted, *pairs, positions[1:])
    gradients(lambda p: fitted(p, pairs[1], p), pairs[0])


def test_leading_axes_of_field(pairs):
    points = np.stack([pairs[0], pairs[0] * 0.5])[:, None]
    displacements = np.stack([pairs[1], -pairs[1]])[:, None]
    coefficients = tps.fit(points, displacements, smoothness=0.1)
    assert coefficients.shape == (2, 1, 10, 2)
    flows = np.asarray(tps.field(coefficients, points, (3, 4)))
    assert flows.shape == (2, 1, 3, 4, 2)
    for i in range(2):
        alone = tps.field(coefficients[i, 0], points[i, 0], (3, 4))
        np.testing.assert_allclose(flows[i, 0], alone, atol=1e-6)
