"""Spotting finds what a long procedural video shows, frame by frame, and forgets."""

import numpy as np
import pytest

from selfme_jax.data import synthetic_videos
from selfme_jax.evaluate.intervals import Span, compare, pool
from selfme_jax.inference import spotting
from selfme_jax.types import UserError

EXPRESSIONS = ("micro", "macro")


def spans(events, kinds):
    return [Span(*e) for *e, kind in events if kind in kinds]


def truth(video):
    return [(e.onset, e.apex, e.offset, e.kind) for e in video.events]


def seen(intervals):
    return [(*i.seconds, i.kind) for i in intervals]


@pytest.fixture(scope="module", params=[(7, 30.0, 24.0), (8, 100.0, 12.0)], ids=str)
def spotted(request):
    seed, fps, seconds = request.param
    video = synthetic_videos.make(seed, seconds=seconds, fps=fps)
    frames = list(video.frames())
    return video, frames, spotting.spot(frames, fps=fps)


def test_expressions_and_blinks_are_found(spotted):
    video, _, found = spotted
    scores = {}
    for kinds in (EXPRESSIONS, ("blink",)):
        scores[kinds] = compare(spans(seen(found), kinds), spans(truth(video), kinds))
        assert scores[kinds].true >= 2
    total = pool(list(scores.values()))
    assert total.f1 > 0.75 and total.apex_error < 0.06


def test_frames_fit_seconds(spotted):
    video, frames, found = spotted
    for i in found:
        assert 0 <= i.onset <= i.apex <= i.offset < len(frames)
        numbers = np.array(i[:3]) / video.fps
        np.testing.assert_allclose(numbers, i.seconds, atol=1.1 / 50)
        assert i.strength > 0 and i.face.side > 100
    assert found == sorted(found)


def test_frames_are_taken_one_by_one_and_told_once(spotted):
    video, frames, found = spotted
    spotter, told, early = spotting.Spotter(), [], 0
    for number, frame in enumerate(frames):
        new = spotter.add(frame, number / video.fps)
        early += len(new)
        assert all(i.offset < number for i in new)
        told += new
    told += spotter.end()
    assert sorted(told) == found and early > 0
    assert not spotter.gaps and spotter.faces == 1


def test_uneven_times(spotted):
    """Of a film of twice the rate every frame at random: the same is found."""
    video, frames, found = spotted
    rng = np.random.default_rng(0)
    chosen = np.flatnonzero(rng.random(len(frames)) < 0.85)
    times = chosen / video.fps
    again = spotting.spot((frames[i] for i in chosen), times=times.tolist())
    kinds = ("micro", "macro", "blink")
    both = compare(spans(seen(again), kinds), spans(seen(found), kinds))
    assert both.f1 > 0.7


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(spotting, "MEMORY", 4.0)
    monkeypatch.setattr(spotting, "FINAL", 1.0)
    monkeypatch.setattr(spotting, "STEP", 0.5)
    video = synthetic_videos.make(7, seconds=8, fps=30)
    spotter, most = spotting.Spotter(), 0
    for number, frame in enumerate(video.frames()):
        spotter.add(frame, number / 30)
        most = max(most, len(spotter._samples))
    assert most <= 30 * 4.7


def test_a_face_that_is_gone_is_a_gap():
    video = synthetic_videos.make(7, seconds=3, fps=30)
    frames = list(video.frames())
    wall = [np.full_like(frames[0], 90)] * 60
    spotter = spotting.Spotter()
    found = []
    for number, frame in enumerate([*wall, *frames, *wall, *frames, *wall[:20]]):
        found += spotter.add(frame, number / 30)
    found += spotter.end()
    assert [gap.problem for gap in spotter.gaps] == ["no face"] * 3
    ends = [second for gap in spotter.gaps for second in gap.seconds]
    np.testing.assert_allclose(ends, [0, 2, 5, 7, 10, 10.63], atol=0.25)
    assert found
    for gap in spotter.gaps:  # nothing happens in a face that is not there
        first, last = gap.seconds
        assert (gap.first, gap.last) == pytest.approx((30 * first, 30 * last), abs=0.1)
        assert not [i for i in found if i.seconds[2] > first and i.seconds[0] < last]


def test_other_detectors_work():
    video = synthetic_videos.make(7, seconds=6, fps=30)
    frames = list(video.frames())
    expected = spans(seen(spotting.spot(frames, fps=30)), ("blink", "micro", "macro"))
    found = spotting.spot(frames, fps=30, detector="haar")
    assert compare(spans(seen(found), ("blink", "micro", "macro")), expected).f1 > 0.6


@pytest.mark.parametrize("options", [{}, {"fps": 0}, {"fps": 30, "times": [0.0]}])
def test_the_rate_has_to_be_known(options):
    with pytest.raises(UserError, match="frames per second, or the time of each"):
        spotting.spot([], **options)


def test_no_frames_no_intervals():
    assert spotting.spot([], fps=25) == []
    assert spotting.spot([np.zeros((90, 90, 3), np.uint8)] * 3, fps=25) == []
