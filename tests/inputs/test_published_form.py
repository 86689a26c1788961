"""The published form: where of the crop it is cut, which way motion points."""

import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.data.faces import framing
from selfme_jax.data.faces.detection import Box, Face
from selfme_jax.inputs import published
from selfme_jax.inputs.registry import INPUTS

SIZE = 256


@pytest.fixture(scope="module")
def texture():
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE, 3)), (2, 2, 0))
    return np.uint8(np.clip(128 + 45 * noise / noise.std(), 0, 255))


def moved(image, at, by, radius):
    """The texture around ``at`` (x, y) moves by ``by`` pixels, smoothly to nothing."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    weight = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2))
    grid = [y - by[1] * weight, x - by[0] * weight]
    channels = [ndimage.map_coordinates(image[..., c], grid, order=1) for c in range(3)]
    return np.stack(channels, -1)


def test_the_frame_is_that_of_the_published_images():
    """x 0.19..0.81 and y 0.16..1.07 of the box, by the framing that cuts crops."""
    face = Face(Box(40.0, 60.0, 200.0, 200.0))
    matrix = framing.affine(framing.of(face))  # [-1, 1] of the crop -> pixels
    left, top, right, bottom = np.array(published.FRAME) * 2 - 1
    corners = matrix[:, :2] @ np.array([[left, right], [top, bottom]]) + matrix[:, 2:]
    wanted = [[40 + 0.19 * 200, 40 + 0.81 * 200], [60 + 0.16 * 200, 60 + 1.07 * 200]]
    np.testing.assert_allclose(corners, wanted, atol=0.1)


@pytest.mark.parametrize("name", ["published", "published_tvl1"])
def test_motion_is_found_where_it_is_and_points_to_the_apex(name, texture):
    """A smile's corner on the right of the picture, rising outwards."""
    left, top, right, bottom = np.array(published.FRAME) * SIZE
    pixel = np.array([right - left, bottom - top]) / published.SIZE
    column, row = 20, 18
    at = np.array([left, top]) + (np.array([column, row]) + 0.5) * pixel
    apex = moved(texture, at, (1.5, -2.0), 12)
    find = INPUTS[name].find
    flow = np.asarray(published.motion(texture[None], apex[None], find=find))[0]
    assert flow.shape == (28, 28, 2)
    length = np.hypot(flow[..., 0], flow[..., 1])
    peak = np.unravel_index(length.argmax(), length.shape)
    assert np.abs(np.array(peak) - (row, column)).max() <= 1
    u, v = flow[peak]
    assert u == pytest.approx(1.5, abs=0.4) and v == pytest.approx(-2.0, abs=0.5)


def test_areas_are_averaged():
    weights, low, high = published._window(SIZE, 0.2417, 0.7583)
    assert weights.shape == (28, high - low)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    middle = weights @ (np.arange(low, high) + 0.5)  # centres of pixels
    edges = np.linspace(0.2417, 0.7583, 29) * SIZE
    np.testing.assert_allclose(middle, (edges[1:] + edges[:-1]) / 2, atol=0.03)


def test_levels_are_those_of_published_images():
    flow = np.random.default_rng(1).normal(size=(2, 28, 28, 2)).astype(np.float32)
    image = np.asarray(published.as_published(flow))
    assert image.shape == (2, 28, 28, 3)
    np.testing.assert_array_equal(image, np.rint(image))
    np.testing.assert_array_equal(image.min((1, 2)), 0)
    np.testing.assert_array_equal(image.max((1, 2)), 255)
    brightest = image[..., 0].reshape(2, -1).argmax(1)
    np.testing.assert_array_equal(brightest, flow[..., 0].reshape(2, -1).argmax(1))
    still = np.asarray(published.as_published(np.zeros((1, 28, 28, 2), np.float32)))
    np.testing.assert_array_equal(still, 0)


def test_any_number_of_pairs(texture):
    apex = np.roll(texture, 1, axis=0)
    three = np.stack([texture] * 3), np.stack([apex, texture, apex])
    found = published.motions(*three)
    assert found.shape == (3, 28, 28, 2)
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)
    assert np.abs(found[1]).max() < 1e-3 < np.abs(found[0]).max()
    assert published.motions(texture[None][:0], texture[None][:0]).shape[0] == 0
