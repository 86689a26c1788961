import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.ops import grid


@pytest.mark.parametrize("shape", [(5, 9), (2, 2), (28, 28), (256, 131)])
def test_identity_is_linspace_with_x_first(shape):
    h, w = shape
    x, y = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    found = np.asarray(grid.identity(shape))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack([x, y], -1), atol=1e-7)


def test_identity_mirrors_to_the_last_bit():
    found = np.asarray(grid.identity((37, 54)))
    np.testing.assert_array_equal(found[:, ::-1, 0], -found[..., 0])
    np.testing.assert_array_equal(found[::-1, :, 1], -found[..., 1])


def test_corners_are_pixel_centres():
    shape = (7, 11)
    corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1], [0, 0]], np.float32)
    expected = np.array([[0, 0], [10, 0], [0, 6], [10, 6], [5, 3]], np.float32)
    np.testing.assert_array_equal(grid.points_to_pixels(corners, shape), expected)
    np.testing.assert_array_equal(grid.pixels_to_points(expected, shape), corners)


def test_points_and_pixels_are_inverse(rng):
    points = rng.uniform(-1.5, 1.5, (4, 3, 2)).astype(np.float32)
    shape = (31, 240)
    pixels = grid.points_to_pixels(points, shape)
    expected = (points.astype(np.float64) + 1) * [239 / 2, 30 / 2]
    np.testing.assert_allclose(pixels, expected, atol=2e-5)
    np.testing.assert_allclose(grid.pixels_to_points(pixels, shape), points, atol=3e-7)


def test_flow_is_a_difference_of_positions(rng):
    a, b = rng.uniform(-1, 1, (2, 6, 2)).astype(np.float32)
    shape = (20, 33)
    moved = grid.points_to_pixels(b, shape) - grid.points_to_pixels(a, shape)
    np.testing.assert_allclose(grid.flow_to_pixels(b - a, shape), moved, atol=1e-5)
    back = grid.pixels_to_flow(grid.flow_to_pixels(b - a, shape), shape)
    np.testing.assert_allclose(back, b - a, atol=1e-6)
    one_pixel = grid.pixels_to_flow(np.ones(2, np.float32), shape)
    np.testing.assert_allclose(one_pixel, [2 / 32, 2 / 19], rtol=1e-6)


def test_an_axis_of_one_pixel_has_no_extent():
    found = np.asarray(grid.identity((1, 3)))
    np.testing.assert_array_equal(found, [[[-1, 0], [0, 0], [1, 0]]])
    point = np.array([0.5, 0.5], np.float32)
    np.testing.assert_array_equal(grid.points_to_pixels(point, (1, 3)), [1.5, 0])
    np.testing.assert_array_equal(grid.pixels_to_points(point, (1, 3)), [-0.5, 0])
    np.testing.assert_array_equal(grid.flow_to_pixels(point, (1, 3)), [0.5, 0])
    np.testing.assert_array_equal(grid.pixels_to_flow(point, (1, 3)), [0.5, 0])


def test_transforms(rng, transforms, gradients):
    def everything(points):
        shape = (6, 9)
        pixels = grid.points_to_pixels(points, shape)
        back = grid.pixels_to_points(pixels**2, shape)
        flow = grid.flow_to_pixels(points, shape)
        parts = pixels, back, flow, grid.pixels_to_flow(flow**2, shape)
        return jnp.concatenate(parts, -1)

    points = rng.uniform(-1, 1, (5, 2))
    transforms(everything, points, atol=1e-5)
    gradients(everything, points)
