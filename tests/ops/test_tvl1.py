"""TV-L1 against OpenCV's, a float64 twin from the equations, and known motion."""

import cv2
import jax
import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.ops import filters, flow

SHAPE = (70, 56)  # four scales; one shape for all tests: compiling takes longest


def texture(rng, shape):
    """Smooth grey noise in 0..1, [h, w]."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    return (noise - noise.min()) / np.ptp(noise)


@pytest.fixture(scope="module")
def faces():
    """(onset, apex) [2, h, w, 3] uint8 and true flow of two people."""
    data = synthetic.load(subjects=2, clips_per_subject=1, size=80, amplitude=(3, 4))
    rows, columns = slice(4, 4 + SHAPE[0]), slice(12, 12 + SHAPE[1])
    clips = [data.clip(i) for i in range(2)]
    cut = [
        [x[rows, columns] for x in (c.frames[0], c.frames[c.apex], c.flow)]
        for c in clips
    ]
    return tuple(np.stack(x) for x in zip(*cut, strict=True))


@pytest.fixture(scope="module")
def shifted():
    """A texture and the same moved by (1.3, -0.7) pixels: frame0(p) = frame1(p + u)."""
    big = texture(np.random.default_rng(1), (90, 80))
    y, x = np.mgrid[10 : 10 + SHAPE[0], 10 : 10 + SHAPE[1]].astype(float)
    frame1 = big[10 : 10 + SHAPE[0], 10 : 10 + SHAPE[1]]
    frame0 = ndimage.map_coordinates(big, [y - 0.7, x + 1.3], order=3)
    return [np.repeat(z[..., None], 3, axis=-1) for z in (frame0, frame1)]


@pytest.fixture(scope="module")
def found(faces, shifted):
    """Frames of a batch (two faces, the shift, equal frames) and their flow."""
    onset, apex, _ = faces
    still = onset[0] / 255
    frame0 = np.stack([*(apex / 255), shifted[0], still]).astype(np.float32)
    frame1 = np.stack([*(onset / 255), shifted[1], still]).astype(np.float32)
    return frame0, frame1, np.asarray(flow.tvl1(frame0, frame1))


def test_close_to_opencv_and_no_worse(found, faces):
    onset, apex, truth = faces
    for i in range(2):
        grey = (cv2.cvtColor(x[i], cv2.COLOR_RGB2GRAY) for x in (apex, onset))
        theirs = cv2.optflow.DualTVL1OpticalFlow_create().calc(*grey, None)
        ours = found[2][i]
        assert np.linalg.norm(ours - theirs, axis=-1).mean() < 0.1
        assert np.linalg.norm(ours, axis=-1).max() > 0.8  # it does move
        errors = [np.linalg.norm(x - truth[i], axis=-1).mean() for x in (ours, theirs)]
        assert errors[0] < errors[1] + 0.01


def test_translation(found):
    inner = found[2][2][8:-8, 8:-8]
    assert np.linalg.norm(inner - [1.3, -0.7], axis=-1).mean() < 0.05


def test_equal_frames_do_not_move(found):
    assert (found[2][3] == 0).all()


def test_pairs_do_not_depend_on_their_companions(found):
    frame0, frame1, whole = found
    order = [2, 0, 0, 2]
    again = np.asarray(flow.tvl1(frame0[order], frame1[order]))
    np.testing.assert_allclose(again, whole[order], atol=1e-3)


def test_median_is_that_of_opencv():
    image = np.random.default_rng(2).normal(size=(2, 13, 9)).astype(np.float32)
    got = np.asarray(jax.jit(filters.median)(image))
    for ours, frame in zip(got, image, strict=True):
        np.testing.assert_array_equal(ours, cv2.medianBlur(frame, 5))


def twin(frame0, frame1):
    """One scale of the IPOL form in float64: [h, w] in 0..1 -> [h, w, 2]."""
    tau, attachment, theta, epsilon = 0.25, 0.15, 0.3, 0.01
    low, high = min(frame0.min(), frame1.min()), max(frame0.max(), frame1.max())
    i0, i1 = (
        ndimage.gaussian_filter(
            255 * (x - low) / (high - low), 0.8, mode="reflect", radius=5
        )
        for x in (frame0, frame1)
    )
    h, w = i0.shape
    y, x = np.mgrid[:h, :w]
    padded = np.pad(i1, 1, mode="edge")
    gradients = (
        (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2,
        (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2,
    )

    def keys(d):
        d, a = abs(d), -0.75
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    def sample(image, u):
        px, py = x + u[..., 0], y + u[..., 1]
        total = np.zeros((h, w))
        for i in range(-1, 3):
            for j in range(-1, 3):
                r, c = np.floor(py).astype(int) + i, np.floor(px).astype(int) + j
                weight = keys(py - r) * keys(px - c)
                total += weight * image[r.clip(0, h - 1), c.clip(0, w - 1)]
        return total

    def forward(f):
        fx, fy = np.zeros((h, w)), np.zeros((h, w))
        fx[:, :-1], fy[:-1] = np.diff(f, axis=1), np.diff(f, axis=0)
        return np.stack([fx, fy], axis=-1)

    u, p = np.zeros((h, w, 2)), np.zeros((2, h, w, 2))
    for _ in range(5):
        g = np.stack([sample(z, u) for z in gradients], axis=-1)
        constant = sample(i1, u) - (g * u).sum(-1) - i0
        square = (g * g).sum(-1)
        for _ in range(300):
            rho = constant + (g * u).sum(-1)
            small = abs(rho) <= attachment * theta * square
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where(
                    small, -rho / square, -np.sign(rho) * attachment * theta
                )
            step[square < 1e-10] = 0
            v = u + step[..., None] * g
            new = v.copy()
            for k in range(2):
                before = np.pad(p[k], ((1, 0), (1, 0), (0, 0)))
                div = p[k][..., 0] - before[1:, :-1, 0] + p[k][..., 1]
                div -= before[:-1, 1:, 1]
                new[..., k] += theta * div
                slope = forward(new[..., k])
                length = np.linalg.norm(slope, axis=-1, keepdims=True)
                p[k] = (p[k] + tau / theta * slope) / (1 + tau / theta * length)
            change = ((new - u) ** 2).sum() / (h * w)
            u = new
            if change <= epsilon**2:
                break
    return u


def test_one_scale_equals_a_float64_twin():
    rng = np.random.default_rng(4)
    frame1 = texture(rng, (30, 24))
    y, x = np.mgrid[:30, :24].astype(float)
    frame0 = ndimage.map_coordinates(
        frame1, [y + 0.6 * np.sin(x / 5), x - 0.8], order=3, mode="nearest"
    )
    got = flow.tvl1(
        *(z[..., None].astype(np.float32) for z in (frame0, frame1)), preset="ipol"
    )
    expected = twin(frame0, frame1)
    assert np.linalg.norm(expected, axis=-1).mean() > 0.5
    np.testing.assert_allclose(got, expected, atol=0.01)


def test_lowers_for_tpu():
    frame = jax.ShapeDtypeStruct((1, 20, 18, 1), np.float32)
    lowered = jax.export.export(jax.jit(flow.tvl1), platforms=["tpu"])(frame, frame)
    assert lowered.platforms == ("tpu",)


@pytest.mark.parametrize(
    "frames, options, error, match",
    [
        ((np.ones((9, 9, 3), np.uint8),) * 2, {}, TypeError, "float"),
        ((np.ones((9, 9)),) * 2, {}, ValueError, "1 or 3"),
        ((np.ones((9, 9, 1)), np.ones((9, 8, 1))), {}, ValueError, "1 or 3"),
        ((np.ones((9, 9, 1)),) * 2, {"preset": "best"}, ValueError, "opencv, ipol"),
    ],
)
def test_what_is_refused(frames, options, error, match):
    with pytest.raises(error, match=match):
        flow.tvl1(*frames, **options)
