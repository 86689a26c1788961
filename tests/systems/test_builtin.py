"""The built-in model as a system: what it scores, and whom it refuses."""

import numpy as np
import pytest

from selfme_jax.evaluate import folds
from selfme_jax.systems import builtin, committee
from selfme_jax.systems.base import Problem
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.targets.classes import Classes
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample, UserError
from selfme_jax.workdir import open_workdir

SETTINGS = SYSTEMS["builtin"].settings


def made(target, **changes):
    return builtin.create(target, None, {**SETTINGS, **changes}, None)


@pytest.fixture(scope="module")
def images():
    smooth = np.random.default_rng(0).uniform(0, 255, (5, 7, 7, 3))
    return np.kron(smooth, np.ones((1, 4, 4, 1))).astype(np.float32)


def fit(method, images, target, folder):
    samples = [Sample("smic", f"s{i % 2}", f"c{i}", i % 3, aus="1") for i in range(5)]
    stage = Stage("classifier", open_workdir(folder), Log(open_workdir(folder)))
    problem = Problem(
        images[None], target.labels(samples), target, folds.loso(samples), (0, 1)
    )
    return method.fit_predict(problem, stage)


@pytest.mark.parametrize("member", ["all", "linear", "scvit"])
def test_classes_are_the_calibrated_ones(images, member, tmp_path):
    target = Classes(committee.CLASSES)
    got = fit(made(target, member=member), images, target, tmp_path)
    assert got.shape == (2, 5, 3)
    np.testing.assert_array_equal(got[0], got[1])
    shipped = committee.load()[0]
    found = committee.predict(shipped.networks, images)[member]
    probs, _, _ = committee.decide(shipped.decisions[member], found)
    np.testing.assert_allclose(target.link(got[0]), probs, rtol=1e-4, atol=1e-5)


def test_units_are_above_a_half_where_they_are_noted(images, tmp_path):
    target = ActionUnits((12, 1, 4))
    got = fit(made(target), images, target, tmp_path)[0]
    shipped = committee.load()[0]
    found = committee.predict(shipped.networks, images)["all"]
    _, probs, noted = committee.decide(shipped.decisions["all"], found)
    columns = [committee.UNITS.index(u) for u in (12, 1, 4)]
    np.testing.assert_array_equal(got > 0, noted[:, columns])
    order = np.argsort(probs[:, columns], axis=0)
    np.testing.assert_array_equal(np.argsort(got, axis=0), order)


def test_what_it_does_not_know_is_refused(images, tmp_path):
    with pytest.raises(UserError, match="knows negative, positive, surprise"):
        made(Classes(("positive", "negative", "surprise")))
    with pytest.raises(UserError, match="au26"):
        made(ActionUnits((1, 26)))
    with pytest.raises(UserError, match="config.builtin.member"):
        made(Classes(committee.CLASSES), member="svm")
    with pytest.raises(UserError, match="nothing-here"):
        made(Classes(committee.CLASSES), weights="nothing-here")
    target = Classes(committee.CLASSES)
    with pytest.raises(UserError, match=r"\(14, 28, 3\)"):
        fit(made(target), images[:, ::2], target, tmp_path)


def test_weights_of_another_making_are_read(images, tmp_path):
    shipped = committee.load()[0]
    half = {k: v for k, v in shipped.networks.items() if k != "vit"}
    content = committee.dump(shipped._replace(networks=half))
    (tmp_path / "own.safetensors").write_bytes(content)
    target = Classes(committee.CLASSES)
    method = made(target, member="linear", weights=str(tmp_path / "own.safetensors"))
    theirs = made(target, member="linear")
    np.testing.assert_array_equal(method.scores(images), theirs.scores(images))
