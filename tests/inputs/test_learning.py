"""The runs of a scope, and the names of files that keep what was read."""

from pathlib import Path

import numpy as np
import pytest

from selfme_jax.evaluate import folds
from selfme_jax.inputs import learning as first_stage
from selfme_jax.inputs.device_clips import DeviceClips as Frames
from selfme_jax.types import Sample


class Dataset:
    samples = tuple(Sample("toy", s, f"c{i}", i % 2) for i, s in enumerate("aabcc"))
    classes = ("x", "y")


SPLITS = folds.loso(Dataset.samples)

SAMPLES = len(Dataset().samples)


def test_a_run_per_fold_draws_its_training_subjects_evenly():
    runs, names = first_stage.runs(
        len(Dataset().samples), SPLITS, (7,), scope="per_fold"
    )
    assert names == [f"seed 7 fold toy/{s}" for s in "abc"]
    for weights, person in zip(runs.weights, "abc", strict=True):
        held_out = np.array([s.subject == person for s in Dataset.samples])
        assert not weights[held_out].any()
        assert (weights[~held_out] == 1).all()
    assert runs.seed.tolist() == [7] * 3 and not runs.source.any()


def test_one_run_of_all_subjects():
    runs, names = first_stage.runs(
        len(Dataset().samples), SPLITS, (7,), scope="all_subjects"
    )
    assert names == ["seed 7 all subjects"]
    np.testing.assert_array_equal(runs.weights, np.ones((1, 5)))
    assert runs.fold.tolist() == [-1]  # no fold has its randomness


def test_other_scopes_are_refused():
    with pytest.raises(ValueError, match="'pretrained': know per_fold, all_subjects"):
        first_stage.runs(SAMPLES, SPLITS, (7,), scope="pretrained")


def test_a_file_is_named_by_all_that_its_content_depends_on():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (2, 4, 3, 3, 3)).astype(np.uint8)
    data = Frames(frames, np.array([1, 2]), np.array([4, 4]))
    weights = {"a": rng.normal(size=3), "b": rng.normal(size=2)}

    def name(data=data, weights=weights, settings=("motion", 8)):
        return first_stage.keeper(data, Path("flow"), *settings)(weights)

    assert name() == name() and name().parent == Path("flow")
    apex = frames.copy()
    apex[1, 2, 0, 0, 0] += 1
    between = frames.copy()
    between[1, 1, 0, 0, 0] += 1
    assert name(data._replace(frames=between)) == name()  # it is not read
    others = [
        name(data._replace(frames=apex)),
        name(data._replace(apex=np.array([1, 3]))),
        name(weights=weights | {"a": weights["a"] + 1e-9}),
        name(settings=("features", 8)),
        name(settings=("motion", 9)),
    ]
    assert len({name(), *others}) == 6


def test_each_seed_of_the_motion_has_its_runs():
    runs, names = first_stage.runs(SAMPLES, SPLITS, (3, 4), scope="per_fold")
    assert names == [f"seed {n} fold toy/{s}" for n in (3, 4) for s in "abc"]
    np.testing.assert_array_equal(runs.seed, [3, 3, 3, 4, 4, 4])
    np.testing.assert_array_equal(runs.weights[:3], runs.weights[3:])
    _, names = first_stage.runs(SAMPLES, SPLITS, (3, 4), scope="all_subjects")
    assert names == ["seed 3 all subjects", "seed 4 all subjects"]
