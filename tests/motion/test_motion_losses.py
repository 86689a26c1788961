import jax
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import ndimage
from skimage.metrics import structural_similarity

from selfme_jax.motion import losses
from selfme_jax.ops import warp


@pytest.fixture
def frames(make_texture):
    rng = np.random.default_rng(11)
    a = make_texture(rng, 2, 19, 16)
    return a, np.clip(a + 0.1 * rng.standard_normal(a.shape), 0, 1).astype(np.float32)


def test_charbonnier_against_numpy(frames):
    a, b = frames
    d = a.astype(np.float64) - b
    expected = (np.sqrt(d**2 + 0.02**2) - 0.02).mean((1, 2, 3))
    out = losses.charbonnier(a, b, epsilon=0.02)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    np.testing.assert_allclose(losses.charbonnier(a, a, epsilon=0.02), 0, atol=1e-8)


def test_ssim_against_scikit_image(frames):
    a, b = (x.astype(np.float64) for x in frames)
    for i, value in enumerate(np.asarray(losses.ssim(*frames))):
        maps = structural_similarity(
            a[i], b[i], data_range=1, channel_axis=-1, full=True,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )[1]  # fmt: skip
        inside = maps[5:-5, 5:-5].mean()  # dm_pix keeps whole windows only
        np.testing.assert_allclose(value, (1 - inside) / 2, atol=1e-4)


def test_census_against_loops(frames):
    a, b = (x.astype(np.float64).mean(-1) for x in frames)
    r, s = 2, 0.9 / 255
    total = np.zeros(2)
    for y in range(r, 19 - r):
        for x in range(r, 16 - r):
            for dy in range(-r, r + 1):
                for dx in range(-r, r + 1):
                    if (dy, dx) == (0, 0):
                        continue
                    d, e = (g[:, y + dy, x + dx] - g[:, y, x] for g in (a, b))
                    t = (d / np.sqrt(s**2 + d**2) - e / np.sqrt(s**2 + e**2)) ** 2
                    total += t / (0.1 + t)
    count = (19 - 2 * r) * (16 - 2 * r) * 24
    np.testing.assert_allclose(losses.census(*frames), total / count, rtol=1e-3)
    # Structure only: brightness and contrast do not count, unlike for charbonnier.
    brighter = 0.2 + 0.7 * frames[0]
    assert losses.census(frames[0], brighter).max() < 0.05
    assert losses.census(*frames).min() > 0.2


def test_photometric_sums_its_terms_over_the_pyramid(frames):
    off = {"charbonnier_weight": 0.0, "ssim_weight": 0.0, "census_weight": 0.0}

    def run(scales, **weights):
        weights = off | weights
        return np.asarray(
            losses.photometric(*frames, scales=scales, epsilon=0.01, **weights)
        )

    fine = np.asarray(losses.charbonnier(*frames, epsilon=0.01))
    np.testing.assert_allclose(run(1, charbonnier_weight=2.0), 2 * fine, rtol=1e-5)
    both = run(1, charbonnier_weight=1.0, census_weight=0.5)
    np.testing.assert_allclose(
        both, fine + 0.5 * np.asarray(losses.census(*frames)), rtol=1e-5
    )
    coarse = 2 * run(2, charbonnier_weight=1.0) - fine
    assert (coarse > 0).all()
    assert (coarse < fine).all()  # noise averages out
    # The window of SSIM does not fit 9 x 8 pixels.
    np.testing.assert_allclose(run(2, ssim_weight=1.0), run(1, ssim_weight=0.5))
    assert (run(1) == 0).all()


def test_blur_against_scipy(frames):
    sigma = 0.8
    expected = ndimage.gaussian_filter(
        frames[0].astype(np.float64), (0, sigma, sigma, 0), radius=2, mode="nearest"
    )
    np.testing.assert_allclose(losses.blur(frames[0], sigma=sigma), expected, atol=1e-5)
    assert losses.blur(frames[0], sigma=0.0) is frames[0]


