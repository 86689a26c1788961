"""Frame pairs: which are drawn, how often, that it repeats, and loading ahead."""

import threading
import time

import numpy as np
import pytest

from selfme_jax.data.pairs import ClipInfo, MemoryFrames, Pairs, prefetch
from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.types import Clip, Sample, UserError

COUNTS = (7, 1, 20, 3)  # the second has no pair, the last only close ones


@pytest.fixture(scope="module")
def frames():
    """Every pixel of a frame says its index."""
    starts = np.cumsum((0, *COUNTS))
    clips = tuple(
        ClipInfo(f"c{i}", int(start), count, 25.0)
        for i, (start, count) in enumerate(zip(starts, COUNTS, strict=False))
    )
    images = np.tile(np.arange(starts[-1])[:, None, None, None], (1, 4, 4, 3))
    return MemoryFrames(clips, images.astype(np.uint8))


def clip_of(frames, index):
    (found,) = (c for c in frames.clips if c.start <= index < c.start + c.count)
    return found


def drawn(pairs, steps=200):
    return np.concatenate([pairs.indices(step) for step in range(steps)])


def chances(clips, low, high):
    """P(i, j) of every ordered pair, by the words of the docstring; clips: ranges."""
    usable = [clip for clip in clips if len(clip) > low]
    total = sum(map(len, usable))
    table = {}
    for clip in usable:
        gaps = range(low, min(high, len(clip) - 1) + 1)
        for gap in gaps:
            firsts = clip[: len(clip) - gap]
            share = len(clip) / total / len(gaps) / len(firsts) / 2
            for i in firsts:
                table[i, i + gap] = table[i + gap, i] = share
    return table


def test_every_pair_is_drawn_as_often_as_it_should_be(frames):
    pairs = Pairs(frames=frames, min_gap=2, max_gap=5, batch_size=500, holdout=0.4)
    # 0.4 of 7, 1, 20 and 3 frames is 3, 0, 8 and 1: what is left
    train = [range(4), range(7, 8), range(8, 20), range(28, 30)]
    expected = chances(train, 2, 5)
    found, times = np.unique(drawn(pairs), axis=0, return_counts=True)
    assert {tuple(pair) for pair in found.tolist()} == set(expected)
    n = 200 * 500
    for pair, count in zip(found.tolist(), times, strict=True):
        mean = n * expected[tuple(pair)]
        assert abs(count - mean) < 5 * np.sqrt(mean), pair


def test_batches_hold_the_frames_of_the_indices(frames):
    pairs = Pairs(frames=frames, max_gap=4, batch_size=6, seed=3)
    source, driving = pairs.batch(11)
    for part, indices in zip((source, driving), pairs.indices(11).T, strict=True):
        assert part.shape == (6, 4, 4, 3) and part.dtype == np.uint8
        np.testing.assert_array_equal(part[:, 1, 2, 0], indices)
    for i, j in pairs.indices(11):
        assert clip_of(frames, i) == clip_of(frames, j) and 1 <= abs(i - j) <= 4


def test_a_batch_depends_on_seed_and_step_alone(frames):
    options = {"frames": frames, "max_gap": 4, "batch_size": 32}
    first, again = Pairs(**options, seed=1), Pairs(**options, seed=1)
    forth = [first.indices(step) for step in range(4)]
    back = [again.indices(step) for step in reversed(range(4))][::-1]
    np.testing.assert_array_equal(forth, back)
    seeds = [Pairs(**options, seed=seed).indices(0) for seed in range(3)]
    assert len({x.tobytes() for x in (*forth, *seeds)}) == 6  # one is there twice


@pytest.mark.parametrize("gap", [1, 3, 8])
def test_held_out_pairs_are_all_and_never_trained_on(frames, gap):
    pairs = Pairs(frames=frames, max_gap=20, batch_size=500, holdout=0.4)
    parts = [range(4, 7), range(0), range(20, 28), range(30, 31)]
    expected = [(i, i + gap) for part in parts for i in part if i + gap in part]
    assert pairs.held_out(gap) == expected
    assert bool(expected) == (gap < 8)
    assert not set(drawn(pairs, 20).flat) & {i for part in parts for i in part}


def test_nothing_is_held_out_by_default(frames):
    pairs = Pairs(frames=frames, max_gap=20, batch_size=500)
    assert pairs.held_out(1) == []
    assert set(drawn(pairs, 20).flat) == {*range(7), *range(8, 31)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_gap": 0}, "1 <= min_gap"),
        ({"min_gap": 5}, "min_gap <= max_gap"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"holdout": 1.0}, "holdout < 1"),
        ({"min_gap": 20, "max_gap": 20}, "longest has 20 frames"),
        ({"holdout": 0.97}, "97% of them held out"),
    ],
)
def test_bad_options(frames, options, message):
    with pytest.raises(UserError, match=message) as error:
        Pairs(**({"frames": frames, "max_gap": 4, "batch_size": 2} | options))
    assert len(str(error.value).splitlines()) <= 2


def test_memory_frames_are_those_of_the_clips():
    data = synthetic.load(subjects=2, clips_per_subject=2, size=16, frames=5)
    frames = MemoryFrames.from_clips(data)
    assert frames.size == 16
    names = ["p000/c000", "p000/c001", "p001/c000", "p001/c001"]
    assert [clip.name for clip in frames.clips] == [f"synthetic/{n}" for n in names]
    for i, clip in enumerate(frames.clips):
        assert clip[1:] == (5 * i, 5, 0.0)
        mine = [frames.frame(clip.start + k) for k in range(clip.count)]
        np.testing.assert_array_equal(mine, data.clip(i).frames)


@pytest.mark.parametrize(
    ("shapes", "bad"), [([(8, 6)], "c0"), ([(8, 8), (6, 6)], "c1")]
)
def test_memory_frames_are_square_and_of_one_size(shapes, bad):
    class Clips:
        classes = ("negative",)
        samples = tuple(Sample("toy", "p0", f"c{i}", 0) for i in range(len(shapes)))

        def clip(self, index):
            return Clip(np.zeros((2, *shapes[index], 3), np.uint8), 1)

    with pytest.raises(UserError, match=f"toy/p0/{bad} has frames of"):
        MemoryFrames.from_clips(Clips())


def test_prefetch_keeps_the_order_and_loads_ahead():
    started, gate = [], threading.Event()

    def load(step):
        started.append(step)
        if step == 5:
            gate.wait(10)  # the first is the last to be ready
        return step * step

    loaded = prefetch(load, 5, 12, depth=3)
    threading.Timer(0.2, gate.set).start()
    assert next(loaded) == (5, 25)
    assert sorted(started)[:3] == [5, 6, 7]
    time.sleep(0.1)
    assert max(started) <= 8  # depth batches ahead, no more
    assert list(loaded) == [(step, step * step) for step in range(6, 12)]
    assert list(prefetch(load, 3, 3, depth=2)) == []


def test_prefetch_passes_an_error_on_in_its_turn():
    def load(step):
        if step == 2:
            raise UserError("frame 2 is gone")
        return step

    seen = []
    with pytest.raises(UserError, match="frame 2 is gone"):
        for step, _ in prefetch(load, 0, 9, depth=4):
            seen.append(step)
    assert seen == [0, 1]
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]


def test_prefetch_ends_its_threads_when_the_consumer_stops():
    started = []

    def load(step):
        started.append(step)
        time.sleep(0.01)
        return step

    loaded = prefetch(load, 0, 1000, depth=40)
    assert next(loaded) == (0, 0)
    loaded.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]
    before = len(started)
    time.sleep(0.05)
    assert len(started) == before < 20
