"""Starting from the built-in model: anchored heads, chosen on training people alone."""

import itertools

import jax
import numpy as np
import pytest
from plans import plan
from selfme_jax.configs import base
from sklearn.linear_model import LogisticRegression

from selfme_jax.evaluate import folds
from selfme_jax.run import build
from selfme_jax.systems import builtin, committee, started
from selfme_jax.systems.base import Problem
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.systems.started import Fit
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.targets.classes import Classes
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample, UserError
from selfme_jax.workdir import open_workdir

CELLS = ("4", "12", "1+2", "4+7", "12+6", "1")


def drawn():
    """[30, 28, 28, 3]: three patterns in turn, and as much that is of one clip."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(0, 200, (3, 7, 7, 3))
    small = patterns[np.arange(30) % 3] + rng.uniform(0, 55, (30, 7, 7, 3))
    return np.kron(small, np.ones((1, 4, 4, 1))).astype(np.float32)


class Images:
    """28x28 flow images of 6 people, as a dataset; the class is the pattern."""

    classes = committee.CLASSES
    samples = tuple(
        Sample("d", f"s{i // 5}", f"c{i}", i % 3, aus=CELLS[i % 6]) for i in range(30)
    )
    images = drawn()


def config(method="scvit", **changes):
    found = base.get_config()
    found.method, found.input, found.start = method, "images", "builtin"
    return plan(found, **changes)


def problem(target, labels=None):
    labels = target.labels(Images.samples) if labels is None else labels
    splits = folds.loso(Images.samples)
    people = tuple(s.person for s in Images.samples)
    return Problem(Images.images[None], labels, target, splits, (0, 1), people=people)


def fitted(method, given, folder):
    stage = Stage("classifier", open_workdir(folder), Log(open_workdir(folder)))
    return method.fit_predict(given, stage)


def untrained(target):
    settings = SYSTEMS["builtin"].settings
    return builtin.create(target, None, settings, None).scores(Images.images)


CLASSES = Classes(committee.CLASSES)


@pytest.fixture(scope="module")
def labels():
    """The pattern, under the name that the built-in model finds least likely."""
    said = np.stack([untrained(CLASSES)[k::3].mean(0) for k in range(3)])
    order = min(itertools.permutations(range(3)), key=lambda p: said[range(3), p].sum())
    return np.array(order, np.int32)[np.arange(30) % 3]


def regressed(truth):
    """[30, k] probabilities of 0 .. k - 1 for ``truth`` [30], fold by fold."""
    if not truth.any():  # a unit that nobody shows
        return np.eye(2)[truth]
    images = np.asarray(committee.standardise(Images.images)).reshape(30, -1)
    probs = np.zeros((30, len(np.unique(truth))))
    for split in folds.loso(Images.samples):
        own = images[split.train].astype(float)
        middle, spread = own.mean(0), own.std(0)
        model = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=1000)
        model.fit((own - middle) / spread, truth[split.train])
        probs[split.test] = model.predict_proba((images[split.test] - middle) / spread)
    return probs


def test_a_strong_ridge_means_the_built_in_and_a_linear_model(tmp_path):
    for target in (CLASSES, ActionUnits(committee.UNITS)):
        method = started.create("scvit", target, ridges=(1e9,), groups=3)
        got = fitted(method, problem(target), tmp_path)
        assert got.shape == (2, 30, len(target.outputs))
        labels = target.labels(Images.samples)
        if labels.ndim == 1:
            linear = regressed(labels)
        else:
            linear = np.stack([regressed(x)[:, 1] for x in labels.T], 1)
        wanted = (target.link(untrained(target)) + linear) / 2
        np.testing.assert_allclose(target.link(got[0]), wanted, atol=1e-3)
        assert np.abs(linear - wanted).max() > 0.1  # the two differ


def test_features_are_what_the_heads_read():
    """The logits of each network are its head on them."""
    shipped = committee.load()[0].networks
    read = committee.standardise(Images.images[:4])
    for kind in ("vit", "scvit"):
        got = started.read_features(shipped, kind, Images.images[:4])
        seeds = np.split(got, 3, axis=1)
        for seed in (0, 2):
            own = jax.tree.map(lambda x, s=seed: x[s], shipped[kind])
            head = own["head"]["logits"]
            output = committee.module(kind).apply({"params": own}, read)
            logits = output[0] if isinstance(output, tuple) else output
            np.testing.assert_allclose(
                seeds[seed] @ head["kernel"] + head["bias"], logits, atol=2e-3
            )


def test_nothing_of_the_held_out_person_is_read(labels, tmp_path):
    method = started.create("vit", CLASSES, ridges=(0.1, 1.0), groups=2)
    before = fitted(method, problem(CLASSES, labels), tmp_path)
    split = problem(CLASSES).splits[1]
    changed = labels.copy()
    changed[split.test] = (changed[split.test] + 1) % 3
    after = fitted(method, problem(CLASSES, changed), tmp_path)
    np.testing.assert_array_equal(before[:, split.test], after[:, split.test])
    others = np.setdiff1d(np.arange(30), split.test)
    assert np.abs(before[:, others] - after[:, others]).max() > 1e-3


def test_it_learns_where_there_is_something_to_learn(labels, tmp_path):
    method = started.create("scvit", CLASSES, ridges=(0.01, 0.1, 1.0), groups=4)
    got = fitted(method, problem(CLASSES, labels), tmp_path)[0]
    given = untrained(CLASSES)
    rows = np.arange(30)

    def entropy(logits):
        return -np.log(CLASSES.link(np.asarray(logits, float))[rows, labels]).mean()

    assert entropy(got) < entropy(given) - 0.2


def constant(features):
    """With a column whose own ridge is that of our bias."""
    return np.column_stack([features, np.full(len(features), 0.1**-0.5)])


def test_heads_by_another_solver():
    """Without offsets and with even weights: scikit-learn's logistic regression."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 4))
    label = (features @ rng.standard_normal((4, 3))).argmax(1)
    truth = np.eye(3)[label]
    given = Fit(features, np.zeros((60, 3)), truth, np.ones((60, 3)), False)
    (strong, weak) = started.heads(given, (20.0, 2.0))
    for ridge, head in ((20.0, strong), (2.0, weak)):
        wanted = LogisticRegression(C=1 / ridge, tol=1e-8, fit_intercept=False)
        wanted.fit(constant(features), label)
        logits = features @ head.kernel + head.bias
        ours = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        theirs = wanted.predict_proba(constant(features))
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_units_are_weighed_and_added_to():
    rng = np.random.default_rng(1)
    truth = (rng.random((80, 1)) < 0.2).astype(float)
    features = truth * 2 + rng.standard_normal((80, 1))
    weights = started._weights(truth, True)
    assert weights[truth > 0].sum() == pytest.approx(weights[truth == 0].sum())
    assert weights.mean() == pytest.approx(1)
    given = Fit(features, np.full((80, 1), 0.7), truth, weights, True)
    (head,) = started.heads(given, (1.0,))
    ours = 0.7 + features @ head.kernel + head.bias
    # The slope of the whole is zero where ours is: by hand.
    slope = weights * (1 / (1 + np.exp(-ours)) - truth)
    np.testing.assert_allclose(features.T @ slope + head.kernel, 0, atol=1e-2)
    np.testing.assert_allclose(slope.sum(0) + 0.1 * head.bias, 0, atol=1e-2)


