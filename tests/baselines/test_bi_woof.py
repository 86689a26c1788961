"""Bi-WOOF against a loop over blocks and pixels, and cases done by hand."""

import math

import numpy as np
import pytest

from selfme_jax.baselines import bi_woof
from selfme_jax.types import UserError


def flow(shape, seed=0):
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(*shape, 3)) * (1.0, 3.0, 0.2) + (0.5, 0, 0)
    made[..., 2] = abs(made[..., 2])
    return made.astype(np.float32)


def spans(size, blocks):
    """First and last index of each block, as the authors' script counts: from 1."""
    step = size // blocks
    for k in range(1, blocks + 1):
        first = 1 if k == 1 else (k - 1) * step
        yield first, size if k == blocks else k * step + 1


def oracle(image, blocks=(5, 5)):
    h, w, _ = image.shape
    values = []
    for top, bottom in spans(h, blocks[0]):
        for left, right in spans(w, blocks[1]):
            bins, weight = [0.0] * 8, 0.0
            for y in range(top, bottom + 1):
                for x in range(left, right + 1):
                    u, v, strain = (float(c) for c in image[y - 1, x - 1])
                    angle = math.degrees(math.atan2(v, u))
                    place = max(k for k in range(8) if angle >= -180 + 45 * k)
                    bins[place] += math.sqrt(u * u + v * v)
                    weight += strain
            total = sum(bins)
            values += [b / total * weight if total else 0.0 for b in bins]
    norm = math.sqrt(sum(v * v for v in values))
    return np.array(values) / (norm or 1)


def describe(image, blocks=(5, 5)):
    return bi_woof.describe(image, blocks=blocks)


@pytest.mark.parametrize("shape", [(28, 28), (5, 5), (6, 11), (9, 14), (64, 33)])
def test_loops_over_blocks(shape):
    image = flow(shape)
    got = describe(image)
    assert got.shape == (200,) and got.dtype == np.float32
    np.testing.assert_allclose(got, oracle(image), atol=1e-6)
    assert np.linalg.norm(got) == pytest.approx(1, rel=1e-6)


def test_other_blocks():
    image = flow((17, 12))
    got = describe(image, (4, 2))
    np.testing.assert_allclose(got, oracle(image, (4, 2)), atol=1e-6)
    one = describe(image, (1, 1))  # all pixels
    weights = np.hypot(image[..., 0], image[..., 1])
    angles = np.degrees(np.arctan2(image[..., 1], image[..., 0]))
    counts, _ = np.histogram(angles, np.arange(-180, 181, 45), weights=weights)
    np.testing.assert_allclose(one, counts / np.linalg.norm(counts), rtol=1e-5)


def test_leading_axes():
    images = flow((2, 3, 12, 13))
    got = describe(images)
    assert got.shape == (2, 3, 200)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(got[i, j], describe(images[i, j]), atol=1e-7)


@pytest.mark.parametrize("scale", [2.0, 0.037, 1e4])
def test_amplification_changes_nothing(scale):
    image = flow((28, 28))
    for factor in ((scale, scale, scale), (scale, scale, 1), (1, 1, scale)):
        got = describe((image * factor).astype(np.float32))
        np.testing.assert_allclose(got, describe(image), atol=1e-6)


def test_backward_flow_is_forward_flow_in_other_places():
    image = flow((28, 28))
    turned = describe(image * np.float32([-1, -1, 1])).reshape(25, 8)
    np.testing.assert_allclose(np.roll(turned, 4, axis=1).ravel(), describe(image))


@pytest.mark.parametrize("degrees", [-170, -100, -50, -10, 10, 50, 100, 170])
def test_flow_of_one_direction_fills_one_bin(degrees):
    angle = math.radians(degrees)
    image = flow((10, 10))
    length = np.hypot(image[..., 0], image[..., 1])
    image[..., 0], image[..., 1] = length * math.cos(angle), length * math.sin(angle)
    got = describe(image).reshape(25, 8)
    place = (degrees + 180) // 45
    assert not np.delete(got, place, axis=1).any()
    # What is left is the strain of a block, however long its flow is.
    strain = image[..., 2]
    rows = [slice(0, 3), slice(1, 5), slice(3, 7), slice(5, 9), slice(7, 10)]
    weights = np.array([strain[r, c].sum() for r in rows for c in rows])
    np.testing.assert_allclose(got[:, place], weights / np.linalg.norm(weights), 1e-5)


def test_the_borders_of_bins():
    u = np.array([-1.0, -1, -1, 0, 1, 1, 1, 0, -1])
    v = np.array([0.0, -0.0, -1, -1, -1, 0, 1, 1, 1])
    for length in (1, 0.1, 3.7):
        found = [
            describe(
                np.tile(np.float32([a, b, 1]) * length, (5, 5, 1)), (1, 1)
            ).argmax()
            for a, b in zip(u, v, strict=True)
        ]
        assert found == [7, 7, 1, 2, 3, 4, 5, 6, 7]


def test_nothing_moves_somewhere_or_anywhere():
    image = flow((25, 25))
    image[:7, :7, :2] = 0  # the first block and what it shares
    got = describe(image)
    assert np.isfinite(got).all() and not got[:8].any() and got[8:].any()
    np.testing.assert_allclose(got, oracle(image), atol=1e-6)
    for channels in (slice(0, 2), slice(2, 3), slice(0, 3)):
        still = flow((25, 25))
        still[..., channels] = 0
        np.testing.assert_array_equal(describe(still), 0)


@pytest.mark.parametrize("shape", [(4, 28), (28, 4)])
def test_too_few_pixels(shape):
    with pytest.raises(UserError, match=r"cannot be cut into 5x5 blocks.*\n?.*size"):
        describe(flow(shape))
