"""Bumps of any length are found where they are; steps and restlessness are none."""

import numpy as np
import pytest

from selfme_jax.inference import excursions

RATE = 50.0


def still(seconds=20.0, noise=0.0002, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return noise * rng.standard_normal((int(seconds * RATE), d))


def add(signals, onset, apex, offset, height, direction):
    """A smooth rise and fall, in seconds."""
    t = np.arange(len(signals)) / RATE
    up = np.clip((t - onset) / (apex - onset), 0, 1)
    down = np.clip((t - apex) / (offset - apex), 0, 1)
    course = up * up * (3 - 2 * up) - down * down * (3 - 2 * down)
    unit = np.array(direction, float) / np.linalg.norm(direction)
    return signals + height * course[:, None] * unit


def find(signals, head=None, **options):
    head = np.zeros((len(signals), 6)) if head is None else head
    found = excursions.find(signals, head, RATE, **options)
    return sorted(found, key=lambda e: e.onset)


@pytest.mark.parametrize("lasts", [0.17, 0.3, 0.5, 0.8, 1.5, 3.0, 4.0])
@pytest.mark.parametrize("skew", [0.35, 0.6])
def test_a_bump_is_found_with_its_ends(lasts, skew):
    direction = [1, 0, 0, -2, 0, 0]
    on, apex, off = 8.0, 8 + skew * lasts, 8 + lasts
    (e,) = find(add(still(), on, apex, off, 0.01, direction))
    shared = min(e.offset / RATE, off) - max(e.onset / RATE, on)
    spanned = max(e.offset / RATE, off) - min(e.onset / RATE, on)
    assert shared / spanned > 0.75
    assert abs(e.apex / RATE - apex) < max(0.03, 0.05 * lasts)
    assert e.height == pytest.approx(0.01, rel=0.12) and e.score > 5
    cosine = e.change @ direction / np.linalg.norm(e.change) / np.sqrt(5)
    assert cosine > 0.98


def test_several_and_their_order_of_strength():
    signals = add(still(), 3, 3.1, 3.3, 0.004, [1, 0, 0, 0, 0, 0])
    signals = add(signals, 9, 10, 12, 0.02, [0, 1, 1, 0, 0, 0])
    signals = add(signals, 15, 15.2, 15.4, 0.006, [0, 0, 0, 0, 0, -1])
    found = find(signals)
    assert [round(e.apex / RATE, 1) for e in found] == [3.1, 10.0, 15.2]
    assert [round(e.height, 3) for e in found] == [0.004, 0.02, 0.006]


def test_noise_and_drift_are_nothing():
    signals = still(60, seed=3)
    signals += 0.02 * np.linspace(0, 1, len(signals))[:, None]
    slow = np.sin(np.arange(len(signals)) / RATE * 2 * np.pi / 25)
    assert not find(signals + 0.01 * slow[:, None])


def test_a_step_is_no_excursion_unless_the_clip_ends():
    signals = still()
    signals[500:] += 0.01
    assert not [e for e in find(signals) if abs(e.apex - 500) > 30]
    (e,) = find(add(still(4), 2, 2.3, 9, 0.02, [1, 1, 0, 0, 0, 0]))
    assert abs(e.onset / RATE - 2) < 0.1 and e.offset > 3.5 * RATE


def test_a_restless_face_hides_what_is_as_small():
    bump = {"onset": 8, "apex": 8.2, "offset": 8.4, "direction": [1, 0, 0, 0, 0, 0]}
    calm = find(add(still(), height=0.004, **bump))
    assert len(calm) == 1
    t = np.arange(1000) / RATE
    waves = 0.004 * np.sin(2 * np.pi * np.outer(t, [1.9, 2.3, 2.7, 3.1, 2.1, 2.5]))
    assert not find(add(still() + waves, height=0.004, **bump))


def test_what_the_head_may_have_done_does_not_count():
    signals = add(still(), 8, 8.3, 8.6, 0.01, [1, 0, 0, 0, 0, 0])
    head = np.zeros((1000, 6))
    head[405:425, 1] = 0.05
    assert len(find(signals, head)) == 0
    assert len(find(signals, head / 5)) == 1
    assert len(find(signals, np.roll(head, 100, axis=0))) == 1
    assert len(find(signals, head, head_share=0.1)) == 1


def test_a_long_one_takes_in_its_parts():
    signals = add(still(), 5, 5.3, 8, 0.02, [1, 0, 0, 0, 0, 0])
    signals[300:306, 0] -= 0.012  # it trembles at its height
    whole, parts = find(signals), find(signals, whole=False)
    assert len(whole) == 1 and whole[0].offset - whole[0].onset > 2 * RATE
    assert len(parts) >= 1


def test_smoothing_keeps_sums_and_ends():
    signals = np.random.default_rng(0).standard_normal((50, 3))
    np.testing.assert_array_equal(excursions.smooth(signals, 0.1), signals)
    constant = np.full((9, 2), 3.0)
    np.testing.assert_allclose(excursions.smooth(constant, 2), constant)
    impulse = np.zeros((41, 1))
    impulse[20] = 1
    found = excursions.smooth(impulse, 3.0)[:, 0]
    t = np.arange(-20, 21)
    expected = np.exp(-0.5 * (t / 3) ** 2)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-3)


def test_a_long_one_takes_in_only_what_peaks_within_it():
    """After a frown in a short clip, rest is a long bump the other way."""

    def one(onset, apex, offset, height=0.018):
        return excursions.Excursion(onset, apex, offset, height, 4.0, np.ones(6))

    frown = one(78, 98, 125)
    assert not excursions._takes_in(one(101, 155, 208), frown)
    assert excursions._takes_in(one(90, 155, 208), frown)
    assert not excursions._takes_in(one(90, 155, 208, height=0.005), frown)
    assert not excursions._takes_in(one(90, 100, 150), frown)
