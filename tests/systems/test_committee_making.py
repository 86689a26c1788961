"""Making: the same again bit for bit, margins of sides, how far answers are right."""

import numpy as np
import pytest

from selfme_jax.data.synthetic import expressions, flow_fields
from selfme_jax.systems import committee, committee_making
from selfme_jax.systems.committee_making import Lesson


@pytest.fixture(scope="module")
def lesson():
    mixture = expressions.mixture()
    drawn = flow_fields.draw(0, 0, 200, mixture=mixture, spread=flow_fields.Spread())
    ids = [mixture.units.index(unit) for unit in committee.UNITS]
    return Lesson(drawn.images, drawn.classes, drawn.units[:, ids], drawn.sides[:, ids])


def test_made_again_it_is_the_same(lesson):
    kind = "linear"  # of the others: test_main_builtin.py
    options = {"steps": 3, "seed": 4}
    one, two = (committee_making.train(kind, lesson, **options) for _ in range(2))
    assert committee.dump_network(one) == committee.dump_network(two)
    other = committee_making.train(kind, lesson, steps=3, seed=5)
    assert committee.dump_network(one) != committee.dump_network(other)
    # Files hold it exactly.
    back = committee.restore_network(committee.dump_network(one), kind, "FILE")
    assert committee.dump_network(back) == committee.dump_network(one)


def test_more_steps_fit_better(lesson):
    found = []
    for steps in (1, 60):
        params = committee_making.train("linear", lesson, steps=steps, seed=0)
        networks = committee_making.assemble({"linear": [params]})
        logits = committee.predict(networks, lesson.images)["linear"][:, :3]
        met = lesson.classes.any(1)
        right = logits.argmax(1) == lesson.classes.argmax(1)
        found.append(right[met].mean())
    assert found[1] > found[0] + 0.1


def test_margins_lie_between_one_sided_and_both():
    rng = np.random.default_rng(0)
    n = 300
    sides = np.zeros((n, 3), np.int8)
    sides[:100], sides[100:200] = -1, 1
    difference = -3.0 * sides + rng.uniform(-0.5, 0.5, (n, 3))
    units = np.ones((n, 3), int)
    units[5:-5, 2] = 0  # too few of the third: it takes the common one
    got = committee_making.fit_margins(difference, units, sides)
    assert np.all((got > 0.3) & (got < 2.6))
    told = committee.sides(difference, got)
    assert (told[:, :2] == sides[:, :2]).mean() > 0.99


def test_reliability_by_hand():
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.45, 0.55], [0.3, 0.7], [0.4, 0.6]])
    correct = np.array([True, True, False, True, False])
    got = committee_making.reliability(probs, correct, sure=0.6)
    assert got["risk"]["100"] == pytest.approx(2 / 5)
    assert got["risk"]["80"] == pytest.approx(1 / 4)
    assert got["risk"]["50"] == pytest.approx(0)
    assert got["answered"] == pytest.approx(4 / 5)
    assert got["risk_answered"] == pytest.approx(1 / 4)
    gaps = 0.1 + 0.2 + 0.55 + 0.3 + 0.6  # a bin each, all but 0.6 and 0.55 apart
    assert got["ece"] == pytest.approx(gaps / 5)
