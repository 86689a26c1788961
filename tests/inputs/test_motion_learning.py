"""Pairs of frames that motion is learned from, and the flow read in the end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.inputs import device_clips as clips
from selfme_jax.inputs import motion_learning as selfme
from selfme_jax.inputs.device_clips import DeviceClips as Frames
from selfme_jax.inputs.motion_learning import MotionLearning
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run
from selfme_jax.types import Clip, Sample, Split
from selfme_jax.workdir import open_workdir

LENGTHS = (3, 5, 4, 6)
APEXES = (1, 3, 2, 2)
SIZE = 3000


class Clips:
    """A dataset of clips; red is 20 * clip + frame, and left is not right."""

    samples = tuple(Sample("toy", f"s{i}", "c", 0) for i in range(4))
    classes = ("x",)

    def clip(self, index):
        frames = np.zeros((LENGTHS[index], 2, 3, 3), np.uint8)
        frames[..., 0] = 20 * index + np.arange(LENGTHS[index])[:, None, None]
        frames[..., 2] = np.array([200, 100, 50])
        return Clip(frames, APEXES[index])


@pytest.fixture(scope="module")
def frames():
    return clips.stack(Clips())


def test_stack_pads_short_clips_by_their_last_frame(frames):
    assert frames.frames.shape == (4, 6, 2, 3, 3) and frames.frames.dtype == np.uint8
    for i, length in enumerate(LENGTHS):
        shown = 20 * i + np.minimum(np.arange(6), length - 1)
        np.testing.assert_array_equal(frames.frames[i, :, 0, 0, 0], shown)
    assert frames.apex.tolist() == list(APEXES)
    assert frames.length.tolist() == list(LENGTHS)


@jax.jit
def jitted(key, data, run, onset_apex, mirror):
    options = {"size": SIZE, "onset_apex": onset_apex, "mirror": mirror}
    return clips.draw_pairs(key, data, run, **options)


def draw(frames, *, onset_apex=0.5, mirror=0.0):
    # Padding is never drawn: make it visible.
    padded = np.array(frames.frames)
    for i, length in enumerate(LENGTHS):
        padded[i, length:] = 255
    unused = jnp.array(0)
    run = Run(unused, unused, unused, jnp.array([1.0, 1.0, 0.0, 2.0]), unused)
    data = Frames(*map(jnp.array, (padded, *frames[1:])))
    pair = jitted(jax.random.key(0), data, run, onset_apex, mirror)
    return [np.asarray(image) for image in pair]


def identify(image):
    """(clip, frame) of each image."""
    return np.divmod(np.rint(image[:, 0, 0, 0] * 255).astype(int), 20)


def test_pairs_are_of_training_clips_as_they_weigh(frames):
    source, driving = draw(frames)
    assert source.shape == driving.shape == (SIZE, 2, 3, 3)
    assert source.dtype == np.float32 and 0 <= source.min() <= source.max() <= 1
    clip, _ = identify(source)
    np.testing.assert_array_equal(clip, identify(driving)[0])
    share = np.array([0.25, 0.25, 0, 0.5])
    counts = np.bincount(clip, minlength=4)
    assert counts[2] == 0  # held out
    assert (abs(counts - SIZE * share) <= 4 * np.sqrt(SIZE * share)).all()


def test_only_onset_to_apex(frames):
    source, driving = draw(frames, onset_apex=1.0)
    clip, first = identify(source)
    assert not first.any()
    np.testing.assert_array_equal(identify(driving)[1], np.array(APEXES)[clip])


def test_other_pairs_start_at_the_onset_or_end_at_the_apex(frames):
    source, driving = draw(frames, onset_apex=0.0)
    (clip, first), (_, last) = identify(source), identify(driving)
    to_apex = last == np.array(APEXES)[clip]
    assert (to_apex | (first == 0)).all()
    # The free frame is any of the clip, each as often as the others.
    for i in (0, 1, 3):
        for free in (first[(clip == i) & to_apex], last[(clip == i) & (first == 0)]):
            assert set(free) == set(range(LENGTHS[i]))
    only_onset = (first == 0) & ~to_apex
    only_apex = (first != 0) & to_apex
    assert abs(only_onset.mean() - only_apex.mean()) < 0.06
    expected = np.mean([1 - 1 / LENGTHS[i] for i in (0, 1, 3, 3)]) / 2
    assert only_apex.mean() == pytest.approx(expected, abs=0.04)


def test_the_share_of_onset_apex_pairs(frames):
    source, driving = draw(frames, onset_apex=0.6)
    (clip, first), (_, last) = identify(source), identify(driving)
    annotated = (first == 0) & (last == np.array(APEXES)[clip])
    by_chance = np.mean([1 / LENGTHS[i] for i in (0, 1, 3, 3)])
    assert annotated.mean() == pytest.approx(0.6 + 0.4 * by_chance, abs=0.04)


def test_both_frames_of_a_pair_are_mirrored_or_neither(frames):
    source, driving = draw(frames, mirror=0.3)
    plain = draw(frames, mirror=0.0)
    flipped = source[:, 0, 0, 2] < source[:, 0, 2, 2]
    assert flipped.mean() == pytest.approx(0.3, abs=0.04)
    for image, usual in zip((source, driving), plain, strict=True):
        np.testing.assert_array_equal(image[~flipped], usual[~flipped])
        np.testing.assert_array_equal(image[flipped], usual[flipped][:, :, ::-1])


def test_the_weights_of_the_perceptual_loss_are_data(monkeypatch, tmp_path):
    """Of the program, and constants: neither traced into it nor trained."""
    seen = {}

    def fit(task, runs, data, finish, stage, names, *, kept):
        run = jax.tree.map(lambda x: jnp.asarray(x)[0], runs)
        batch = task.batch(jax.random.key(0), jax.tree.map(jnp.asarray, data), run)
        task.loss({}, None, batch, 0)

    def loss(*arrays, vgg, **options):
        seen.update(vgg=vgg)
        return 0.0, {}

    monkeypatch.setattr(selfme.loop, "fit", fit)
    monkeypatch.setattr(selfme.motion_objective, "loss", loss)
    vgg = (((np.arange(3.0, dtype=np.float32), np.zeros(2, np.float32)),),)
    recipe = selfme.MotionRecipe(2, 2, lambda steps: None, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0)
    learning = MotionLearning(None, None, recipe, 8, vgg=vgg)
    splits = [Split(0, "toy/s0", np.array([1, 2, 3]), np.array([0]))]
    learning.fit_transform(
        Clips(), splits, (0,), Stage("motion", open_workdir(tmp_path), None)
    )
    jax.tree.map(np.testing.assert_array_equal, seen["vgg"], vgg)


def test_read_gives_flow_in_pixels_and_its_strain(frames, monkeypatch):
    """A flow known in closed form, linear in x and y: its strain is constant."""
    h, w, size = 40, 56, 8
    a, b, c, d = 0.03, -0.02, 0.05, 0.01

    def extract(network, variables, source, driving):
        assert source.shape == driving.shape == (1, 2, 3, 3)
        y, x = jnp.mgrid[:h, :w].astype(jnp.float32)
        # The brightness of the frames says which ones were read.
        base = 255 * driving[0, 0, 0, 0], 255 * source[0, 0, 0, 0]
        flow = jnp.stack([a * x + b * y + base[0], c * x + d * y + base[1]], -1)
        return flow[None]

    monkeypatch.setattr(selfme.motion_network, "extract", extract)
    learning = MotionLearning(None, None, None, size)
    got = np.asarray(learning.read({}, None, Frames(*map(jnp.array, frames))))
    assert got.shape == (4, size, size, 3)
    strain = np.sqrt(a**2 + d**2 + (b + c) ** 2 / 2)
    # Pixel centres of the small image, in pixels of the frame.
    x = (np.arange(size) + 0.5) * w / size - 0.5
    y = (np.arange(size) + 0.5)[:, None] * h / size - 0.5
    inner = (slice(1, -1), slice(1, -1))
    for i in range(4):
        u = a * x + b * y + 20 * i + APEXES[i]
        v = c * x + d * y + 20 * i
        np.testing.assert_allclose(got[i, ..., 0][inner], u[inner], atol=1e-3)
        np.testing.assert_allclose(got[i, ..., 1][inner], v[inner], atol=1e-3)
        np.testing.assert_allclose(got[i, ..., 2][inner], strain, rtol=1e-3)
