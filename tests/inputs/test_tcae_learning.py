"""TCAE as a first stage: what it learns from, and what it hands on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.baselines.tcae import TCAE, Features
from selfme_jax.baselines.tcae_losses import Weights
from selfme_jax.evaluate import folds
from selfme_jax.inputs import device_clips as clips
from selfme_jax.inputs import learning as first_stage
from selfme_jax.inputs import tcae_learning as tcae
from selfme_jax.inputs.device_clips import DeviceClips as Frames
from selfme_jax.inputs.tcae_learning import TCAELearning
from selfme_jax.inputs.tcae_learning import TCAERecipe as Recipe
from selfme_jax.train import loop, optimizer, step
from selfme_jax.train.loop import Stage
from selfme_jax.types import Clip, Sample
from selfme_jax.workdir import open_workdir

SIDE, STEPS, SHIFT = 16, 60, 1.5
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def quick(function, *arguments):
    """Compiled for arguments of these shapes, fast."""
    return jax.jit(function).lower(*arguments).compile(QUICK)


class Clips:
    """Three people, two clips each: in the apex all has moved to the right."""

    samples = tuple(Sample("toy", f"s{i // 2}", f"c{i}", i % 2) for i in range(6))
    classes = ("x", "y")

    def clip(self, index):
        rng = np.random.default_rng(index)
        y, x = np.mgrid[:SIDE, :SIDE]
        waves, phase = rng.uniform(-0.5, 0.5, (6, 2)), rng.uniform(0, 6, (6, 3))
        frames = []
        for t in range(3):
            place = np.stack([x - SHIFT * t / 2, y], -1)
            image = np.cos((place @ waves.T)[..., None] + phase).mean(-2)
            frames.append(127.5 + 127.5 * image)
        return Clip(np.rint(frames).astype(np.uint8), apex=2)


def recipe():
    tune = {"warmup": 0.0, "decay": "cosine", "weight_decay": 0.0, "clip": 1.0}
    adam = functools.partial(optimizer.adamw, learning_rate=3e-3, **tune)
    return Recipe(STEPS, 4, adam, onset_apex=1.0, mirror=0.0)


def learning(reads="motion", network=None, size=SIDE):
    network = network or TCAE(SIDE, 16, 0.1)
    return TCAELearning(network, Weights(), recipe(), reads, size)


@pytest.fixture(scope="module")
def data():
    return clips.stack(Clips())


@pytest.fixture(scope="module")
def folds_of_people():
    """A run that holds out the person of each fold."""
    splits = folds.loso(Clips.samples)
    return first_stage.runs(len(Clips().samples), splits, (0,), scope="per_fold")[0]


@pytest.fixture(scope="module")
def train(data, folds_of_people):
    """(frames, fold, steps) -> state; compiled once."""
    task = learning().task(data.frames.shape)

    def pick(fold):
        return jax.tree.map(lambda x: jnp.asarray(x[fold]), folds_of_people)

    init = quick(functools.partial(step.init, task), pick(0))
    update = quick(functools.partial(step.update, task), init(pick(0)), pick(0), data)

    def run(frames, fold, steps):
        state = init(pick(fold))
        for _ in range(steps):
            state, metrics = update(state, pick(fold), data._replace(frames=frames))
        assert np.isfinite(metrics["loss"])
        return step.variables(task, state)

    return run


def test_a_short_training_reconstructs_better_than_no_motion(train, data):
    variables = train(data.frames, 0, STEPS)
    onset, apex = (clips.to_float(x) for x in clips.onset_apex(data))

    def reconstruct(variables, onset, apex):
        # Statistics of these very frames: running ones lag behind so few steps.
        mutable = {"train": True, "mutable": ["batch_stats"]}
        return learning().network.apply(variables, onset, apex, **mutable)[0].merged

    merged = quick(reconstruct, variables, onset, apex)(variables, onset, apex)
    still = np.abs(onset - apex).mean()
    assert np.abs(merged.image - apex).mean() < 0.7 * still
    # apex(p) = onset(p + flow(p)): what moves right is found to the left.
    u, v = np.asarray(merged.flow).mean((0, 1, 2)) * (SIDE - 1) / 2
    assert u == pytest.approx(-SHIFT, abs=0.6) and abs(v) < 0.4


def test_held_out_people_enter_nothing(train, data):
    changed = np.array(data.frames)
    changed[:2] = 255 - changed[:2]  # of the first person
    for fold in (0, 1):
        mine, theirs = (train(frames, fold, 2) for frames in (data.frames, changed))
        same = [
            np.array_equal(a, b)
            for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True)
        ]
        assert all(same) if fold == 0 else not any(same[:2])


class Known:
    """In place of the network: a flow linear in x and y, features of the mean."""

    size = 8
    gradient = 0.01, -0.02, 0.03, 0.005  # u_x, u_y, v_x, v_y in grid units

    def apply(self, variables, *frames, method):
        assert all(f.shape[1:] == (8, 8, 3) for f in frames)
        red = [f[..., 0].mean() for f in frames]
        if method == "encode":
            both = jnp.stack([frames[0][..., 0].mean((1, 2))] * 2, -1)
            return Features(-both, both + jnp.array([0.0, 5.0]))
        a, b, c, d = self.gradient
        y, x = jnp.meshgrid(*[jnp.linspace(-1, 1, 8)] * 2, indexing="ij")
        flow = jnp.stack([a * x + b * y + red[0], c * x + d * y + red[1]], -1)
        return flow[None]


@pytest.fixture(scope="module")
def numbered():
    """Two clips of 20 x 30; a frame's brightness is its number."""
    frames = np.zeros((2, 3, 20, 30, 3), np.uint8)
    frames[..., 0] = np.arange(6).reshape(2, 3, 1, 1)
    return Frames(*map(jnp.array, (frames, [1, 2], [3, 3])))


