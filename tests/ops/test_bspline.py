import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

from selfme_jax.ops import bspline, grid


def design(x, cells, order=0):
    """scipy's basis, float64: x [n] in [-1, 1] -> derivatives [n, cells + 3].

    Derivatives with one cell as the unit of length.
    """
    knots = np.arange(-3.0, cells + 4)
    place = (np.asarray(x, np.float64) + 1) * cells / 2
    columns = []
    for i in range(cells + 3):
        spline = BSpline(knots, np.eye(cells + 3)[i], 3)
        columns.append(spline(place, nu=order))
    return np.stack(columns, -1)


def sixteen_taps(control, x, y):
    """Rueckert et al.'s formula at one point, float64, sixteen terms."""
    gy, gx = control.shape[0] - 3, control.shape[1] - 3
    bases = (
        lambda t: (1 - t) ** 3 / 6,
        lambda t: (3 * t**3 - 6 * t**2 + 4) / 6,
        lambda t: (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        lambda t: t**3 / 6,
    )
    px, py = (x + 1) * gx / 2, (y + 1) * gy / 2
    i, j = min(int(px), gx - 1), min(int(py), gy - 1)
    total = np.zeros(2)
    for m in range(4):
        for n in range(4):
            total += bases[m](py - j) * bases[n](px - i) * control[j + m, i + n]
    return total


@pytest.fixture
def control(rng):
    return rng.normal(size=(7, 9, 2)).astype(np.float32)  # 4 x 6 cells


@pytest.fixture
def pairs(rng):
    points = rng.uniform(-1, 1, (6, 2)).astype(np.float32)
    return points, (rng.normal(size=(6, 2)) * 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "cells"), [(16, 5), (2, 3), (31, 1), (9, 8), (5, 12), (256, 10), (33, 7)]
)
def test_basis_equals_scipy_and_sums_to_one(size, cells):
    found = bspline.basis(size, cells)
    assert found.shape == (size, cells + 3)
    assert found.dtype == np.float32
    expected = design(np.linspace(-1, 1, size), cells)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    np.testing.assert_allclose(found.sum(1), 1, atol=2e-7)
    # The last sample ends the last cell instead of starting one outside.
    np.testing.assert_allclose(found[-1, -4:], [0, 1 / 6, 4 / 6, 1 / 6], atol=1e-7)


@pytest.mark.parametrize("cells", [1, 4, 5])
def test_basis_of_one_sample_is_at_the_centre(cells):
    np.testing.assert_allclose(bspline.basis(1, cells), design([0], cells), atol=1e-7)


def test_field_equals_sixteen_taps(control):
    found = np.asarray(bspline.field(control, (9, 7)))
    assert found.dtype == np.float32
    for i, y in enumerate(np.linspace(-1, 1, 9)):
        for j, x in enumerate(np.linspace(-1, 1, 7)):
            expected = sixteen_taps(control.astype(np.float64), x, y)
            np.testing.assert_allclose(found[i, j], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (64, 31), (256, 256)])
def test_field_equals_scipy_at_any_shape(control, shape):
    h, w = shape
    y = np.linspace(-1, 1, h) if h > 1 else [0]
    x = np.linspace(-1, 1, w) if w > 1 else [0]
    expected = np.einsum("ha,abc,wb->hwc", design(y, 4), control, design(x, 6))
    np.testing.assert_allclose(bspline.field(control, shape), expected, atol=2e-6)


def test_evaluate_equals_sixteen_taps_and_clamps_outside(control, rng):
    points = rng.uniform(-1.5, 1.5, (20, 2)).astype(np.float32)
    points[:4] = [[-1, -1], [1, 1], [1, -1], [0, 0.5]]
    found = bspline.evaluate(control, points)
    inside = np.clip(points.astype(np.float64), -1, 1)
    expected = [sixteen_taps(control.astype(np.float64), x, y) for x, y in inside]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_evaluate_on_the_grid_is_the_field(control):
    points = grid.identity((8, 11)).reshape(-1, 2)
    flow = np.asarray(bspline.field(control, (8, 11))).reshape(-1, 2)
    np.testing.assert_allclose(bspline.evaluate(control, points), flow, atol=2e-6)


