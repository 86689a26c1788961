"""Text files of what was found: each read back by its own rules."""

import csv
import io
import re

import numpy as np
import pytest

from selfme_jax.inference import results
from selfme_jax.inference.answering import Answers
from selfme_jax.report import clip_tables

FOUND = {
    "onset": 30, "apex": 36, "offset": 42, "kind": "micro", "seconds": [1.0, 1.2, 1.4],
    "strength": 0.01, "region": "lower", "face": [100, 90, 80, 3.0],
    "class": "positive",
    "probabilities": {"negative": 0.1, "positive": 0.7, "surprise": 0.2},
    "aus": {"4": 0.1, "12": 0.93}, "sides": {"12": "left"}, "noted": ["12"],
    "unsure": False, "no_expression": False,
}  # fmt: skip
BLINK = FOUND | {
    "kind": "blink", "seconds": [3661.5, 3661.6, 3661.7], "class": None,
    "probabilities": {}, "aus": {}, "sides": {}, "noted": [],
}  # fmt: skip
CLIP = {
    "path": 'a, "b".mp4', "fps": 30.0, "frames": 90, "seconds": 3700.0,
    "width": 320, "height": 240, "notes": ["12 frames per second: ..."],
    "unseen": [{"first": 60, "last": 75, "seconds": [2.0, 2.5], "why": "no face"}],
    "intervals": [FOUND, BLINK],
}  # fmt: skip


@pytest.fixture
def rows():
    return list(csv.DictReader(io.StringIO(clip_tables.csv_text([CLIP, CLIP]))))


def test_csv_has_intervals_gaps_and_notes(rows):
    assert [r["kind"] for r in rows[:4]] == ["micro", "blink", "unseen", "note"]
    assert len(rows) == 8
    first, blink, unseen, note = rows[:4]
    assert first["clip"] == CLIP["path"]
    assert (first["onset"], first["apex_seconds"], first["class"]) == (
        *("30", "1.2", "positive"),
    )
    assert float(first["prob_surprise"]) == 0.2
    assert (float(first["au12"]), first["aus_seen"]) == (0.93, "AU 12 left")
    assert (blink["class"], blink["au12"]) == ("", "")
    assert (unseen["onset"], unseen["offset_seconds"]) == ("60", "2.5")
    assert note["note"] == CLIP["notes"][0]


def test_elan_rows_are_times_in_order_on_tiers():
    head, *lines = clip_tables.elan(CLIP).splitlines()
    cells = [line.split("\t") for line in lines]
    assert all(len(cell) == 4 == len(head.split("\t")) for cell in cells)
    assert all(float(begin) < float(end) for _, begin, end, _ in cells)
    tiers = {cell[0] for cell in cells}
    assert tiers == {"expressions", "apexes", "action units", "blinks", "notes"}
    assert ["action units", "1.000", "1.400", "AU 12 left"] in cells


def test_subtitles_have_clocks_and_all_that_is_found():
    blocks = clip_tables.subtitles(CLIP).strip().split("\n\n")
    assert [b.split("\n")[0] for b in blocks] == ["1", "2", "3", "4"]
    clock = r"\d\d:\d\d:\d\d,\d{3}"
    for block in blocks:
        assert re.fullmatch(f"{clock} --> {clock}", block.split("\n")[1])
    assert "micro-expression: positive 0.70: AU 12 left" in blocks[1]
    assert "01:01:01,500 --> 01:01:01,700" in blocks[3]


def test_what_is_said_of_doubt():
    assert clip_tables.said(FOUND | {"unsure": True}) == "not sure (positive 0.70)"
    assert clip_tables.said(FOUND | {"no_expression": True}) == "no expression"
    assert clip_tables.said(BLINK) == ""


def test_answers_of_several_frames_become_one():
    def one(positive, noted):
        return Answers(
            probabilities=np.array([[0.9 - positive, positive, 0.1]]),
            units=np.array([[0.2, positive]]),
            sides=np.array([[0, -1]], np.int8),
            noted=np.array([noted]),
            unsure=np.array([positive < 0.6]),
            still=np.array([False]),
        )

    classes = ("negative", "positive", "surprise")
    found = [one(0.8, [False, True]), one(0.7, [True, True]), one(0.3, [False, False])]
    said = results.answer(found, classes, (4, 12))
    assert (said.label, said.noted, said.sides) == ("positive", ("12",), {"12": "left"})
    assert said.probabilities["positive"] == pytest.approx(0.6)
    assert said.aus == pytest.approx({"4": 0.2, "12": 0.6})
    assert not said.unsure and not said.still
    assert results.answer(found[2:], classes, (4, 12)).unsure
