import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.ops import grid, warp

FORMS = [warp.sample, warp.sample_matmul]


def oracle(image, positions):
    """scipy, float64: image [h, w, c], positions [h', w', 2] -> [h', w', c]."""
    h, w, _ = image.shape
    positions = np.asarray(positions, np.float64)
    x = (positions[..., 0] + 1) * (w - 1) / 2
    y = (positions[..., 1] + 1) * (h - 1) / 2
    channels = [
        ndimage.map_coordinates(c, [y, x], order=1, mode="nearest")
        for c in np.moveaxis(np.asarray(image, np.float64), -1, 0)
    ]
    return np.stack(channels, -1)


@pytest.fixture
def image(rng):
    return rng.uniform(size=(9, 13, 3)).astype(np.float32)


@pytest.fixture
def positions(rng):
    """Inside, outside on every side, and exactly on corners."""
    points = rng.uniform(-1.6, 1.6, (6, 5, 2)).astype(np.float32)
    points[0, :4] = [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    points[1, :2] = [[-30, 0.1], [0.1, 1e4]]
    return points


@pytest.mark.parametrize("form", FORMS)
def test_sample_equals_scipy(form, image, positions):
    found = np.asarray(form(image, positions))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, oracle(image, positions), atol=2e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (2, 2), (64, 33)])
def test_odd_shapes(form, shape, rng, positions):
    image = rng.uniform(size=(*shape, 2)).astype(np.float32)
    expected = oracle(image, positions)
    np.testing.assert_allclose(form(image, positions), expected, atol=5e-6)


@pytest.mark.parametrize("form", FORMS)
def test_identity_gives_the_image(form, rng):
    image = rng.uniform(size=(40, 251, 2)).astype(np.float32)
    positions = grid.identity((40, 251))
    if form is warp.sample_matmul:
        image, positions = image[:, :30], grid.identity((40, 30))
    np.testing.assert_allclose(form(image, positions), image, atol=5e-6)


def test_zero_flow_gives_the_image_bit_for_bit(image):
    flow = np.zeros((9, 13, 2), np.float32)
    np.testing.assert_array_equal(warp.warp(image, flow), image)


def test_warp_is_sampling_at_identity_plus_flow(image, rng):
    flow = rng.normal(size=(9, 13, 2)).astype(np.float32) * 0.3
    expected = oracle(image, np.asarray(grid.identity((9, 13)), np.float64) + flow)
    np.testing.assert_allclose(warp.warp(image, flow), expected, atol=2e-6)
    coarse = rng.normal(size=(4, 6, 2)).astype(np.float32) * 0.3
    expected = oracle(image, np.asarray(grid.identity((4, 6)), np.float64) + coarse)
    np.testing.assert_allclose(warp.warp(image, coarse), expected, atol=2e-6)


def test_warp_keeps_a_tiny_displacement():
    image = np.tile(np.arange(256, dtype=np.float32)[:, None], (2, 1, 1))
    flow = np.full((2, 256, 2), 1e-4 * 2 / 255, np.float32)
    moved = np.asarray(warp.warp(image, flow))[:, :16] - image[:, :16]
    np.testing.assert_allclose(moved, 1e-4, rtol=0.01)


def test_translation_by_whole_pixels_goes_backward(image):
    flow = grid.pixels_to_flow(np.tile([2.0, -1.0], (9, 13, 1)), (9, 13))
    found = np.asarray(warp.warp(image, flow))
    # out(x, y) = image(x + 2, y - 1): content moves to the left and down.
    np.testing.assert_allclose(found[1:, :-2], image[:-1, 2:], atol=2e-6)
    np.testing.assert_allclose(found[1:, -1], image[:-1, -1], atol=2e-6)


@pytest.mark.parametrize("form", FORMS)
def test_values_stay_between_neighbours(form, image, positions):
    found = np.asarray(form(image, positions))
    assert found.min() >= image.min() - 1e-6
    assert found.max() <= image.max() + 1e-6


@pytest.mark.parametrize("form", [*FORMS, warp.warp])
def test_transforms(form, image, positions, transforms):
    transforms(form, image, positions)


@pytest.mark.parametrize("form", FORMS)
def test_leading_axes_broadcast(form, rng, positions):
    images = rng.uniform(size=(2, 1, 9, 13, 3)).astype(np.float32)
    grids = np.stack([positions, positions[::-1], positions * 0.5])
    found = np.asarray(form(images, grids))
    assert found.shape == (2, 3, 6, 5, 3)
    for i in range(2):
        for j in range(3):
            expected = oracle(images[i, 0], grids[j])
            np.testing.assert_allclose(found[i, j], expected, atol=2e-6)


@pytest.mark.parametrize("form", FORMS)
def test_gradients(form, image, rng, gradients):
    # Not within 1e-3 pixel of a centre, where bilinear sampling has a kink.
    pixels = rng.integers(-1, 13, (4, 5, 2)) + rng.uniform(0.1, 0.9, (4, 5, 2))
    gradients(form, image, grid.pixels_to_points(pixels, (9, 13)))


@pytest.mark.parametrize("form", [*FORMS, warp.warp])
def test_gradient_is_finite_on_kinks_and_outside(form, image):
    centres = np.array(grid.identity((9, 13)))
    centres[0] *= 50

    def energy(image, positions):
        return (form(image, positions) ** 2).sum()

    for gradient in jax.grad(energy, (0, 1))(image, centres):
        assert np.isfinite(gradient).all()


def test_both_forms_have_the_same_gradient_on_kinks_too(rng):
    # At 9 x 17 pixels the centres are exact in float32: both see the same kink.
    image = rng.uniform(size=(9, 17, 2)).astype(np.float32)
    positions = np.array(grid.identity((9, 17)))
    positions[2] *= 1.25
    weights = np.linspace(-1, 1, image.size, dtype=np.float32).reshape(image.shape)

    def energy(positions, form):
        return (form(image, positions) * weights).sum()

    a, b = (jax.grad(energy)(positions, form) for form in FORMS)
    np.testing.assert_allclose(a, b, atol=1e-4)
    # Right of a centre, left of the last one; half the frame is 8 pixels wide.
    slope = np.diff(image[0], axis=0) * 8
    slope = np.concatenate([slope, slope[-1:]])
    np.testing.assert_allclose(a[0, :, 0], (slope * weights[0]).sum(-1), atol=1e-4)


@pytest.mark.parametrize("form", [*FORMS, warp.warp])
def test_bfloat16_images_keep_float32_positions(form, rng):
    image = jnp.asarray(rng.uniform(size=(3, 200, 1)), jnp.bfloat16)
    positions = grid.identity((3, 200)) if form is not warp.warp else None
    if positions is None:
        positions = jnp.zeros((3, 200, 2))
    found = form(image, positions)
    assert found.dtype == jnp.bfloat16
    # bfloat16 positions would be up to half a pixel off.
    np.testing.assert_allclose(
        np.asarray(found, np.float32), np.asarray(image, np.float32), atol=4e-3
    )


@pytest.mark.parametrize("form", [*FORMS, warp.warp])
def test_integer_images_are_refused(form):
    with pytest.raises(TypeError, match="uint8"):
        form(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 2), np.float32))


@pytest.mark.parametrize("form", [*FORMS, warp.warp])
def test_a_grid_of_the_wrong_rank_is_refused(form):
    with pytest.raises(ValueError, match="grid"):
        form(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 3), np.float32))
