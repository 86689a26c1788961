import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.ops import augment, flow, warp


@pytest.fixture
def field(rng):
    return rng.normal(size=(7, 10, 2)).astype(np.float32)


def strain_oracle(field):
    """Frobenius norm of the symmetric part, float64, from the tensor itself."""
    field = field.astype(np.float64)
    u_y, u_x = np.gradient(field[..., 0])
    v_y, v_x = np.gradient(field[..., 1])
    jacobian = np.stack([np.stack([u_x, u_y], -1), np.stack([v_x, v_y], -1)], -2)
    symmetric = (jacobian + np.swapaxes(jacobian, -1, -2)) / 2
    return np.linalg.norm(symmetric, axis=(-2, -1))


def test_strain_equals_numpy(field):
    found = np.asarray(flow.strain(field))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, strain_oracle(field), atol=1e-6)


def linear(matrix, shape=(6, 9)):
    """Displacements matrix @ (x, y) in pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y], -1) @ np.asarray(matrix, np.float32).T


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[0, 0], [0, 0]], 0),
        ([[0, 0.5], [-0.5, 0]], 0),  # rotation
        ([[0.25, 0], [0, 0]], 0.25),  # stretch along x
        ([[0, 0], [0, -0.25]], 0.25),  # squeeze along y
        ([[0, 0.5], [0, 0]], 0.5 / np.sqrt(2)),  # shear, u over y
        ([[0, 0], [0.5, 0]], 0.5 / np.sqrt(2)),  # shear, v over x
        ([[0.3, 0], [0, 0.4]], 0.5),
    ],
)
def test_strain_of_a_linear_field(matrix, expected):
    found = flow.strain(linear(matrix) + np.float32([3, -2]))
    np.testing.assert_allclose(found, np.full((6, 9), expected), atol=1e-6)


def test_strain_image_appends_strain(field):
    found = np.asarray(flow.strain_image(field))
    np.testing.assert_array_equal(found[..., :2], field)
    np.testing.assert_array_equal(found[..., 2], flow.strain(field))


def test_strain_mirrors(field):
    mirrored = flow.strain(augment.mirror(field))
    expected = np.asarray(flow.strain(field))[:, ::-1]
    np.testing.assert_allclose(mirrored, expected, atol=1e-6)


def test_strain_of_a_single_row_or_column(field):
    np.testing.assert_allclose(
        flow.strain(field[:1])[0],
        np.hypot(np.gradient(field[0, :, 0]), np.gradient(field[0, :, 1]) / np.sqrt(2)),
        atol=1e-6,
    )
    np.testing.assert_array_equal(flow.strain(field[:1, :1]), [[0]])


def test_magnitude_and_angle_equal_numpy(field):
    u, v = np.moveaxis(field.astype(np.float64), -1, 0)
    np.testing.assert_allclose(flow.magnitude(field), np.hypot(u, v), atol=1e-6)
    np.testing.assert_allclose(flow.angle(field), np.arctan2(v, u), atol=1e-6)


def test_angle_points_down_for_positive_v_and_is_zero_without_motion():
    field = np.float32([[[0, 2], [-1, 0], [0, 0], [1e-30, -1e-30]]])
    expected = [[np.pi / 2, np.pi, 0, -np.pi / 4]]
    np.testing.assert_allclose(flow.angle(field), expected, atol=1e-6)


def test_resize_rescales_to_the_new_pixels(field):
    found = np.asarray(flow.resize(field, (13, 4)))
    places = np.meshgrid(np.linspace(0, 6, 13), np.linspace(0, 9, 4), indexing="ij")
    for channel, ratio in [(0, 3 / 9), (1, 12 / 6)]:
        expected = ratio * ndimage.map_coordinates(field[..., channel], places, order=1)
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-6)


def test_resized_expansion_still_expands():
    """A field is the same motion at any size: u = a x in the pixels of either."""
    small = flow.resize(linear([[0.1, 0.2], [0.3, 0.4]], (7, 9)), (13, 25))
    expected = linear([[0.1, 0.2 * 24 / 8 * 6 / 12], [0.3 * 12 / 6 * 8 / 24, 0.4]])
    np.testing.assert_allclose(small[:6, :9], expected, atol=1e-5)


def test_compose_of_affine_flows_is_their_product():
    a, b = np.array([[0.05, 0.02], [-0.03, 0.04]]), np.array([[-0.1, 0], [0.05, -0.08]])
    shape = (21, 21)
    # p -> p + b (p + a p) + a p; away from the border, where the frame ends.
    product = (np.eye(2) + b) @ (np.eye(2) + a) - np.eye(2)
    found = flow.compose(linear(a, shape), linear(b, shape))
    expected = linear(product, shape)
    np.testing.assert_allclose(found[2:-3, 2:-3], expected[2:-3, 2:-3], atol=1e-5)


def test_compose_with_no_motion_changes_nothing(field):
    zero = np.zeros_like(field)
    np.testing.assert_array_equal(flow.compose(field, zero), field)
    np.testing.assert_array_equal(flow.compose(zero, field), field)


def test_warping_twice_is_warping_by_the_composition():
    y, x = np.mgrid[:24, :28].astype(np.float32)
    image = np.stack([2 * x - y, x + 3 * y], -1)  # bilinear sampling is exact on it
    scale = np.float32([2 / 27, 2 / 23])
    first, second = (
        linear([[0.02, 0], [0.01, 0]], (24, 28)),
        linear([[0, 0.03], [0, -0.02]], (24, 28)),
    )
    twice = warp.warp(warp.warp(image, second * scale), first * scale)
    once = warp.warp(image, flow.compose(first, second) * scale)
    np.testing.assert_allclose(once[2:-2, 2:-2], twice[2:-2, 2:-2], atol=1e-4)


def test_errors_equal_numpy(field, rng):
    truth = rng.normal(size=field.shape).astype(np.float32)
    difference = field.astype(np.float64) - truth
    found = flow.endpoint_error(field, truth)
    np.testing.assert_allclose(found, np.hypot(*difference.T).T, atol=1e-6)
    one = np.ones((*field.shape[:2], 1))
    a, b = np.concatenate([field, one], -1), np.concatenate([truth, one], -1)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    expected = np.arccos((a * b).sum(-1) / norms)
    np.testing.assert_allclose(flow.angular_error(field, truth), expected, atol=1e-6)


def test_angular_error_resolves_a_tiny_angle():
    field = np.float32([[[1e-5, 0]]])
    found = flow.angular_error(field, np.zeros_like(field))
    np.testing.assert_allclose(found, 1e-5, rtol=1e-5)


def test_transforms(field, transforms, gradients):
    def everything(a, b):
        parts = (
            flow.magnitude(a)[..., None],
            flow.angle(a)[..., None],
            flow.strain_image(a),
            flow.resize(a, a.shape[-3:-1]),
            flow.compose(a, b),
            flow.endpoint_error(a, b)[..., None],
            flow.angular_error(a, b)[..., None],
        )
        return jnp.concatenate(parts, -1)

    other = field[::-1] * np.float32(0.4) + np.float32(0.11)
    transforms(everything, field, other, atol=2e-5)
    gradients(everything, field, other)


def test_gradients_are_finite_without_motion(field):
    field = field.copy()
    field[:4] = 0
    field[5] = 1

    @jax.jit
    @jax.jacrev
    def measures(f):
        sums = flow.magnitude(f), flow.angle(f), flow.strain(f)
        errors = flow.endpoint_error(f, f), flow.angular_error(f, f)
        return jnp.stack([value.sum() for value in sums + errors])

    finite = np.isfinite(measures(field)).all((1, 2, 3))
    assert finite.all(), finite
