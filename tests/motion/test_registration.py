"""B-spline registration against known motion and against dense normal equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import interpolate, ndimage

from selfme_jax.motion import network, registration
from selfme_jax.ops import bspline


def texture(seed, shape):
    """[h, w, 3] smooth random colours in [0.1, 0.9]."""
    noise = np.random.default_rng(seed).normal(size=(*shape, 3))
    image = ndimage.gaussian_filter(noise, (2, 2, 0.3))
    image -= image.min()
    return 0.1 + 0.8 * image / image.max()


def moved(image, flow):
    """image(p + flow(p)) by cubic splines, flow in pixels (x, y)."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    at = np.stack([y + flow[..., 1], x + flow[..., 0]])
    layers = [
        ndimage.map_coordinates(image[..., c], at, order=3, mode="nearest")
        for c in range(3)
    ]
    return np.stack(layers, -1)


def splined(image, x, y):
    """Natural cubic splines through the pixels, first down and then across."""
    height, width = image.shape[:2]
    x, y = (np.clip(v.ravel(), 0, n - 1) for v, n in ((x, width), (y, height)))
    down = interpolate.CubicSpline(range(height), image, bc_type="natural")(y)
    each = np.arange(len(x))
    across = interpolate.CubicSpline(range(width), down, axis=1, bc_type="natural")
    found = np.stack([across(x[i])[i] for i in each])
    return found.reshape(image.shape)


def penalty(controls):
    """Of values and slopes by quadrature, weaker for a field that is rough."""
    cells, points = registration.CELLS, 100
    basis = bspline.basis(cells * points + 1, cells).astype(float)
    ends = np.full(len(basis), 1 / points)
    ends[[0, -1]] /= 2
    slope = np.gradient(basis, 1 / points, axis=0)
    value, slope = ((x.T * ends) @ x for x in (basis, slope))
    rough = np.kron(slope, value) + np.kron(value, slope)
    flow = controls[: 2 * len(rough)].reshape(2, -1)
    roughness = np.einsum("ci,ij,cj", flow, rough, flow)
    strength = registration.SLOPE / np.clip(roughness / registration.ROUGH, 1, 10)
    whole = registration.LIGHT * np.eye(len(controls))
    for part in (slice(len(rough)), slice(len(rough), 2 * len(rough))):
        whole[part, part] = strength * rough + registration.HOLD * np.kron(value, value)
    return whole


