"""Long procedural videos show what their truth says, at any rate."""

import itertools

import numpy as np
import pytest

from selfme_jax.data import synthetic_videos as videos


def at(video, seconds):
    """The frame of a moment, without noise."""
    return videos._shoot(video, seconds)


@pytest.fixture(scope="module")
def video():
    return videos.make(3, seconds=40, fps=30, noise=0)


def test_the_same_seed_is_the_same_film_at_any_rate(video):
    other = videos.make(3, seconds=40, fps=200, noise=0)
    assert other.events == video.events
    np.testing.assert_array_equal(at(other, 1.5), at(video, 1.5))
    first, second = (next(v.frames()) for v in (video, other))
    np.testing.assert_array_equal(first, second)
    assert videos.make(4, seconds=40, fps=30).events != video.events


def test_frames(video):
    short = videos.make(5, seconds=0.5, fps=30)
    frames = list(short.frames())
    assert len(frames) == 15 and frames[0].dtype == np.uint8
    assert frames[0].shape == (240, 280, 3)
    again = list(videos.make(5, seconds=0.5, fps=30).frames())
    np.testing.assert_array_equal(frames, again)


def test_events_are_in_order_and_of_their_kinds_length(video):
    kinds = {event.kind for event in video.events}
    assert kinds >= {"micro", "macro", "blink", "head"}
    assert list(video.events) == sorted(video.events)
    for event in video.events:
        assert 0 < event.onset < event.apex < event.offset < 40
        if event.kind in videos.LASTS:
            low, high = videos.LASTS[event.kind]
            assert low - 1e-9 <= event.offset - event.onset <= high + 1e-9
    busy = [e for e in video.events if e.kind != "blink"]
    for one, other in itertools.pairwise(busy):
        assert other.onset >= one.offset


def test_the_face_changes_where_the_truth_says(video):
    calm = video._replace(
        script=video.script._replace(sway=0 * video.script.sway, turns=np.zeros((0, 6)))
    )
    skins = [e for e in video.events if e.kind in videos.LASTS]
    for event in skins[:6]:
        before, apex = at(calm, event.onset), at(calm, event.apex)
        early = at(calm, event.onset + 0.5 * (event.apex - event.onset))
        assert np.abs(apex - before).max() > 3
        assert np.abs(early - before).sum() < np.abs(apex - before).sum()
    quiet = np.linspace(0, 39, 400)
    quiet = [t for t in quiet if not any(e.onset < t < e.offset + 1 for e in skins)]
    talk = [e for e in video.events if e.kind == "talking"]
    quiet = [t for t in quiet if not any(e.onset < t < e.offset + 1 for e in talk)]
    np.testing.assert_array_equal(at(calm, quiet[0]), at(calm, quiet[-1]))


def test_a_head_that_turns_moves_the_nose_further(video):
    script = video.script._replace(skins=(), sway=0 * video.script.sway)
    turn = np.array([[1.0, 2.0, 0.3, 0, 0, 0]])
    turned = video._replace(script=script._replace(turns=turn))
    n = len(video.depth)
    nose, rim = (
        video.depth[int(0.56 * n), n // 2],
        video.depth[int(0.5 * n), int(0.28 * n)],
    )
    assert nose > rim + 0.3
    assert np.abs(at(turned, 3) - at(turned, 0)).max() > 30
    np.testing.assert_array_equal(at(turned, 0.9), at(turned, 0))
