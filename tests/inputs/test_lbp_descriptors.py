"""LBP-TOP as a first stage: which frames, of which grey, all clips."""

import numpy as np
import pytest

from selfme_jax.baselines import lbp_top
from selfme_jax.inputs import lbp_descriptors as descriptors
from selfme_jax.inputs.lbp_descriptors import LBPTop
from selfme_jax.train.loop import Stage
from selfme_jax.types import Clip, Sample, UserError

BLOCKS, RADII = (2, 3), (1, 1, 2)
LENGTHS = (3, 5, 8)


class Clips:
    """Clips of 3, 5 and 8 frames."""

    samples = tuple(Sample("toy", f"s{i}", "c", 0) for i in range(3))
    classes = ("x",)

    def clip(self, index):
        rng = np.random.default_rng(index)
        frames = rng.integers(0, 256, (LENGTHS[index], 9, 11, 3), dtype=np.uint8)
        return Clip(frames, 1)


def fit(frames):
    stage = Stage("motion", None, None)
    return LBPTop(BLOCKS, RADII, frames).fit_transform(Clips(), (), 0, stage)


def test_every_clip_is_described_and_short_ones_are_made_longer(capsys):
    got = fit(frames=0)
    assert got.shape == (1, 3, 1, 1, 6 * 177) and got.dtype == np.float32
    assert "100%  LBP-TOP of toy/s2/c" in capsys.readouterr().out
    for i, found in enumerate(got[0, :, 0, 0]):
        clip = descriptors.grey(Clips().clip(i).frames)
        if len(clip) < 5:
            clip = lbp_top.time_normalise(clip, frames=5)
        expected = lbp_top.describe(clip, blocks=BLOCKS, radii=RADII)
        np.testing.assert_array_equal(found, expected)


def test_all_clips_may_get_the_same_number_of_frames():
    got = fit(frames=7)
    for i, found in enumerate(got[0, :, 0, 0]):
        clip = descriptors.grey(Clips().clip(i).frames)
        clip = lbp_top.time_normalise(clip, frames=7)
        expected = lbp_top.describe(clip, blocks=BLOCKS, radii=RADII)
        np.testing.assert_array_equal(found, expected)


def test_too_few_frames_asked_for():
    with pytest.raises(UserError, match=r"5 frames.*\n.*config\.lbp_top\.model"):
        fit(frames=4)


def test_grey_is_rec_601():
    frames = Clips().clip(0).frames
    expected = frames @ np.array([0.299, 0.587, 0.114])
    got = descriptors.grey(frames)
    assert got.dtype == np.uint8 and got.shape == frames.shape[:3]
    assert abs(got - expected).max() < 0.51
    # A view that is not contiguous is read alike.
    np.testing.assert_array_equal(descriptors.grey(frames[:, ::-1]), got[:, ::-1])
