import cv2
import jax
import numpy as np
import pytest

from selfme_jax.motion import local


def smooth_frame(h=48, w=40, seed=0):
    noise = np.random.default_rng(seed).standard_normal((h, w, 3))
    image = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (0.5 + 0.5 * image / np.abs(image).max()).astype(np.float32)


def solve(source, driving, shape, windows=(1.5,), ridge=1e-8):
    evidence = local.evidence(source[None], driving[None], shape)
    trust = np.ones((1, *shape, 1), np.float32)
    ridges = np.full(len(windows), ridge, np.float32)
    flows = local.candidates(evidence, trust, ridges, source.shape[:2], windows=windows)
    return np.asarray(flows)[0]


def moved(image, dx, dy):
    """image(p + (dx, dy)), by another library and a better interpolation."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return cv2.remap(image, x + dx, y + dy, cv2.INTER_CUBIC, borderMode=2)


@pytest.mark.parametrize("light", [0.0, 0.06])
def test_sub_pixel_shift_is_found_with_sign_and_axes(light):
    source = smooth_frame()
    driving = moved(source, 0.3, -0.15)
    driving = driving + light * np.linspace(0, 1, 48, dtype=np.float32)[:, None, None]
    flows = solve(source, driving, (12, 10), windows=(1.0, 3.0))
    assert flows.shape == (2, 12, 10, 2)
    pixels = flows * np.array([39, 47]) / 2
    for flow in pixels[:, 2:-2, 2:-2]:
        # Some of a shift of everything is taken for a change of light.
        assert 0.2 < np.median(flow[..., 0]) < 0.35
        assert -0.18 < np.median(flow[..., 1]) < -0.09


def test_local_motion_is_local():
    source = smooth_frame(seed=3)
    y, x = np.mgrid[:48, :40].astype(np.float32)
    bump = np.exp(-((x - 12) ** 2 + (y - 30) ** 2) / (2 * 4.0**2))
    driving = moved(source, 0.0 * bump, 0.4 * bump)
    flow = solve(source, driving, (12, 10), windows=(1.0,))[0] * np.array([39, 47]) / 2
    peak = np.unravel_index(np.abs(flow[..., 1]).argmax(), (12, 10))
    assert abs(peak[0] * 47 / 11 - 30) < 5
    assert abs(peak[1] * 39 / 9 - 12) < 5
    assert flow[peak][1] > 0.2
    assert np.abs(flow[:4]).max() < 0.1


def test_untrusted_places_count_less_and_ridge_shrinks():
    source = smooth_frame(seed=5)
    driving = moved(source, 0.3, 0.0)
    driving[:, 20:] = moved(source, -0.3, 0.0)[:, 20:]
    evidence = local.evidence(source[None], driving[None], (12, 10))
    trust = np.ones((1, 12, 10, 1), np.float32)

    def flow(trust, ridge=1e-8):
        out = local.candidates(
            evidence, trust, np.float32([ridge]), (48, 40), windows=(50.0,)
        )
        return np.asarray(out)[0, 0, 6, 5, 0] * 39 / 2

    left = trust.copy()
    left[:, :, 5:] = 1e-3
    assert abs(flow(trust)) < 0.1  # both halves, one window
    assert flow(left) > 0.2
    assert 0 < flow(left, ridge=1e-2) < 0.5 * flow(left)


def test_equal_or_blank_frames_do_not_move_and_gradients_are_finite():
    source = smooth_frame(24, 20)
    assert (solve(source, source, (6, 5)) == 0).all()
    blank = np.full((24, 20, 3), 0.5, np.float32)

    def total(driving, trust):
        evidence = local.evidence(blank[None], driving, (6, 5))
        ridges = np.float32([1e-5])
        return local.candidates(evidence, trust, ridges, (24, 20), windows=(1.0,)).sum()

    trust = np.ones((1, 6, 5, 1), np.float32)
    run = jax.jit(jax.value_and_grad(total, (0, 1)))
    value, gradients = run(blank[None], trust)
    assert value == 0
    assert all(np.isfinite(g).all() for g in gradients)


def test_inputs_are_in_proportion_to_the_contrast():
    source = smooth_frame(24, 20)
    driving = moved(source, 0.2, 0.1)
    evidence = np.asarray(local.evidence(source[None], driving[None], (6, 5)))
    full = local.inputs(evidence, ridge=1e-12)
    weak = local.inputs(0.01 * evidence, ridge=1e-12)
    np.testing.assert_allclose(full, weak, rtol=1e-3, atol=1e-6)
    assert full.shape == (1, 6, 5, 6)
    np.testing.assert_allclose(full[..., 0] + full[..., 2], 1, rtol=1e-4)


def test_points_are_tracked_against_the_motion_of_the_frame():
    source = smooth_frame(seed=7)
    driving = moved(source, 0.3, -0.2)  # what is at p was at p + (0.3, -0.2)
    points = np.random.default_rng(1).uniform(-0.6, 0.6, (1, 3, 5, 2))
    points = points.astype(np.float32)
    found = local.track(source[None], driving[None], points, (12, 10), window=2.0)
    shift = (np.asarray(found) - points) * np.array([39, 47]) / 2
    assert 0.15 < np.median(shift[..., 0]) < 0.35
    assert -0.25 < np.median(shift[..., 1]) < -0.1
    same = local.track(source[None], source[None], points, (12, 10), window=2.0)
    assert (np.asarray(same) == points).all()


def test_tracking_reads_the_flow_where_the_points_are():
    source = smooth_frame(seed=9)
    driving = source.copy()
    driving[:, :20] = moved(source, 0.4, 0.0)[:, :20]
    points = np.float32([[[[-0.6, 0.1]], [[0.7, 0.1]]]])
    found = local.track(source[None], driving[None], points, (12, 10), window=0.8)
    shift = (np.asarray(found) - points)[0, :, 0, 0] * 39 / 2
    assert shift[0] > 0.15 and abs(shift[1]) < 0.05
