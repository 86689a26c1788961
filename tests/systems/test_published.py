"""Published fold weights: each subject is scored by its own."""

import jax
import numpy as np
import pytest

from selfme_jax.baselines.ststnet import STSTNet
from selfme_jax.evaluate import folds
from selfme_jax.inputs import flow_reading as inputs
from selfme_jax.systems.base import Problem
from selfme_jax.systems.published import Published
from selfme_jax.targets.classes import Classes
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample, UserError
from selfme_jax.workdir import open_workdir

SUBJECTS = ("s02", "s01", "s02", "s03", "s01")


@pytest.fixture(scope="module")
def problem():
    samples = [Sample("smic", s, f"c{i}", i % 3) for i, s in enumerate(SUBJECTS)]
    flow = np.random.default_rng(0).uniform(0, 255, (1, 5, 28, 28, 3))
    return Problem(
        flow.astype(np.float32),
        np.arange(5) % 3,
        Classes(("x", "y", "z")),
        folds.loso(samples),
        (0, 1),
    )


@pytest.fixture(scope="module")
def weights():
    init = jax.jit(STSTNet(3, 0.5).init)
    blank = np.zeros((1, 28, 28, 3), np.float32)
    keys = jax.random.split(jax.random.key(0), 3)
    names = ("s01", "s02", "s03")
    return {n: init(key, blank) for n, key in zip(names, keys, strict=True)}


def test_a_subject_is_scored_by_its_own_weights(problem, weights, tmp_path):
    method = Published(inputs.levels, STSTNet(3, 0.5), weights)
    stage = Stage("classifier", open_workdir(tmp_path), Log(open_workdir(tmp_path)))
    got = method.fit_predict(problem, stage)
    assert got.shape == (2, 5, 3)
    np.testing.assert_array_equal(got[0], got[1])
    read = inputs.levels(problem.inputs[0])
    apply = jax.jit(STSTNet(3, 0.5).apply)
    for logits, subject, image in zip(got[0], SUBJECTS, read, strict=True):
        own = apply(weights[subject], image[None])[0]
        np.testing.assert_allclose(logits, own, rtol=1e-4, atol=1e-4)
    assert not list(tmp_path.iterdir())  # nothing was trained


def test_a_subject_without_weights_is_named(problem, weights, tmp_path):
    some = {name: weights[name] for name in ("s01", "s03")}
    method = Published(inputs.levels, STSTNet(3, 0.5), some)
    with pytest.raises(UserError, match="smic/s02.*s01, s03"):
        method.fit_predict(
            problem,
            Stage("classifier", open_workdir(tmp_path), Log(open_workdir(tmp_path))),
        )
