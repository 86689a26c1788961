"""Cells of action units, as sheets write them."""

import re

import numpy as np
import pytest

from selfme_jax.data import action_unit_labels
from selfme_jax.data.action_unit_labels import ActionUnit
from selfme_jax.types import UserError

CELLS = {
    "4+7": [(4,), (7,)],
    "12": [(12,)],
    "12.0": [(12,)],
    " L12 ": [(12, "L")],
    "R14A": [(14, "R", "A")],
    "4D+9B": [(4, "", "D"), (9, "", "B")],
    "4+7?": [(4,), (7, "", "", True)],
    "13?": [(13, "", "", True)],
    "L12 or L14": [(12, "L", "", True), (14, "L", "", True)],
    "(R6 or R12)+R15": [(6, "R", "", True), (12, "R", "", True), (15, "R")],
    "R14A or 17A or 24A": [
        *((14, "R", "A", True), (17, "", "A", True), (24, "", "A", True)),
    ],
    "ref(7)": [(7, "", "", True)],
    "4D+ref(6)+7C+43E": [(4, "", "D"), (6, "", "", True), (7, "", "C"), (43, "", "E")],
    "ref(L10)+A12B": [(10, "L", "", True), (12, "A", "B")],
    "A/L12": [(12, "L")],
    "10A/B": [(10, "", "A")],
    "AD31": [(31,)],
    "5+14+M58": [(5,), (14,), (58,)],
    "T28": [(28, "T")],
    "B23": [(23, "B")],
    "4+13+T18+39": [(4,), (13,), (18, "T"), (39,)],
    "NULL": [],
    "none": [],
    "?": [],
    "": [],
    "/": [],
    "R14+17+soft focus": [(14, "R"), (17,)],
    "4，11": [(4,), (11,)],
    "L1,10,11,38,": [(1, "L"), (10,), (11,), (38,)],
    "１２＋Ｌ４": [(12,), (4, "L")],
    "AU4+AU7(k)": [(4,)],
    "AU12R": [(12, "R")],
    "43(k)": [],
    "4+4": [(4,), (4,)],
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell(cell):
    expected = tuple(ActionUnit(*unit) for unit in CELLS[cell])
    assert action_unit_labels.parse(cell) == expected
    assert action_unit_labels.numbers(cell) == {unit.number for unit in expected}


@pytest.mark.parametrize(
    "cell", ["4+123", "x9y", "4-7", "1" * 5000, "0", "4  7", "12Q"]
)
def test_a_number_that_is_no_action_unit_is_refused(cell):
    with pytest.raises(UserError, match=r"cannot read the action unit .* joined by \+"):
        action_unit_labels.parse(cell)


def test_what_was_not_looked_for_is_told_from_what_was_not_seen():
    assert not action_unit_labels.annotated("  ")
    assert action_unit_labels.annotated("NULL")


def test_present():
    cells = ["4+L7B?", "", "ref(1), 17"]
    found = action_unit_labels.present(cells)
    assert found.shape == (3, 12) and found.dtype == bool
    rows, columns = np.nonzero(found)
    places = [
        (i, action_unit_labels.MEB[j]) for i, j in zip(rows, columns, strict=True)
    ]
    assert places == [(0, 4), (0, 7), (2, 1), (2, 17)]
    assert action_unit_labels.present([]).shape == (0, 12)
    assert action_unit_labels.present(cells, (7, 1)).tolist() == [
        *([True, False], [False, False], [False, True]),
    ]


def test_any_cell_of_made_up_units_gives_its_numbers():
    """Sides, intensities and doubt change nothing that is scored."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        units = rng.integers(1, 60, rng.integers(1, 6))
        terms = [
            str(rng.choice(["", "L", "R", "A", "T", "AU", "AD"]))
            + str(unit)
            + str(rng.choice(["", "A", "E", "C/D"]))
            + str(rng.choice(["", "?"]))
            for unit in units
        ]
        cell = str(rng.choice(["+", " + ", ",", "，", " or "])).join(terms)
        found = {int(n) for n in re.findall(r"\d+", cell)}
        assert action_unit_labels.numbers(cell) == found == set(units.tolist()), cell
