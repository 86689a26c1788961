import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.ops import affine, grid


@pytest.fixture
def matrices(rng):
    return (np.eye(2, 3) + rng.normal(size=(2, 2, 3)) * 0.3).astype(np.float32)


def square(matrix):
    """[2, 3] -> [3, 3] float64."""
    return np.vstack([np.asarray(matrix, np.float64), [0, 0, 1]])


def test_apply_compose_and_invert_equal_3x3_products(matrices, rng):
    a, b = matrices
    points = rng.uniform(-1, 1, (5, 2)).astype(np.float32)
    homogeneous = np.hstack([points.astype(np.float64), np.ones((5, 1))])
    expected = (homogeneous @ square(a).T)[:, :2]
    np.testing.assert_allclose(affine.apply(a, points), expected, atol=1e-6)
    product = square(a) @ square(b)
    np.testing.assert_allclose(affine.compose(a, b), product[:2], atol=1e-6)
    inverse = np.linalg.inv(square(a))
    np.testing.assert_allclose(affine.invert(a), inverse[:2], atol=1e-5)


def test_compose_applies_the_second_argument_first():
    move = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    double = np.array([[2, 0, 0], [0, 2, 0]], np.float32)
    origin = np.zeros((1, 2), np.float32)
    after = affine.apply(affine.compose(double, move), origin)
    np.testing.assert_array_equal(after, [[2, 0]])


def test_from_parts_scales_then_rotates_then_translates():
    matrix = affine.from_parts(
        np.float32(np.pi / 2), np.float32([2, 3]), np.float32([5, 7])
    )
    np.testing.assert_allclose(matrix, [[0, -3, 5], [2, 0, 7]], atol=1e-6)


def test_field_is_displacement_of_every_pixel(matrices):
    flow = affine.field(matrices[0], (5, 8))
    points = np.asarray(grid.identity((5, 8))).reshape(-1, 2)
    expected = np.asarray(affine.apply(matrices[0], points)) - points
    np.testing.assert_allclose(flow, expected.reshape(5, 8, 2), atol=1e-6)


def test_identity_has_no_flow_and_translation_the_same_flow_everywhere():
    matrix = np.eye(2, 3, dtype=np.float32)
    np.testing.assert_array_equal(affine.field(matrix, (4, 3)), np.zeros((4, 3, 2)))
    matrix[:, 2] = 1e-7, -3e-8  # lost, if the position were added and taken away
    flow = np.asarray(affine.field(matrix, (4, 3)))
    np.testing.assert_array_equal(flow, np.broadcast_to(matrix[:, 2], flow.shape))


def dense_fit(points, targets, smoothness):
    """float64 least squares in the six numbers of (A, t), penalty as extra rows."""
    rows, values = [], []
    for (x, y), (u, v) in zip(points.astype(float), targets.astype(float), strict=True):
        rows += [[x, y, 1, 0, 0, 0], [0, 0, 0, x, y, 1]]
        values += [u, v]
    for i, identity in zip([0, 1, 3, 4], [1, 0, 0, 1], strict=True):
        row = np.zeros(6)
        row[i] = np.sqrt(smoothness)
        rows.append(row)
        values.append(np.sqrt(smoothness) * identity)
    return np.linalg.lstsq(np.array(rows), np.array(values))[0].reshape(2, 3)


@pytest.mark.parametrize("smoothness", [1e-3, 0.1, 5.0])
def test_fit_equals_dense_least_squares(smoothness, rng):
    points, targets = rng.uniform(-1, 1, (2, 6, 2)).astype(np.float32)
    found = affine.fit(points, targets, smoothness=smoothness)
    expected = dense_fit(points, targets, smoothness)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_fit_recovers_an_affine_map(matrices, rng):
    points = rng.uniform(-1, 1, (5, 2)).astype(np.float32)
    targets = affine.apply(matrices[0], points)
    found = affine.fit(points, targets, smoothness=0.0)
    np.testing.assert_allclose(found, matrices[0], atol=1e-5)
    found = affine.fit(points, targets)
    np.testing.assert_allclose(found, matrices[0], atol=1e-3)


@pytest.mark.parametrize(
    "points",
    [
        np.array([[0.3, -0.2]]),
        np.array([[-0.4, -0.8], [0.1, 0.2], [0.3, 0.6]]),  # on a line
        np.full((4, 2), 0.25),  # one place
    ],
)
def test_degenerate_points_fit_without_nan(points, rng):
    points = points.astype(np.float32)
    targets = points + rng.normal(size=points.shape).astype(np.float32) * 0.1
    found = affine.fit(points, targets, smoothness=1e-2)
    expected = dense_fit(points, targets, 1e-2)
    np.testing.assert_allclose(found, expected, atol=2e-4)

    def energy(points, targets):
        return (affine.fit(points, targets) ** 2).sum()

    for gradient in jax.jit(jax.grad(energy, (0, 1)))(points, targets):
        assert np.isfinite(gradient).all()


def test_one_point_gives_its_translation():
    points = np.array([[0.7, -0.4]], np.float32)
    targets = points + np.array([[0.1, 0.2]], np.float32)
    expected = [[1, 0, 0.1], [0, 1, 0.2]]
    np.testing.assert_allclose(affine.fit(points, targets), expected, atol=1e-6)


def test_equal_points_give_the_identity_exactly(rng):
    points = rng.uniform(-1, 1, (5, 2)).astype(np.float32)
    np.testing.assert_array_equal(affine.fit(points, points), np.eye(2, 3))


def test_transforms(matrices, rng, transforms, gradients):
    def everything(a, b, points, targets):
        """All of the module in one vector: one compilation instead of eight."""
        matrix = affine.compose(affine.invert(a), affine.compose(b, a))
        fitted = affine.fit(points, targets, smoothness=0.1)
        parts = affine.apply(matrix, points), fitted, affine.field(fitted, (2, 3))
        batch = a.shape[:-2]
        return jnp.concatenate([part.reshape(*batch, -1) for part in parts], -1)

    points, targets = rng.uniform(-1, 1, (2, 5, 2))
    transforms(everything, *matrices, points, targets)
    gradients(everything, *matrices, points, targets)


def test_from_parts_gradients(gradients):
    parts = np.array(0.3), np.array([1.1, 0.9]), np.array([0.2, -0.1])
    gradients(affine.from_parts, *parts)
