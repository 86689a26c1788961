"""Scores of motion, against NumPy and scikit-image."""

import jax
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from selfme_jax.motion import quality


def test_flow_error_against_numpy():
    rng = np.random.default_rng(3)
    truth = (
        rng.normal(size=(3, 9, 7, 2)) * np.array([0.2, 1.0, 3.0])[:, None, None, None]
    )
    flow = 0.8 * truth + rng.normal(size=truth.shape) * 0.1
    got = jax.jit(quality.flow_error)(flow.astype("f4"), truth.astype("f4"))
    for i in range(3):
        length = np.hypot(*truth[i].transpose(2, 0, 1))
        moving = length >= 0.25 * length.max()
        assert 5 < moving.sum() < moving.size  # the still part matters below
        f, t = flow[i][moving], truth[i][moving]
        error = np.linalg.norm(f - t, axis=-1).mean()
        assert got.epe[i] == pytest.approx(error, rel=1e-5)
        assert got.zero[i] == pytest.approx(length[moving].mean(), rel=1e-5)
        a, b = (np.concatenate([x, np.ones((len(x), 1))], 1) for x in (f, t))
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        angle = np.degrees(np.arccos(cosine)).mean()
        assert got.angular[i] == pytest.approx(angle, rel=1e-3)
        assert got.product[i] == pytest.approx((f * t).sum(), rel=1e-5)
        assert got.power[i] == pytest.approx((f * f).sum(), rel=1e-5)
        assert got.truth_power[i] == pytest.approx((t * t).sum(), rel=1e-5)


def test_motion_outside_the_moving_area_counts_nothing():
    truth = np.zeros((1, 8, 8, 2), np.float32)
    truth[0, 2:4, 3:6] = [1.0, -0.5]
    flow = np.where(truth != 0, truth, 7.0).astype(np.float32)
    got = quality.flow_error(flow, truth)
    assert float(got.epe[0]) == float(got.angular[0]) == 0
    assert got.zero[0] == pytest.approx(np.hypot(1, 0.5))


def test_reconstruction_distances(network, params, pair):
    source, driving = pair
    got, output = jax.jit(lambda p, *x: quality.reconstruct(network, p, *x))(
        params, source, driving
    )
    images = {"onset": source, "generated": np.asarray(output.reconstruction)}
    for name, image in images.items():
        l1 = np.abs(image.astype(float) - driving).mean((1, 2, 3))
        np.testing.assert_allclose(getattr(got, f"l1_{name}"), l1, rtol=1e-5)
        for i in range(2):
            oracle = structural_similarity(
                image[i].astype(float),
                driving[i].astype(float),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1.0,
                channel_axis=-1,
                full=True,
            )[1][5:-5, 5:-5].mean()
            ssim = float(getattr(got, f"ssim_{name}")[i])
            assert ssim == pytest.approx(oracle, abs=2e-3)
    assert abs(got.l1_warped - got.l1_onset).max() > 1e-5