def test_constant_control_is_a_translation_and_linear_control_a_linear_field():
    shift = np.array([0.3, -0.1], np.float32)
    control = np.tile(shift, (6, 7, 1))
    flow = np.asarray(bspline.field(control, (10, 13)))
    np.testing.assert_allclose(flow, np.broadcast_to(shift, flow.shape), atol=1e-7)
    # Control (a, b) sits at the knot between cells b - 2 and b - 1.
    y, x = np.mgrid[-1:5, -1:6].astype(np.float32)
    control = np.stack([x * 2 / 4 - 1, y * 2 / 3 - 1], -1)
    flow = bspline.field(control, (10, 13))
    np.testing.assert_allclose(flow, grid.identity((10, 13)), atol=1e-6)


def test_mirrored_control_gives_the_mirrored_field(control):
    flow = np.asarray(bspline.field(control, (5, 8)))
    mirrored = bspline.field(control[:, ::-1] * [-1, 1], (5, 8))
    np.testing.assert_allclose(mirrored, flow[:, ::-1] * [-1, 1], atol=1e-6)


def penalty(cells):
    """R by numerical integration, float64: Gauss-Legendre, exact for the products."""
    nodes, weights = np.polynomial.legendre.leggauss(5)
    axes = []
    for count in cells:
        place = (np.arange(count)[:, None] + (nodes + 1) / 2).ravel()
        weight = np.tile(weights / 2, count)
        x = place * 2 / count - 1
        basis = [design(x, count, order) for order in range(3)]
        axes.append([b.T @ (weight[:, None] * b) for b in basis])
    (my, sy, by), (mx, sx, bx) = axes
    R = np.kron(by, mx) + 2 * np.kron(sy, sx) + np.kron(my, bx)
    R += np.eye(len(R))
    variance = np.trace(np.linalg.inv(R) @ np.kron(my, mx)) / (cells[0] * cells[1])
    return R * variance  # so that C = R^-1 has a mean variance of one


def primal_fit(points, displacements, cells, smoothness):
    """The same problem as normal equations of all controls, float64."""
    rows, columns = design(points[:, 1], cells[0]), design(points[:, 0], cells[1])
    B = np.einsum("na,nb->nab", rows, columns).reshape(len(points), -1)
    normal = B.T @ B + smoothness * penalty(cells)
    control = np.linalg.solve(normal, B.T @ displacements.astype(np.float64))
    return control.reshape(cells[0] + 3, cells[1] + 3, 2)


@pytest.mark.parametrize("cells", [(4, 5), (1, 2), (6, 3)])
@pytest.mark.parametrize("smoothness", [1e-3, 0.1, 3.0])
def test_fit_equals_the_primal_problem(cells, smoothness, pairs):
    found = np.asarray(bspline.fit(*pairs, cells=cells, smoothness=smoothness))
    expected = primal_fit(*pairs, cells, smoothness)
    assert found.dtype == np.float32
    # float32 loses a part of its digits to the condition of the n x n system.
    tolerance = max(1e-5, 3e-7 / smoothness) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_fit_takes_more_points_than_controls(rng):
    points = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    displacements = rng.normal(size=(60, 2)).astype(np.float32)
    found = np.asarray(
        bspline.fit(points, displacements, cells=(2, 1), smoothness=0.05)
    )
    expected = primal_fit(points, displacements, (2, 1), 0.05)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_one_number_of_cells_is_both(pairs):
    one = bspline.fit(*pairs, cells=4, smoothness=0.1)
    np.testing.assert_array_equal(
        one, bspline.fit(*pairs, cells=(4, 4), smoothness=0.1)
    )


@pytest.mark.parametrize(("count", "cells"), [(1, 5), (5, 8), (12, (6, 9))])
def test_fit_interpolates_as_smoothness_goes_to_zero(count, cells, rng):
    points = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    displacements = rng.normal(size=(count, 2)).astype(np.float32) * 0.1
    errors = []
    for smoothness in (1e-1, 1e-3, 1e-5, 0.0):
        control = bspline.fit(points, displacements, cells=cells, smoothness=smoothness)
        found = bspline.evaluate(control, points)
        errors.append(np.abs(found - displacements).max())
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] > 1e-3
    assert errors[-1] < 2e-6


