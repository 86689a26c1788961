import jax.numpy as jnp
import numpy as np
import pytest
from scipy import interpolate, ndimage

from selfme_jax.ops import grid, pyramid, warp


def oracle(image, shape, sigmas=(0, 0)):
    """scipy, float64: Gaussian blur, then bilinear on the corner-aligned grid."""
    axes = [
        np.linspace(0, old - 1, new) if new > 1 else np.array([(old - 1) / 2])
        for old, new in zip(image.shape[:2], shape, strict=True)
    ]
    places = np.meshgrid(*axes, indexing="ij")
    channels = []
    for channel in np.moveaxis(np.asarray(image, np.float64), -1, 0):
        blurred = ndimage.gaussian_filter(channel, sigmas, mode="nearest", truncate=4)
        channels.append(ndimage.map_coordinates(blurred, places, order=1))
    return np.stack(channels, -1)


@pytest.fixture
def image(rng):
    return rng.uniform(size=(12, 17, 2)).astype(np.float32)


@pytest.mark.parametrize("shape", [(12, 17), (24, 5), (1, 1), (7, 40), (13, 16)])
def test_resize_equals_scipy(image, shape):
    found = np.asarray(pyramid.resize(image, shape))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, oracle(image, shape), atol=1e-6)


def test_resize_follows_the_coordinate_law(image):
    shape = (20, 9)
    expected = warp.sample(image, grid.identity(shape))
    np.testing.assert_allclose(pyramid.resize(image, shape), expected, atol=2e-6)
    positions = pyramid.resize(grid.identity((6, 8)), shape)
    np.testing.assert_allclose(positions, grid.identity(shape), atol=1e-6)


def test_resize_of_one_pixel_repeats_it():
    image = np.float32([[[0.25, -3]]])
    np.testing.assert_array_equal(
        pyramid.resize(image, (3, 2)), np.tile(image, (3, 2, 1))
    )


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_downsample_equals_scipy(image, factor):
    shape = 12 // factor, 17 // factor
    sigmas = [
        old / new / 3 if factor > 1 else 0
        for old, new in zip((12, 17), shape, strict=True)
    ]
    found = pyramid.downsample(image, factor=factor)
    np.testing.assert_allclose(found, oracle(image, shape, sigmas), atol=1e-6)


@pytest.mark.parametrize("width", [17, 30])
def test_an_axis_that_does_not_shrink_is_not_blurred(image, width):
    found = pyramid.resize(image, (6, width), antialias=True)
    expected = oracle(image, (6, width), (12 / 6 / 3, 0))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_downsampling_removes_the_finest_pattern():
    checkers = np.indices((32, 33)).sum(0)[..., None] % 2
    found = np.asarray(pyramid.downsample(checkers.astype(np.float32), factor=2))
    np.testing.assert_allclose(found[2:-2, 2:-2], 0.5, atol=0.02)


def test_a_constant_and_a_mirror_survive(image):
    ones = pyramid.downsample(np.ones((9, 14, 1), np.float32), factor=3)
    np.testing.assert_allclose(ones, 1, atol=1e-6)
    small = np.asarray(pyramid.downsample(image, factor=2))
    mirrored = pyramid.downsample(image[:, ::-1], factor=2)
    np.testing.assert_allclose(mirrored, small[:, ::-1], atol=1e-6)


def test_gaussian_pyramid_halves(image):
    levels = pyramid.gaussian_pyramid(image, levels=5)
    shapes = [level.shape for level in levels]
    assert shapes == [(12, 17, 2), (6, 8, 2), (3, 4, 2), (1, 2, 2), (1, 1, 2)]
    np.testing.assert_array_equal(levels[0], image)
    expected = oracle(levels[1], (3, 4), (2 / 3, 2 / 3))
    np.testing.assert_allclose(levels[2], expected, atol=1e-6)


def test_dtype_is_kept_and_integers_are_refused(image):
    found = pyramid.resize(jnp.asarray(image, jnp.bfloat16), (6, 8))
    assert found.dtype == jnp.bfloat16
    expected = oracle(image, (6, 8))
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, atol=0.01)
    with pytest.raises(TypeError, match="uint8"):
        pyramid.resize(image.astype(np.uint8), (6, 8))


def test_transforms(image, transforms, gradients):
    def everything(image):
        batch = image.shape[:-3]
        parts = (
            pyramid.resize(image, (9, 20)),
            *pyramid.gaussian_pyramid(image, levels=3),
        )
        return jnp.concatenate([part.reshape(*batch, -1) for part in parts], -1)

    transforms(everything, image)
    gradients(everything, image)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_upsampling_equals_scipy_splines(image, factor):
    """By another road: coefficients of B-splines with no curvature at the ends."""
    expected = image.astype(np.float64)
    for axis in (0, 1):
        size = image.shape[axis]
        spline = interpolate.make_interp_spline(
            np.arange(size), expected, k=3, bc_type="natural", axis=axis
        )
        expected = spline(np.arange(factor * (size - 1) + 1) / factor)
    found = np.asarray(pyramid.upsample(image, factor=factor))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found[::factor, ::factor], image, atol=1e-6)


def test_upsampling_by_one_and_of_one_pixel(image):
    np.testing.assert_array_equal(pyramid.upsample(image, factor=1), image)
    row = pyramid.upsample(image[:1], factor=4)
    assert row.shape == (1, 65, 2)
    np.testing.assert_allclose(row[:, ::4], image[:1], atol=1e-6)