def test_answers_are_changed_for_what_many_gain_not_for_what_one_gains():
    persons = np.repeat(np.arange(8), 3)
    rng = np.random.default_rng(0)
    kept = 1 + 0.05 * rng.standard_normal(24)
    all_gain = kept - 0.2 + 0.02 * rng.standard_normal(24)
    one_gains = kept - 1.0 * (persons == 2)
    assert started.choose(np.stack([kept, all_gain]), persons) == 1
    assert started.choose(np.stack([kept, one_gains]), persons) == 0
    # Among changes, the least that is as good as the best.
    alike = all_gain + 0.01 * rng.standard_normal(24)
    assert started.choose(np.stack([kept, alike, all_gain]), persons) == 1
    assert started.choose(np.stack([kept, kept + 1]), persons) == 0


def test_the_basis_keeps_distances_and_does_not_look_at_the_test_side():
    rng = np.random.default_rng(2)
    train, test = rng.standard_normal((6, 20)) * 3, rng.standard_normal((2, 20))
    here, there = started.basis(train, test)
    scale = np.sqrt(((train - train.mean(0)) ** 2).sum(1).mean())
    between = np.linalg.norm(train[0] - train[4]) / scale
    np.testing.assert_allclose(np.linalg.norm(here[0] - here[4]), between, rtol=1e-9)
    np.testing.assert_allclose(started.basis(train, test[:1])[0], here)
    np.testing.assert_allclose(started.basis(train, train[:1])[1], here[:1], atol=1e-9)
    assert there.shape == (2, 5)


def test_people_are_dealt_whole():
    persons = np.array([3, 3, 5, 7, 7, 9, 5, 3])
    group = started.deal(persons, 2, 0)
    for person in set(persons):
        assert len(set(group[persons == person])) == 1
    assert sorted(np.unique(group)) == [0, 1]
    assert set(started.deal(persons, 50, 0)) == {0, 1, 2, 3}
    others = [tuple(started.deal(persons, 2, seed)) for seed in range(8)]
    assert len(set(others)) > 1


def test_the_config_makes_it():
    made = build.method(config(started__groups=3), Images)
    assert (made.kind, made.groups, len(made.ridges)) == ("scvit", 3, 5)
    both = config(started__groups=3), config(started__groups=4)
    assert both[0].classifier() != both[1].classifier()
    assert "started" not in config(start="").classifier()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"method": "ststnet"}, "not ststnet"),
        ({"target": "action_units", "action_units__units": (1, 26)}, "au26"),
        ({"start": "resnet"}, "config.start"),
        ({"protocol__epochs": "oracle_epoch"}, "epochs"),
    ],
)
def test_what_cannot_start_from_it(changes, word):
    with pytest.raises(UserError, match=word):
        build.method(config(**changes), Images)


def test_images_of_another_size_are_refused(tmp_path):
    method = started.create("vit", CLASSES, ridges=(1.0,), groups=2)
    given = problem(CLASSES)
    with pytest.raises(UserError, match="14, 28, 3"):
        fitted(method, given._replace(inputs=given.inputs[:, :, :14]), tmp_path)