def test_motion_is_in_pixels_of_the_frame_with_its_strain(numbered):
    h, w, size = 20, 30, 10
    got = learning("motion", Known(), size).read({}, None, numbered)
    assert got.shape == (2, size, size, 3)
    a, b, c, d = Known.gradient
    rx, ry = (w - 1) / 2, (h - 1) / 2  # pixels in a unit of the grid
    x = ((np.arange(size) + 0.5) * w / size - 0.5) / rx - 1
    y = (((np.arange(size) + 0.5) * h / size - 0.5) / ry - 1)[:, None]
    inner = (slice(1, -1), slice(1, -1))
    for i, (onset, apex) in enumerate(((0, 1), (3, 5))):
        u = rx * (a * x + b * y + onset / 255)
        v = ry * (c * x + d * y + apex / 255)
        np.testing.assert_allclose(got[i, ..., 0][inner], u[inner], atol=1e-3)
        np.testing.assert_allclose(got[i, ..., 1][inner], v[inner], atol=1e-3)
    shear = b * rx / ry + c * ry / rx
    strain = np.sqrt(a**2 + d**2 + shear**2 / 2)
    np.testing.assert_allclose(got[..., 2][:, 1:-1, 1:-1], strain, rtol=1e-2)


def test_features_are_of_the_expression_in_onset_and_apex(numbered):
    got = learning("features", Known()).read({}, None, numbered)
    assert got.shape == (2, 1, 1, 4)
    for i, (onset, apex) in enumerate(((0, 1), (3, 5))):
        expected = np.array([onset, onset, apex, apex]) / 255 + np.array([0, 5, 0, 5])
        np.testing.assert_allclose(got[i, 0, 0], expected, atol=1e-5)


def test_a_classifier_reads_the_change_of_the_features():
    features = np.arange(12.0).reshape(1, 2, 1, 1, 6)
    np.testing.assert_array_equal(tcae.change(features), np.full((1, 2, 1, 1, 3), 3))


def test_the_engine_is_given_folds_and_a_place_to_keep(monkeypatch, tmp_path):
    seen = {}

    def fit(task, runs, data, finish, stage, names, *, kept):
        seen[finish.__self__.reads] = kept({"a": np.zeros(1)})
        assert task.steps == STEPS and len(names) == len(runs.seed) == 3
        return "what was read"

    monkeypatch.setattr(loop, "fit", fit)
    splits = folds.loso(Clips.samples)
    stage = Stage("motion", open_workdir(tmp_path), None)
    for reads in ("motion", "features"):
        made = learning(reads)
        assert made.fit_transform(Clips(), splits, (0,), stage) == "what was read"
    assert seen["motion"].parent == tmp_path / "flow"
    assert seen["motion"] != seen["features"]
