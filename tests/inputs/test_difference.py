"""The difference of apex and onset."""

import numpy as np
import pytest

from selfme_jax.data.synthetic import rendered
from selfme_jax.inputs.registry import INPUTS
from selfme_jax.train.loop import Stage

GIVEN = INPUTS["difference"]


@pytest.fixture(scope="module")
def data():
    return rendered.load(subjects=2, clips_per_subject=2, size=32, frames=5)


def test_what_is_read_of_clips(data):
    stage = GIVEN.stage({}, (32, 32, 3))
    read = stage.fit_transform(data, [], (0,), Stage("motion", None, None))
    assert read.shape == (1, 4, *GIVEN.shape({}, data)) == (1, 4, 32, 32, 6)
    assert read.dtype == np.float32
    for i in range(4):
        clip = data.clip(i)
        onset, apex = clip.frames[0] / 255, clip.frames[clip.apex] / 255
        np.testing.assert_allclose(read[0, i, ..., :3], apex - onset, atol=1e-6)
        np.testing.assert_allclose(read[0, i, ..., 3:], onset, atol=1e-6)


def test_an_export_reads_the_same(data):
    clips = [data.clip(i) for i in range(4)]
    onset = np.stack([clip.frames[0] for clip in clips])
    apex = np.stack([clip.frames[clip.apex] for clip in clips])
    found, other = GIVEN.apply(None, None, onset, apex, size=28)
    stage = GIVEN.stage({}, (32, 32, 3))
    read = stage.fit_transform(data, [], (0,), Stage("motion", None, None))
    np.testing.assert_allclose(found, read[0], atol=1e-6)
    assert other == {} and GIVEN.arguments == ("onset", "apex")


def test_mirrored_without_a_sign():
    given = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(GIVEN.mirror(given), given[:, :, ::-1])


def test_its_floor_is_small():
    read = GIVEN.floor({"size": 8})(np.ones((1, 3, 32, 32, 6), np.float32))
    assert read.shape == (1, 3, 8, 8, 6)
