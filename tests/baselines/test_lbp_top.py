"""LBP-TOP against loops over pixels, scikit-image, and cases done by hand."""

import math

import numpy as np
import pytest
import scipy.linalg
from skimage.feature import local_binary_pattern

from selfme_jax.baselines import lbp_top
from selfme_jax.types import UserError

RADII = (2, 1, 3)  # x, y, t: unlike each other


def clip(shape=(9, 11, 13), seed=0, levels=256):
    return np.random.default_rng(seed).integers(0, levels, shape, dtype=np.uint8)


def bilinear(plane, a, b):
    """Value of plane[a][b] at two real positions."""
    i, j = math.floor(a + 1e-9), math.floor(b + 1e-9)
    s, r = a - i, b - j
    total = 0.0
    for di, wi in ((0, 1 - s), (1, s)):
        for dj, wj in ((0, 1 - r), (1, r)):
            if wi * wj > 1e-9:  # no corner outside the image for whole positions
                total += wi * wj * float(plane[i + di][j + dj])
    return total


def code(frames, t, y, x, plane, radii):
    """The code of a pixel, as the docstring of the module defines it."""
    rx, ry, rt = radii
    bits = 0
    for p in range(8):
        c, s = math.cos(math.pi * p / 4), math.sin(math.pi * p / 4)
        near = {
            "XY": lambda c, s: bilinear(frames[t], y - ry * s, x + rx * c),
            "XT": lambda c, s: bilinear(frames[:, y], t + rt * s, x + rx * c),
            "YT": lambda c, s: bilinear(frames[:, :, x], t + rt * c, y - ry * s),
        }[plane](c, s)
        bits += (near > float(frames[t, y, x]) - 5e-6) << p
    return bits


def bin_of(bits):
    ring = [(bits >> p) & 1 for p in range(8)]
    return None if sum(ring[p] != ring[p - 1] for p in range(8)) > 2 else bits


def oracle(frames, blocks, radii):
    """Descriptor by loops, the bins looked up in a list of the uniform codes."""
    rx, ry, rt = radii
    listed = [b for b in range(256) if bin_of(b) is not None]
    assert len(listed) == 58
    t, h, w = frames.shape
    values = []
    for row in range(blocks[0]):
        for column in range(blocks[1]):
            for plane in ("XY", "XT", "YT"):
                counts = [0] * 59
                for y in range(ry, h - ry):
                    for x in range(rx, w - rx):
                        r = (y - ry) * blocks[0] // (h - 2 * ry)
                        c = (x - rx) * blocks[1] // (w - 2 * rx)
                        if (r, c) != (row, column):
                            continue
                        for k in range(rt, t - rt):
                            bits = code(frames, k, y, x, plane, radii)
                            found = bin_of(bits)
                            place = 58 if found is None else listed.index(found)
                            counts[place] += 1
                values += [n / sum(counts) for n in counts]
    return np.array(values)