def test_a_finer_source_moves_as_true_splines_do():
    """Bilinear samples of a sharp frame err by more than a flow that is a fifth off."""
    rng = np.random.default_rng(3)
    image = ndimage.gaussian_filter(rng.normal(size=(2, 40, 56, 3)), (0, 1, 1, 0))
    shift = np.array([0.4, -0.3])  # of everything, in pixels
    flow = np.broadcast_to(shift * 2 / np.array([55, 39]), (2, 40, 56, 2))
    flow = flow.astype(np.float32)
    expected = ndimage.shift(image, (0, 0.3, -0.4, 0), order=5, mode="nearest")

    def error(side, share=1.0):
        fine = losses.finer(image.astype(np.float32), side=side)
        moved = warp.warp(fine, share * flow)
        assert moved.shape == image.shape
        return np.abs(moved - expected)[:, 6:-6, 6:-6].mean()

    assert error(224) < 0.15 * error(0)
    assert error(0) > error(224, 0.8) > 2 * error(224)
    whole = image.astype(np.float32)
    for side in (0, 56):
        np.testing.assert_array_equal(losses.finer(whole, side=side), whole)


def test_level_light_takes_slow_changes_out_only(frames):
    a, _ = frames
    ramp = np.linspace(-0.1, 0.2, 16)[:, None].astype(np.float32)
    levelled = np.asarray(losses.level_light(a + ramp, a, blocks=4))
    inside = (slice(None), slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(levelled[inside], a[inside], atol=0.02)
    checks = 0.1 * (-1.0) ** np.add.outer(np.arange(19), np.arange(16))[..., None]
    kept = (
        np.asarray(losses.level_light(a + checks.astype(np.float32), a, blocks=4)) - a
    )
    assert np.abs(kept[inside] - checks[3:-3, 3:-3]).max() < 0.03


def test_equivariance_is_the_mean_distance():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 4, 5, 2)).astype(np.float32)
    np.testing.assert_allclose(
        losses.equivariance(a, b), np.abs(a - b).mean((1, 2, 3)), rtol=1e-5
    )


def test_feature_warp_pulls_on_the_warped_side_only():
    rng = np.random.default_rng(2)
    shapes = [(2, 3, 3, 4), (2, 6, 6, 2)]
    a, b = ([rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2))
    expected = np.mean(
        [np.abs(x - y).mean((1, 2, 3)) for x, y in zip(a, b, strict=True)], axis=0
    )
    np.testing.assert_allclose(losses.feature_warp(a, b), expected, rtol=1e-5)
    ga, gb = jax.grad(lambda x, y: losses.feature_warp(x, y).sum(), (0, 1))(a, b)
    assert all(np.abs(g).min() > 0 for g in ga)
    assert all((g == 0).all() for g in gb)


def test_smoothness_against_numpy(frames):
    image = frames[0]
    flow = np.random.default_rng(3).normal(size=(2, 19, 16, 2))
    expected = 0
    for axis in (1, 2):
        slope = np.abs(np.diff(image.astype(np.float64), axis=axis)).mean(-1)
        change = np.abs(np.diff(flow, axis=axis)).mean(-1)
        expected += (change * np.exp(-10 * slope)).mean((1, 2)) / 2
    out = losses.smoothness(flow.astype(np.float32), image, edge=10.0)
    np.testing.assert_allclose(out, expected, rtol=1e-4)
    assert (np.asarray(losses.smoothness(0 * flow + 3, image)) == 0).all()


def test_gradients(frames):
    a, b = (x[:1, :13, :12] for x in frames)

    def total(x):
        level = losses.level_light(x, b, blocks=4)
        return losses.charbonnier(level, b, epsilon=0.1) + losses.ssim(x, b)

    check_grads(
        jax.jit(total), (a,), order=1, modes="rev", atol=2e-2, rtol=2e-2, eps=1e-2
    )
