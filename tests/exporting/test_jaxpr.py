"""Functions in plain operations: opened calls, and solves written out."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from selfme_jax.exporting import jaxpr
from selfme_jax.ops import bspline


def matrices(seed=0, n=5):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 3, n, n)).astype(np.float32)
    return root @ root.swapaxes(-1, -2) + np.eye(n, dtype=np.float32)


def test_cholesky():
    given = matrices()
    np.testing.assert_allclose(
        jaxpr.cholesky(jnp.asarray(given)), np.linalg.cholesky(given), atol=2e-5
    )


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_solve(lower, transpose, unit):
    given = matrices(1)
    sides = np.random.default_rng(2).normal(size=(2, 3, 5, 2)).astype(np.float32)
    got = jaxpr.triangular_solve(
        jnp.asarray(given),
        jnp.asarray(sides),
        left_side=True,
        lower=lower,
        transpose_a=transpose,
        conjugate_a=False,
        unit_diagonal=unit,
    )
    for i, j in np.ndindex(2, 3):
        expected = linalg.solve_triangular(
            given[i, j].astype(float),
            sides[i, j],
            lower=lower,
            trans=int(transpose),
            unit_diagonal=unit,
        )
        np.testing.assert_allclose(got[i, j], expected, rtol=1e-3, atol=1e-3)


def test_the_fit_of_a_spline_is_the_same_and_plain():
    rng = np.random.default_rng(3)
    points = rng.uniform(-1, 1, (2, 4, 3, 2)).astype(np.float32)
    moved = rng.normal(size=points.shape).astype(np.float32)

    def fit(points, moved):
        control = bspline.fit(points, moved, cells=(2, 3), smoothness=0.1)
        return {"field": jax.nn.relu(bspline.field(control, (6, 5)))}

    opened = jaxpr.plain(fit, points, moved)
    (got,) = opened(points, moved)
    np.testing.assert_allclose(got, fit(points, moved)["field"], atol=2e-5)
    used = {e.primitive.name for e in jax.make_jaxpr(opened)(points, moved).jaxpr.eqns}
    forbidden = {"jit", "pjit", "cholesky", "triangular_solve", "custom_linear_solve"}
    assert not used & (forbidden | {"custom_jvp_call"}) and "sqrt" in used


def test_what_depends_on_the_platform_is_that_of_cpu():
    def chosen(x):
        inner = functools.partial(
            jax.lax.platform_dependent, tpu=jnp.sin, cpu=jnp.cos, default=jnp.tan
        )
        return jax.lax.platform_dependent(x, tpu=jnp.exp, default=inner)

    x = np.float32(0.3)
    opened = jaxpr.plain(chosen, jax.ShapeDtypeStruct((), np.float32))
    assert "cond" not in str(jax.make_jaxpr(opened)(x))
    np.testing.assert_allclose(opened(x)[0], np.cos(x))