def test_zero_displacement_gives_zero_flow(pairs):
    zero = np.zeros_like(pairs[1])
    control = bspline.fit(pairs[0], zero, cells=5, smoothness=1e-3)
    np.testing.assert_array_equal(control, np.zeros((8, 8, 2)))


def test_fit_is_linear_in_the_displacements(pairs):
    points, displacements = pairs
    other = displacements[::-1] * 0.5
    a, b, both = (
        np.asarray(bspline.fit(points, d, cells=5, smoothness=1e-2))
        for d in (displacements, other, displacements + 2 * other)
    )
    np.testing.assert_allclose(both, a + 2 * b, atol=1e-6)


def test_fit_mirrors(pairs):
    flip = np.array([-1, 1], np.float32)
    a = np.asarray(bspline.fit(*pairs, cells=(4, 5), smoothness=1e-2))
    b = bspline.fit(*(p * flip for p in pairs), cells=(4, 5), smoothness=1e-2)
    np.testing.assert_allclose(b, a[:, ::-1] * flip, atol=1e-6)


def test_motion_stays_local():
    points = np.array([[-0.6, -0.6]], np.float32)
    control = bspline.fit(points, np.ones_like(points), cells=8, smoothness=1e-3)
    flow = np.asarray(bspline.field(control, (41, 41)))[..., 0]
    assert flow[8, 8] > 0.99
    assert np.abs(flow[20:, 20:]).max() < 0.05
    assert np.abs(flow[30:, 30:]).max() < 0.01


def test_coincident_points_stay_finite(rng):
    points = np.full((5, 2), 0.3, np.float32)
    displacements = rng.normal(size=(5, 2)).astype(np.float32) * 0.1

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1))
    def energy(points, displacements, smoothness):
        control = bspline.fit(points, displacements, cells=5, smoothness=smoothness)
        return (bspline.field(control, (6, 6)) ** 2).sum()

    for smoothness in (0.0, 1e-6, 0.1):
        value, gradients = energy(points, displacements, smoothness)
        assert np.isfinite(value)
        assert all(np.isfinite(g).all() for g in gradients)


def test_coincident_points_meet_in_their_mean():
    points = np.full((2, 2), 0.3, np.float32)
    displacements = np.array([[0.1, 0.0], [0.3, -0.2]], np.float32)
    control = bspline.fit(points, displacements, cells=5, smoothness=1e-4)
    found = bspline.evaluate(control, points)
    np.testing.assert_allclose(found, [[0.2, -0.1]] * 2, atol=1e-4)


def test_transforms(control, pairs, transforms, gradients):
    def everything(control, points, displacements):
        """All of the module in one vector: one compilation instead of three."""
        fitted = bspline.fit(points, displacements, cells=(4, 6), smoothness=0.05)
        parts = (
            bspline.field(control, (5, 6)),
            bspline.evaluate(control, points),
            10 * fitted,
        )
        batch = control.shape[:-3]
        return jnp.concatenate([part.reshape(*batch, -1) for part in parts], -1)

    transforms(everything, control, *pairs, atol=1e-5)
    gradients(everything, control, *pairs)


def test_second_derivative_of_the_fit_is_finite(pairs):
    def energy(points):
        control = bspline.fit(points, pairs[1], cells=3, smoothness=0.05)
        return (control**2).sum()

    hessian = jax.jit(jax.hessian(energy))(pairs[0])
    assert np.isfinite(hessian).all()
    flat = np.asarray(hessian).reshape(12, 12)
    np.testing.assert_allclose(flat, flat.T, atol=1e-3 * np.abs(flat).max())


def test_evaluate_broadcasts_leading_axes(control, pairs):
    controls = jnp.stack([control, control * 2])[:, None]
    points = np.stack([pairs[0]] * 3)
    found = np.asarray(bspline.evaluate(controls, points))
    assert found.shape == (2, 3, 6, 2)
    alone = np.asarray(bspline.evaluate(control, pairs[0]))
    np.testing.assert_allclose(found[1, 2], 2 * alone, atol=1e-6)


def test_bad_lattices_are_refused(pairs):
    with pytest.raises(ValueError, match="cell"):
        bspline.fit(*pairs, cells=0, smoothness=0.1)
    with pytest.raises(ValueError, match="control"):
        bspline.field(np.zeros((3, 5, 2), np.float32), (4, 4))
