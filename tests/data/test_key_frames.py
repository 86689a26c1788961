"""Onsets and apexes that are wrong on purpose."""

import numpy as np
import pytest

from selfme_jax.data import key_frames
from selfme_jax.data.releases.prepared import OfficialClips
from selfme_jax.data.synthetic import rendered
from selfme_jax.types import ClipDataset, Sample

SAMPLES = [Sample("d", f"s{i % 7}", f"c{i}", 0) for i in range(400)]


def test_as_annotated_where_nothing_is_asked_for():
    for sample in SAMPLES[:20]:
        assert key_frames.off(sample, 30, 12, 0) == (0, 12)


@pytest.mark.parametrize("most", [1, 3, 8])
def test_off_by_up_to_so_many_and_evenly(most):
    found = np.array([key_frames.off(s, 60, 30, most) for s in SAMPLES])
    onset, apex = found[:, 0], found[:, 1] - 30
    assert sorted(set(onset)) == list(range(most + 1))
    assert sorted(set(apex)) == list(range(-most, most + 1))
    assert abs(onset.mean() - most / 2) < 0.3 * most
    assert abs(apex.mean()) < 0.3 * most
    assert abs(np.corrcoef(onset, apex)[0, 1]) < 0.15


def test_stays_in_the_clip():
    for count in (2, 3, 6):
        for apex in range(1, count):
            for sample in SAMPLES[:60]:
                start, end = key_frames.off(sample, count, apex, 8)
                assert 0 <= start < end < count


def test_a_clip_is_off_the_same_way_by_less_or_more():
    for sample in SAMPLES[:50]:
        small, large = (key_frames.off(sample, 99, 50, most) for most in (4, 8))
        assert small == key_frames.off(sample, 99, 50, 4)
        assert small[0] <= large[0] and abs(small[1] - 50) <= abs(large[1] - 50)


def test_clips_begin_at_the_wrong_onset():
    data = rendered.load(subjects=2, clips_per_subject=4, size=32, frames=12)
    moved = key_frames.Off(data, 3)
    assert isinstance(moved, ClipDataset) and moved.samples == data.samples
    onsets = []
    for i, sample in enumerate(data.samples):
        clip, other = data.clip(i), moved.clip(i)
        onset, apex = key_frames.off(sample, len(clip.frames), clip.apex, 3)
        np.testing.assert_array_equal(other.frames, clip.frames[onset:])
        np.testing.assert_array_equal(other.frames[other.apex], clip.frames[apex])
        assert (other.flow is None) == ((onset, apex) != (0, clip.apex))
        onsets.append(onset)
    assert len(set(onsets)) > 1


@pytest.mark.parametrize("limit", [0, 5])
def test_official_clips(limit, monkeypatch):
    """Frames are numbers here: which are decoded is all that is asked."""
    from selfme_jax.data import shards

    monkeypatch.setattr(shards, "decode", lambda number: np.array([number]))
    records = [{"apex_index": 9, "frames": list(range(20))}] * len(SAMPLES)
    data = OfficialClips(("x",), tuple(SAMPLES), records, limit, off=4)
    for i, sample in enumerate(SAMPLES[:60]):
        clip = data.clip(i)
        onset, apex = key_frames.off(sample, 20, 9, 4)
        assert clip.frames[0, 0] == onset and clip.frames[clip.apex, 0] == apex
        assert clip.frames[-1, 0] == 19
        assert len(clip.frames) == (limit or 20 - onset)