def bump(shape):
    """A local motion of at most 0.8 pixels, off the centre, not symmetric."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    near = np.exp(-(((x - 0.3 * shape[1]) / 12) ** 2) - ((y - 0.6 * shape[0]) / 9) ** 2)
    return np.stack([0.8 * near, -0.4 * near], -1)


def found(source, driving):
    pair = (jnp.asarray(x, jnp.float32)[None] for x in (source, driving))
    return np.asarray(registration.register(*pair))[0]


@pytest.mark.parametrize("shape", [(64, 80), (96, 64)])
def test_local_motion_is_found_whatever_light_and_noise(shape):
    rng = np.random.default_rng(1)
    source, flow = texture(0, shape), bump(shape)
    driving = moved(source, flow) * 1.03
    noise = 0.004 * rng.normal(size=(2, *source.shape))
    got = found(source + noise[0], driving + noise[1])
    moving = np.linalg.norm(flow, axis=-1) > 0.2
    error = np.linalg.norm(got - flow, axis=-1)
    assert error[moving].mean() < 0.12 * np.linalg.norm(flow[moving], axis=-1).mean()
    assert error.mean() < 0.04


def test_a_shift_of_everything_is_found_whole():
    flow = np.broadcast_to([0.35, -0.2], (64, 96, 2))
    source = texture(2, (64, 96))
    error = np.abs(found(source, moved(source, flow)) - flow)[8:-8, 8:-8]
    assert error.mean() < 0.02 and error.max() < 0.08


def test_rough_motion_is_followed(monkeypatch):
    """Of several pixels, as of talk: there the penalty of the slope gives way."""
    source, flow = texture(8, (96, 96)), 5 * bump((96, 96))
    driving = moved(source, flow)

    def error():
        registration.register.clear_cache()
        return np.linalg.norm(found(source, driving) - flow, axis=-1).mean()

    given = error()
    monkeypatch.setattr(registration, "ROUGH", np.inf)
    assert given < 0.7 * error()
    registration.register.clear_cache()


def test_equal_frames_stand_still_and_blank_ones_are_finite():
    frame = texture(3, (64, 64))
    assert (found(frame, frame) == 0).all()
    assert (found(0 * frame, 0 * frame) == 0).all()
    assert np.isfinite(found(0 * frame, frame)).all()


def test_a_pair_is_read_alike_in_company():
    frames = np.stack([texture(seed, (64, 64)) for seed in range(4)])
    frames = jnp.asarray(frames, jnp.float32)
    both = registration.register(frames[:2], frames[2:])
    np.testing.assert_allclose(both[1], found(frames[1], frames[3]), atol=1e-4)


@pytest.mark.parametrize("amount", [0.1, 0.3])  # smooth and rough
def test_a_step_solves_the_normal_equations(monkeypatch, amount):
    """In float64, of one design matrix with a column an unknown."""
    monkeypatch.setattr(registration, "CONJUGATE_STEPS", 600)
    shape = height, width = 40, 48
    source = texture(5, shape)
    driving = np.clip(moved(source, bump(shape)) * 0.98, 0, 1)
    side, light = registration.CELLS + 3, registration.LIGHT_CELLS + 3
    rng = np.random.default_rng(6)
    controls = np.concatenate(
        [rng.normal(0, amount, 2 * side**2), rng.normal(0, 0.01, light**2)]
    )
    arrays = (jnp.asarray(x, jnp.float32)[None] for x in (source, driving))
    names = dict(zip(("source", "driving"), arrays, strict=True))
    start = jnp.asarray(controls, jnp.float32)[None]
    got = np.asarray(registration._step(start, **names))[0]

    def spread(cells):
        rows, columns = bspline.basis(height, cells), bspline.basis(width, cells)
        return np.kron(rows, columns).astype(float)  # [h w, n]

    wide, low = spread(registration.CELLS), spread(registration.LIGHT_CELLS)
    u, v = (wide @ part for part in controls[: 2 * side**2].reshape(2, -1))
    flow = np.stack([u * width / 64, v * height / 64], -1).reshape(height, width, 2)
    y, x = np.mgrid[:height, :width]
    warped = splined(source, x + flow[..., 0], y + flow[..., 1])
    iy, ix = np.gradient((warped + driving) / 2, axis=(0, 1))
    gain = (low @ controls[-(light**2) :]).reshape(height, width, 1)
    residual = driving - warped * (1 + gain)
    spread_of_noise = registration.SPREAD**2 * np.median(residual**2) / 0.455
    variance = np.maximum(spread_of_noise, registration.FLOOR**2)
    weight = 64**2 / (height * width) / (variance + registration.ROBUST * residual**2)
    slopes = (ix * width / 64, iy * height / 64, warped)
    bases = (wide, wide, low)
    matrix = penalty(controls)
    right = -matrix @ controls
    for c in range(3):
        pairs = zip(bases, slopes, strict=True)
        design = np.concatenate([b * s[..., c].reshape(-1, 1) for b, s in pairs], 1)
        w = weight[..., c].reshape(-1, 1) / 3
        matrix = matrix + design.T @ (w * design)
        right = right + design.T @ (w[:, 0] * residual[..., c].ravel())
    expected = np.linalg.solve(matrix, right)
    change = got - controls
    near = np.linalg.norm(change - expected) / np.linalg.norm(expected)
    assert near < 0.01


def test_the_motion_network_begins_with_it():
    """A candidate more, which the mixture trusts before anything is learned."""
    sizes = {
        **{"groups": 2, "points": 3, "cells": (2, 2), "generator_blocks": 1},
        **{"keypoint_width": 8, "keypoint_blocks": (1,), "generator_width": 8},
        **{"dense_width": 8, "dense_depth": 2, "generator_down": 1},
    }
    flow = bump((64, 64))
    source = texture(7, (64, 64))
    pair = [jnp.asarray(x, jnp.float32)[None] for x in (source, moved(source, flow))]
    found = {}
    for registered in (False, True):
        made = network.MotionNetwork(**sizes, registration=registered)
        variables = jax.jit(made.init)(jax.random.key(0), *pair)
        found[registered] = made.apply(variables, *pair, method="motion")
        read = np.asarray(network.extract(made, variables, *pair))[0]
    assert found[True].weights.shape[-1] == found[False].weights.shape[-1] + 1
    assert float(found[True].weights[..., -1].min()) > 0.9
    assert np.corrcoef(read.ravel(), flow.ravel())[0, 1] > 0.9