@pytest.mark.parametrize(
    ("shape", "blocks", "radii", "levels"),
    [
        ((9, 11, 13), (2, 3), RADII, 256),
        ((4, 8, 7), (3, 2), (1, 1, 1), 5),  # many equal neighbours
        ((9, 5, 6), (1, 1), (1, 2, 4), 256),
    ],
)
def test_loops_over_pixels(shape, blocks, radii, levels):
    frames = clip(shape, levels=levels)
    got = lbp_top.describe(frames, blocks=blocks, radii=radii)
    assert got.dtype == np.float32 and got.shape == (blocks[0] * blocks[1] * 177,)
    np.testing.assert_allclose(got, oracle(frames, blocks, radii), atol=1e-7)
    np.testing.assert_allclose(got.reshape(-1, 59).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_plane_xy_is_scikit_images(radius):
    """Its labels stand in another order: one for each of our bins."""
    frames = clip((3, 40, 40), seed=radius)
    ours = lbp_top.uniform()[lbp_top.codes(frames, radii=(radius, radius, 1))[0, 0]]
    theirs = local_binary_pattern(frames[1], 8, radius, method="nri_uniform")
    inner = slice(radius, -radius)
    pairs = set(zip(ours.ravel(), theirs[inner, inner].ravel(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) > 40
    assert (58, 58.0) in pairs  # what is not uniform


def test_a_flat_clip_has_one_code():
    got = lbp_top.describe(
        np.full((9, 20, 20), 77, np.uint8), blocks=(5, 5), radii=(1, 1, 4)
    )
    assert got.shape == (4425,)
    expected = np.zeros((75, 59), np.float32)
    expected[:, 57] = 1  # 255, the last uniform code
    np.testing.assert_array_equal(got.reshape(75, 59), expected)


@pytest.mark.parametrize(
    ("slope", "codes"),
    [
        # Brightness 10 x + 10 y: of the diagonal neighbours two lie exactly level.
        ((0, 10, 10), (0b11100011, 0b11000111, 0b11110001)),
        # Brightness 10 (x - 2 t) moves in x by two pixels a frame.
        ((-20, 0, 10), (0b11000111, 0b11100001, 0b01111100)),
        # Nothing moves, brightness grows with y.
        ((0, 10, 0), (0b11110001, 0b11111111, 0b11110001)),
    ],
)
def test_ramps_by_hand(slope, codes):
    grid = np.indices((5, 6, 7)).transpose(1, 2, 3, 0)
    frames = (100 + grid @ np.array(slope)).astype(np.uint8)
    found = lbp_top.codes(frames, radii=(1, 1, 1))
    assert [set(plane.ravel()) for plane in found] == [{c} for c in codes]


def test_grey_levels_matter_by_their_order_alone():
    """Where neighbours are pixels: bits 0, 2, 4 and 6. A shift leaves all bits."""
    frames = clip(levels=200)
    table = np.sort(np.random.default_rng(1).permutation(256)[:200]).astype(np.uint8)
    whole = np.uint8(0b01010101)
    before, after = (lbp_top.codes(f, radii=RADII) for f in (frames, table[frames]))
    np.testing.assert_array_equal(before & whole, after & whole)
    assert (before != after).any()
    np.testing.assert_array_equal(lbp_top.codes(frames + 50, radii=RADII), before)


def test_a_block_is_told_by_its_own_pixels():
    frames = np.full((5, 14, 22), 90, np.uint8)
    frames[:, 6:8, 17:19] = clip((5, 2, 2))  # seen by rows 5..8 and columns 16..19
    got = lbp_top.describe(frames, blocks=(3, 4), radii=(1, 1, 1)).reshape(12, 177)
    flat = (got[:, [57, 116, 175]] == 1).all(1)
    assert flat.tolist() == [i != 7 for i in range(12)]


@pytest.mark.parametrize("shape", [(8, 7, 7), (9, 6, 7), (9, 7, 6)])
def test_the_smallest_clip(shape):
    assert lbp_top.describe(clip((9, 7, 7)), blocks=(5, 5), radii=(1, 1, 4)).any()
    with pytest.raises(UserError, match=r"9 frames of 7x7; here is one of"):
        lbp_top.describe(clip(shape), blocks=(5, 5), radii=(1, 1, 4))


@pytest.mark.parametrize(("blocks", "radii"), [((0, 5), RADII), ((5, 5), (1, 0, 1))])
def test_settings_below_one(blocks, radii):
    with pytest.raises(UserError, match="all at least 1"):
        lbp_top.describe(clip(), blocks=blocks, radii=radii)


def published_tim(frames, count):
    """Zhou et al. 2011, step by step: [t, pixels] -> [count, pixels]."""
    n = len(frames)
    mean = frames.mean(0)
    u, s, vt = np.linalg.svd((frames - mean).T, full_matrices=False)
    y = (s[:, None] * vt)[: n - 1]  # [n - 1, n]
    path = np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    laplacian = np.diag(path.sum(0)) - path
    _, vectors = scipy.linalg.eigh(y @ laplacian @ y.T, y @ y.T)
    k = np.arange(1, n)
    m = y[:, 0] @ vectors / np.sin(np.pi * k / n + np.pi * (n - k) / (2 * n))
    made = []
    for at in np.linspace(1 / n, 1, count):
        curve = m * np.sin(np.pi * k * at + np.pi * (n - k) / (2 * n))
        made.append(u[:, : n - 1] @ np.linalg.solve(vectors.T, curve) + mean)
    return np.array(made)


@pytest.mark.parametrize(("frames", "count"), [(7, 12), (12, 5), (2, 9)])
def test_time_is_normalised_as_published(frames, count):
    made = 60 + clip((frames, 5, 4), seed=frames) // 2
    got = lbp_top.time_normalise(made, frames=count)
    assert got.shape == (count, 5, 4) and got.dtype == np.uint8
    expected = published_tim(made.reshape(frames, -1).astype(float), count)
    assert abs(got.reshape(count, -1) - np.clip(expected, 0, 255)).max() < 0.5 + 1e-6
    np.testing.assert_array_equal(got[[0, -1]], made[[0, -1]])


def test_time_of_one_frame_or_of_as_many():
    made = clip((6, 5, 4))
    np.testing.assert_array_equal(lbp_top.time_normalise(made, frames=6), made)
    still = lbp_top.time_normalise(made[:1], frames=9)
    np.testing.assert_array_equal(still, np.repeat(made[:1], 9, axis=0))
