"""Rendered pairs: they move as they say, in the framing of published images."""

import cv2
import numpy as np
import pytest

from selfme_jax.data.synthetic import expressions, rendered_pairs
from selfme_jax.data.synthetic.flow_fields import Spread
from selfme_jax.inputs import published

SIZE = 96
MIXTURE = expressions.mixture()


def draw(seed: int, step: int, size: int = SIZE) -> rendered_pairs.Pairs:
    return rendered_pairs.draw(
        seed,
        step,
        mixture=MIXTURE,
        spread=Spread(),
        size=size,
        window=published.FRAME,
    )


@pytest.fixture
def clean(monkeypatch):
    """Neither head, nor light, nor noise."""
    monkeypatch.setattr(rendered_pairs, "HEAD", 0.0)
    monkeypatch.setattr(rendered_pairs, "LIGHT", 0.0)
    monkeypatch.setattr(rendered_pairs, "NOISE", (1e-6, 1e-6))


def test_the_apex_is_the_onset_moved(clean):
    """apex(p) = onset(p - flow(p)), and nothing else would explain it as well."""
    pairs = draw(0, 0)
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1)
    grid = grid.astype(np.float32)

    def error(sign: int) -> float:
        found = []
        for onset, apex, flow in zip(pairs.onset, pairs.apex, pairs.flow, strict=True):
            at = (grid + sign * flow).astype(np.float32)
            moved = cv2.remap(onset, at, None, cv2.INTER_CUBIC)
            off = np.abs(moved.astype(float) - apex).mean(-1)
            found.append(off[8:-8, 8:-8].mean())
        return float(np.mean(found))

    assert error(-1) < 0.35 * error(0)
    assert error(1) > error(0)


def test_peaks_are_of_the_range_and_grow_with_the_frame(clean):
    small, large = draw(1, 0), draw(1, 0, 2 * SIZE)
    for pairs, size in ((small, SIZE), (large, 2 * SIZE)):
        peak = np.linalg.norm(pairs.flow, axis=-1).max((1, 2)) * 256 / size
        low, high = rendered_pairs.PEAK
        assert low * 0.98 < peak.min() < peak.max() < high * 1.02
        assert peak.std() > 0.5
    ratio = np.linalg.norm(large.flow, axis=-1).max((1, 2)) / np.linalg.norm(
        small.flow, axis=-1
    ).max((1, 2))
    np.testing.assert_allclose(ratio, 2, rtol=0.05)


def test_what_is_read_is_what_the_field_shows(clean):
    """Cut out as published images are: the same field as drawn directly."""
    pairs = draw(2, 0)
    left, top, right, bottom = (round(x * SIZE) for x in published.FRAME)
    true = np.stack(
        [
            cv2.resize(
                x[top:bottom, left:right], (28, 28), interpolation=cv2.INTER_AREA
            )
            for x in pairs.flow
        ]
    )
    got = published.motions(pairs.onset, pairs.apex)
    got, true = (x - np.median(x, (1, 2), keepdims=True) for x in (got, true))
    correlation = (got * true).sum() / np.sqrt((got**2).sum() * (true**2).sum())
    assert correlation > 0.9


def test_the_published_image_is_the_window_of_the_frame():
    """Its 28 columns and rows begin and end where the window does."""
    at = rendered_pairs._in_image(SIZE, published.FRAME)
    left, top, right, bottom = published.FRAME
    for axis, (start, stop) in enumerate(((left, right), (top, bottom))):
        inside = (at[:, axis] > -0.5) & (at[:, axis] < 27.5)
        share = (np.flatnonzero(inside)[[0, -1]] + [0, 1]) / SIZE
        np.testing.assert_allclose(share, [start, stop], atol=1.5 / SIZE)


def test_noise_light_and_head_are_there():
    pairs = draw(3, 0)
    still = np.linalg.norm(pairs.flow, axis=-1) < 1e-3
    change = pairs.apex.astype(float) - pairs.onset
    assert change[still].std() > 1.0


def test_seed_and_step_alone_say_what_is_drawn():
    one, same, other, seed = draw(4, 0), draw(4, 0), draw(4, 1), draw(5, 0)
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.onset, other.onset)
    assert not np.array_equal(one.onset, seed.onset)
    # One person a step: the onsets look alike, those of another do not.
    mean = one.onset.astype(float).mean(0)
    own = np.abs(one.onset - mean).mean()
    assert own < 0.7 * np.abs(other.onset - mean).mean()


def test_labels_are_those_of_the_mixture():
    pairs = [draw(6, i, 32) for i in range(4)]
    units = np.concatenate([p.units for p in pairs])
    expected = MIXTURE.shares @ (MIXTURE.sides.max(-1) > 0)
    often = np.array(MIXTURE.units)[expected > 0.15]
    seen = np.array(MIXTURE.units)[units.mean(0) > 0.05]
    assert set(often) <= set(seen)
    assert {-1, 1} <= set(np.unique(np.concatenate([p.sides for p in pairs])))
