"""What classifiers read of a flow, against float64 loops over images."""

import itertools
import warnings

import jax
import numpy as np
import pytest

from selfme_jax.inputs import flow_reading as inputs


@pytest.fixture
def flow():
    """[2, 3, 5, 4, 3]: channels of unlike place and spread."""
    rng = np.random.default_rng(0)
    place, spread = np.array([3.0, -40.0, 100.0]), np.array([1.0, 5.0, 20.0])
    values = place + spread * rng.standard_normal((2, 3, 5, 4, 3)) ** 3
    return values.astype(np.float32)


def amplify(flow, **options):
    usual = {"levels": False, "centre": False, "standardise": False}
    usual |= {"scale": 1.0, "gamma": 1.0, "channels": "uvs"}
    return inputs.amplify(flow, **{**usual, **options})


@pytest.mark.parametrize(
    ("centre", "standardise", "channels"),
    list(itertools.product([False, True], [False, True], ["uv", "uvs"])),
)
def test_amplify_is_a_loop_over_channels(flow, centre, standardise, channels):
    got = amplify(
        flow,
        centre=centre,
        standardise=standardise,
        scale=0.25,
        gamma=3.0,
        channels=channels,
    )
    assert got.shape == (*flow.shape[:-1], len(channels)) and got.dtype == np.float32
    for i, j, c in np.ndindex(*flow.shape[:2], len(channels)):
        image = flow[i, j, ..., c].astype(float)
        if centre:
            image = image - np.median(image)
        if standardise:
            image = image / image.std()
        np.testing.assert_allclose(
            got[i, j, ..., c], image * 0.75, rtol=1e-4, atol=1e-5
        )


def test_levels_are_those_of_published_images(flow):
    got = amplify(flow, levels=True)
    assert set(np.unique(got)) <= set(range(256))
    for i, j, c in np.ndindex(2, 3, 3):
        image = flow[i, j, ..., c].astype(float)
        expected = 255 * (image - image.min()) / np.ptp(image)
        assert abs(got[i, j, ..., c] - expected).max() <= 0.501
    # An image that has that form already stays as it is.
    np.testing.assert_array_equal(amplify(got, levels=True), got)
    np.testing.assert_array_equal(inputs.levels(got)[..., ::-1], got)


def test_small_frames_are_averages():
    frames = np.random.default_rng(0).uniform(size=(1, 2, 12, 8, 3)).astype(np.float32)
    got = inputs.small(frames, size=4)
    expected = frames.reshape(1, 2, 4, 3, 4, 2, 3).mean((3, 5))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_centred_flow_forgets_head_motion(flow):
    moved = flow + np.array([2.0, -3.0, 0.0], np.float32)
    np.testing.assert_allclose(
        amplify(moved, centre=True), amplify(flow, centre=True), atol=1e-4
    )


def test_standardised_flow_forgets_its_unit_but_not_its_sign(flow):
    own = amplify(flow, centre=True, standardise=True)
    np.testing.assert_allclose(
        amplify(-7 * flow, centre=True, standardise=True), -own, atol=1e-4
    )


def test_nothing_moves_nothing_explodes():
    still = np.full((1, 1, 4, 4, 3), 128, np.float32)
    got = amplify(still, centre=True, standardise=True, scale=9.0)
    np.testing.assert_array_equal(got, 0)


def test_the_given_flow_is_left_alone(flow):
    before = flow.copy()
    amplify(flow, centre=True, standardise=True, gamma=2.0)
    inputs.levels(flow)
    inputs.photograph(flow, mean=(1, 2, 3), sd=(1, 2, 3))
    np.testing.assert_array_equal(flow, before)


def test_levels_stretch_each_channel_and_reverse_their_order(flow):
    got = inputs.levels(flow)
    assert got.shape == flow.shape and got.dtype == np.float32
    for i, j, c in np.ndindex(*flow.shape[:2], 3):
        image = flow[i, j, ..., c].astype(float)
        expected = 255 * (image - image.min()) / (image.max() - image.min())
        np.testing.assert_allclose(got[i, j, ..., 2 - c], expected, atol=1e-3)


def test_levels_leave_published_images_as_they_are():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (6, 28, 28, 3)).astype(np.float32)
    image[:, 0, 0], image[:, 27, 27] = 0, 255  # stretched to the full range
    np.testing.assert_array_equal(inputs.levels(image), image[..., ::-1])


def test_levels_of_a_constant_channel_are_zero(flow):
    flow[..., 1] = 5
    np.testing.assert_array_equal(inputs.levels(flow)[..., 1], 0)
    assert np.isfinite(inputs.levels(flow)).all()


def test_a_photograph_is_u_v_strain_as_red_green_blue(flow):
    mean, sd = (0.1, 0.2, 0.4), (0.5, 0.25, 2.0)
    got = inputs.photograph(flow, mean=mean, sd=sd)
    assert got.shape == flow.shape and got.dtype == np.float32
    for i, j, c in np.ndindex(*flow.shape[:2], 3):
        image = flow[i, j, ..., c].astype(float)
        expected = (image - image.min()) / (image.max() - image.min())
        np.testing.assert_allclose(
            got[i, j, ..., c], (expected - mean[c]) / sd[c], atol=1e-5
        )


@pytest.mark.parametrize("levels", [False, True])
@pytest.mark.parametrize("centre", [False, True])
def test_jax_prepares_as_numpy_does(flow, levels, centre):
    """Exported models hold the same function, traced; of an even and odd count."""
    options = {"levels": levels, "centre": centre, "standardise": True, "gamma": 2.0}
    for image in (flow, flow[..., :3, :3, :]):
        traced = jax.jit(lambda x: amplify(x, **options))(image)
        own = amplify(image, **options)
        assert isinstance(own, np.ndarray) and traced.dtype == own.dtype
        np.testing.assert_allclose(traced, own, atol=2e-5)
    np.testing.assert_allclose(
        jax.jit(inputs.levels)(flow), inputs.levels(flow), atol=1e-4
    )


def test_advice_brings_motion_to_unit_deviation():
    rng = np.random.default_rng(0)
    flow = rng.standard_normal((1, 4, 6, 5, 3)) * np.array([0.02, 0.04, 9.0])
    note = inputs.advice(amplify(flow, scale=3.0, gamma=2.0), scale=3.0)
    better = float(note.rpartition("--config.flow.scale=")[2])
    read = amplify(flow, scale=better, gamma=2.0)
    assert 0.66 < read[..., :2].std() < 1.5  # one digit of it is advised
    assert inputs.advice(read, scale=better) == ""
    for far in (0.0, 1e30, np.inf):  # nothing is said, not even by numpy
        read = np.full((1, 2, 4, 4, 3), far, np.float32)
        read[0, 0] *= -1
        with warnings.catch_warnings(action="error"):
            assert inputs.advice(read, scale=1.0) == ""
