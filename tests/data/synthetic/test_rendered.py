"""Synthetic faces: reproducible, and their true motion really is the motion."""

import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.data.synthetic import rendered
from selfme_jax.types import ClipDataset, UserError

STILL = {"noise": 0.0, "drift": 0.0}  # motion only
POSED = STILL | {"head_motion": 0.0}  # expression only


@pytest.fixture(scope="module")
def clean():
    """Eight noise-free clips of four people at the default size."""
    data = rendered.load(subjects=4, clips_per_subject=2, **STILL)
    return [data.clip(i) for i in range(len(data.samples))]


@pytest.fixture(scope="module")
def posed():
    """The same without head motion."""
    data = rendered.load(subjects=4, clips_per_subject=2, **POSED)
    return [data.clip(i) for i in range(len(data.samples))]


def same(first, second) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def sample(image: np.ndarray, flow: np.ndarray, *, order: int) -> np.ndarray:
    """image(p + flow(p)) by scipy, (x, y) flow in pixels."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]]
    at = [rows + flow[..., 1], columns + flow[..., 0]]
    planes = [
        ndimage.map_coordinates(image[..., c].astype(float), at, order=order)
        for c in range(image.shape[-1])
    ]
    return np.stack(planes, axis=-1)


def error(first, second) -> float:
    """Mean absolute difference inside a margin that no flow crosses."""
    return np.abs(first.astype(float) - second)[6:-6, 6:-6].mean()


def test_clip_layout():
    data = rendered.load(subjects=1, clips_per_subject=2, size=48, frames=9)
    assert isinstance(data, ClipDataset)
    clip = data.clip(1)
    assert clip.frames.shape == (9, 48, 48, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.flow.shape == (48, 48, 2)
    assert clip.flow.dtype == np.float32
    assert clip.landmarks.shape == (9, len(rendered.LANDMARKS), 2)
    assert clip.landmarks.dtype == np.float32
    assert 0 < clip.apex < 8
    assert [s[:3] for s in data.samples] == [
        ("synthetic", "p000", "c000"),
        ("synthetic", "p000", "c001"),
    ]


def test_a_clip_depends_on_seed_person_and_number_alone():
    options = {"size": 32, "frames": 5}
    many = rendered.load(subjects=3, clips_per_subject=3, **options)
    one = rendered.load(subjects=1, clips_per_subject=2, first_subject=2, **options)
    assert one.samples == many.samples[6:8]
    assert same(many.clip(7), one.clip(1))
    assert same(many.clip(7), many.clip(7))
    other = rendered.load(subjects=3, clips_per_subject=3, seed=1, **options)
    assert not same(many.clip(7), other.clip(7))
    hashes = {s.sha256 for s in (*many.samples, *other.samples)}
    assert len(hashes) == 18


def test_other_sizes_show_the_same_clip():
    small, large = (
        rendered.load(subjects=1, clips_per_subject=1, size=size, **STILL).clip(0)
        for size in (64, 128)
    )
    assert small.apex == large.apex
    halved = large.flow.reshape(64, 2, 64, 2, 2).mean((1, 3)) / 2
    np.testing.assert_allclose(small.flow, halved, atol=5e-3)
    np.testing.assert_allclose(
        small.landmarks, (large.landmarks + 0.5) / 2 - 0.5, atol=5e-3
    )
    pixels = large.frames[0].reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.corrcoef(pixels.ravel(), small.frames[0].ravel())[0, 1] > 0.98


def test_true_flow_takes_the_onset_to_the_apex(clean):
    """Backward, (x, y), in pixels: any other reading fits far worse."""
    for clip in clean:
        onset, apex, flow = clip.frames[0], clip.frames[clip.apex], clip.flow
        fit = error(sample(onset, flow, order=3), apex)
        # Both frames are rounded to integers: the mean difference of two roundings
        # is 1/3 of a grey level, of one rounding 1/4.
        assert fit < 0.35
        assert error(sample(onset, flow, order=1), apex) < 0.6
        wrong = {
            "no motion": 0 * flow,
            "forward": -flow,
            "(y, x)": flow[..., ::-1],
            "mirrored": flow * [-1, 1],
            "flipped": flow * [1, -1],
        }
        for name, other in wrong.items():
            assert error(sample(onset, other, order=3), apex) > 1.15 * fit, name
    fits = [
        error(sample(c.frames[0], c.flow, order=1), c.frames[c.apex]) for c in clean
    ]
    stills = [error(c.frames[0], c.frames[c.apex]) for c in clean]
    assert np.mean(fits) < 0.5 * np.mean(stills)


def test_landmarks_follow_the_flow(clean):
    """A point of the apex frame at p was at p + flow(p) in the onset frame."""
    for clip in clean:
        apex, onset = clip.landmarks[clip.apex], clip.landmarks[0]
        inside = (apex < 126).all(axis=1)
        at = apex[inside].T[::-1]
        flow = [ndimage.map_coordinates(clip.flow[..., c], at, order=3) for c in (0, 1)]
        np.testing.assert_allclose(
            apex[inside] + np.stack(flow, axis=1), onset[inside], atol=2e-3
        )


def test_landmarks_are_on_the_face(clean):
    """Eyes are darker and mouths redder than cheeks in the picture."""
    for clip in clean:
        points = dict(zip(rendered.LANDMARKS, clip.landmarks[0], strict=True))

        def colour(*names, clip=clip, points=points):
            x, y = np.mean([points[name] for name in names], axis=0).round().astype(int)
            patch = clip.frames[0, y - 1 : y + 2, x - 1 : x + 2].astype(float)
            return patch.mean((0, 1))

        for side in "lr":
            cheek = colour(f"cheek_{side}")
            eye = colour(f"lid_upper_{side}", f"lid_lower_{side}")
            assert eye[0] < 0.85 * cheek[0]
            mouth = colour("lip_upper", "lip_lower")
            assert mouth[1] / mouth[0] < cheek[1] / cheek[0]


@pytest.mark.parametrize(("size", "peak"), [(128, 2.0), (64, 1.0)])
def test_amplitude_is_the_peak_in_pixels(size, peak):
    data = rendered.load(
        subjects=3, clips_per_subject=2, size=size, amplitude=(2, 2), **POSED
    )
    for i in range(6):
        largest = np.linalg.norm(data.clip(i).flow, axis=-1).max()
        assert largest == pytest.approx(peak, rel=1e-4)


def test_amplitudes_span_their_range():
    data = rendered.load(subjects=20, clips_per_subject=3, size=32, frames=3, **POSED)
    peaks = [4 * np.linalg.norm(data.clip(i).flow, axis=-1).max() for i in range(60)]
    assert 0.5 <= min(peaks) < 0.7
    assert 2.2 < max(peaks) <= 3.0 + 1e-4


def test_apex_is_the_frame_of_largest_displacement(posed):
    for clip in posed:
        moved = np.linalg.norm(clip.landmarks - clip.landmarks[0], axis=-1).max(axis=1)
        assert moved.argmax() == clip.apex
        assert (np.diff(moved[: clip.apex + 1]) > 0).all()  # onset to apex: rise
        assert (np.diff(moved[clip.apex :]) < 0).all()  # apex to offset: decay
        assert moved[-1] < 0.5 * moved[clip.apex]
    assert len({clip.apex for clip in posed}) > 1


def test_expressions_are_nearly_symmetric(posed):
    left = [i for i, name in enumerate(rendered.LANDMARKS) if name.endswith("_l")]
    names = [rendered.LANDMARKS[i][:-2] for i in left]
    right = [rendered.LANDMARKS.index(f"{name}_r") for name in names]
    for clip in posed:
        moved = clip.landmarks[clip.apex] - clip.landmarks[0]
        mirrored = moved[right] * [-1, 1]
        largest = np.abs(moved).max()
        assert np.abs(moved[left] - mirrored).max() < 0.35 * largest
        assert np.abs(moved[left] - mirrored).max() > 1e-4 * largest  # not exactly


def test_head_motion_is_rigid_and_small():
    """With hardly any expression the landmarks move like one stiff body."""
    data = rendered.load(
        subjects=3, clips_per_subject=2, amplitude=(1e-3, 1e-3), head_motion=2, **STILL
    )
    for i in range(6):
        clip = data.clip(i)
        onset = clip.landmarks[0] - clip.landmarks[0].mean(0)
        for points in clip.landmarks[1:]:
            u, stretch, v = np.linalg.svd(onset.T @ (points - points.mean(0)))
            turned = onset @ u @ v
            assert np.abs(points - points.mean(0) - turned).max() < 5e-3
            assert stretch.sum() / (onset**2).sum() == pytest.approx(1, abs=1e-3)
        moved = np.linalg.norm(clip.landmarks - clip.landmarks[0], axis=-1).max()
        assert 0.2 < moved < 2 * 1.6  # the shift, and the turn at the rim


def test_noise_and_light(posed):
    """Without noise, drift and head motion the corners of the frame stand still."""
    for clip in posed:
        corner = clip.frames[:, :4, :4].astype(int)
        assert np.abs(corner - corner[0]).max() <= 1  # expressions fade, never end
    noisy = rendered.load(subjects=1, noise=3, head_motion=0, drift=0).clip(0)
    corner = noisy.frames[:, :24, :10].astype(float)
    assert np.diff(corner, axis=0).std() == pytest.approx(3 * np.sqrt(2), rel=0.05)
    lit = rendered.load(subjects=1, noise=0, head_motion=0, drift=0.1).clip(0)
    corner = lit.frames[:, :4, :4].astype(float).mean((1, 2, 3))
    change = np.abs(corner / corner[0] - 1).max()
    assert 0.01 < change < 0.31  # 0.1 for each of constant, x and y


def test_people_differ():
    data = rendered.load(subjects=6, clips_per_subject=2, size=48, **POSED)
    onsets = np.stack([data.clip(i).frames[0] for i in range(12)]).astype(float)
    distance = np.abs(onsets[:, None] - onsets[None]).mean((2, 3, 4))
    person = np.arange(12) // 2
    own = distance[person[:, None] == person[None]].max()
    others = distance[person[:, None] != person[None]].min()
    assert own < others
    shapes = np.stack([data.clip(2 * i).landmarks[0] for i in range(6)])
    assert np.std(shapes, axis=0).mean() > 0.5


def test_labels_are_unbalanced_and_not_everybody_shows_all():
    data = rendered.load(subjects=60, clips_per_subject=6)
    labels = np.array([s.label for s in data.samples])
    shares = np.bincount(labels, minlength=3) / len(labels)
    np.testing.assert_allclose(shares, [0.50, 0.28, 0.22], atol=0.06)
    kinds = [len(set(row)) for row in labels.reshape(60, 6)]
    assert min(kinds) < 3
    assert np.mean(kinds) > 2.2
    emotions = {s.emotion for s in data.samples}
    assert emotions == {"anger", "disgust", "sadness", "happiness", "surprise"}


def nearest_mean(features: np.ndarray, labels: np.ndarray, people: np.ndarray) -> float:
    """Unweighted recall of a nearest-class-mean rule, people left out in turn."""
    guesses = np.empty_like(labels)
    for person in set(people):
        train = people != person
        means = [features[train & (labels == c)].mean(0) for c in range(3)]
        test = features[~train]
        gaps = np.linalg.norm(test[:, None] - np.stack(means), axis=-1)
        guesses[~train] = gaps.argmin(1)
    return np.mean([(guesses[labels == c] == c).mean() for c in range(3)])


def test_motion_tells_the_class_and_looks_do_not():
    data = rendered.load(subjects=20, clips_per_subject=5, size=32, frames=5)
    clips = [data.clip(i) for i in range(100)]
    labels = np.array([s.label for s in data.samples])
    people = np.array([s.subject for s in data.samples])
    onset = np.stack([c.frames[0].reshape(8, 4, 8, 4, 3).mean((1, 3)) for c in clips])
    flow = np.stack([c.flow / np.abs(c.flow).max() for c in clips])
    assert nearest_mean(onset.reshape(100, -1), labels, people) < 0.48
    assert nearest_mean(flow.reshape(100, -1), labels, people) > 0.75


@pytest.mark.parametrize(
    "options",
    [
        {"subjects": 0},
        {"clips_per_subject": 0},
        {"size": 8},
        {"frames": 2},
        {"amplitude": (3.0, 0.5)},
        {"amplitude": (0.0, 1.0)},
        {"amplitude": (1.0, 50.0)},
        {"amplitude": (1.0,)},
        {"noise": -1.0},
        {"head_motion": -1.0},
        {"seed": -1},
        {"first_subject": -1},
    ],
)
def test_bad_options(options):
    with pytest.raises(UserError, match="synthetic faces need"):
        rendered.load(**options)
