"""Counts of published sheets become frequencies."""

import numpy as np
import pytest

from selfme_jax.data.synthetic import expressions, skin
from selfme_jax.types import UserError


def test_every_unit_can_be_drawn():
    assert set(expressions.mixture().units) <= set(skin.BUMPS)


def test_parse():
    assert expressions.parse("4+L10") == {4: (1, 1), 10: (1, 0)}
    assert expressions.parse("R2") == {2: (0, 1)}


def test_the_table_reads_as_written():
    for text in expressions.COUNTS.values():
        for row in filter(str.strip, text.split(";")):
            name, counts = row.split(":")
            assert len(counts.split()) == len(expressions.SHEETS)
            sides = [t[0] for t in name.strip().split("+") if t[0] in "LR"]
            assert not sides or sides[0] == "L"
            assert sum(map(int, counts.split())) > 1


def test_frequencies_weigh_sheets_alike():
    """By hand: surprise 1+2 is 5/21, 3/12, 64/179, 0/24, 5/94 of the sheets."""
    found = expressions.frequencies()
    shares = np.stack(list(found.values()))
    np.testing.assert_allclose(shares.sum(0), 1)
    by_hand = np.mean([5 / 21, 3 / 12, 64 / 179, 0, 5 / 94])
    assert found["1+2"][2] == pytest.approx(by_hand)
    left = expressions.frequencies(without="casme3_a")
    assert left["1+2"][2] == pytest.approx(np.mean([5 / 21, 3 / 12, 0, 5 / 94]))


def test_mixture():
    mixture = expressions.mixture()
    assert mixture.shares.sum() == pytest.approx(1)
    total = mixture.classes.sum(1)
    assert set(np.round(total, 5)) == {0, 1}
    units = list(mixture.units)
    smile = np.flatnonzero(
        (mixture.sides[:, units.index(12)] == 1).all(-1)
        & (mixture.sides.sum((1, 2)) == 2)
    )
    assert mixture.classes[smile, 1] > 0.9
    often, even = mixture.shares, expressions.mixture(flat=1.0).shares
    np.testing.assert_allclose(even, 1 / len(even))
    assert expressions.mixture(flat=0.5).shares.max() < often.max()
    sharp = expressions.mixture(sharpness=3.0).classes
    assert (sharp.max(1) >= mixture.classes.max(1) - 1e-6).all()


def test_an_unknown_sheet_is_refused():
    with pytest.raises(UserError, match="casme3_a"):
        expressions.mixture(without="mmew")
