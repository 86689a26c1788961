"""Kinds of events are told apart by what moves, how long, and how often."""

import itertools

import numpy as np

from selfme_jax.inference import events
from selfme_jax.inference.facial_motion import NAMES

RATE = 30.0


def face(seconds=20.0, seed=0):
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    return 0.0002 * rng.standard_normal((count, len(NAMES), 2)), np.zeros((count, 6))


def move(regions, onset, offset, height, *parts, way=(0, 1)):
    """The regions whose names begin so go there and back."""
    t = np.arange(len(regions)) / RATE
    x = np.clip((t - onset) / (offset - onset), 0, 1)
    course = 0.5 - 0.5 * np.cos(2 * np.pi * x)
    for i, name in enumerate(NAMES):
        if name.startswith(parts):
            regions[:, i] += height * course[:, None] * np.array(way)


def kinds(regions, head):
    return [(e.kind, e.region) for e in events.judge(regions, head, RATE)]


def test_nothing():
    assert kinds(*face()) == [] == kinds(*face(0.2))


def test_micro_and_macro_by_length():
    regions, head = face()
    move(regions, 3, 3.4, 0.006, "brow_inner", way=(0, -1))
    move(regions, 8, 10, 0.02, "mouth", way=(0.5, -0.7))
    found = events.judge(regions, head, RATE)
    assert [(e.kind, e.region) for e in found] == [
        ("micro", "upper"),
        ("macro", "lower"),
    ]
    assert (
        abs(found[0].onset / RATE - 3) < 0.08
        and abs(found[0].offset / RATE - 3.4) < 0.08
    )
    assert abs(found[1].apex / RATE - 9) < 0.1


def test_lids_that_go_down_are_a_blink_and_brows_that_do_are_none():
    regions, head = face()
    move(regions, 3, 3.25, 0.02, "lid", "under_eye")
    move(regions, 3, 3.25, 0.008, "brow")
    move(regions, 3, 3.25, 0.006, "cheek")  # it goes with the blink
    move(regions, 8, 8.4, 0.01, "brow")
    move(regions, 8, 8.4, 0.004, "lid", "under_eye")
    move(regions, 13, 13.4, 0.01, "lid", way=(0, -1))  # eyes open wide
    assert kinds(regions, head) == [
        ("blink", "upper"),
        ("micro", "upper"),
        ("micro", "upper"),
    ]


def test_a_blink_within_an_expression_splits_nothing():
    regions, head = face()
    move(regions, 5, 7.5, 0.02, "brow", "lid", way=(0, -1))
    move(regions, 6, 6.2, 0.03, "lid", "under_eye")
    assert kinds(regions, head) == [("macro", "upper"), ("blink", "upper")]


def test_an_expression_during_a_blink_is_kept_if_it_is_strong():
    regions, head = face()
    move(regions, 5, 5.25, 0.02, "lid", "under_eye")
    move(regions, 5, 5.3, 0.02, "mouth")
    assert sorted(kinds(regions, head)) == [("blink", "upper"), ("micro", "lower")]


def test_a_chain_of_short_moves_of_the_mouth_is_talking():
    regions, head = face()
    for beat in range(8):
        move(regions, 5 + 0.3 * beat, 5.28 + 0.3 * beat, 0.02, "lip", "chin")
    move(regions, 15, 15.3, 0.02, "lip", "chin")
    found = events.judge(regions, head, RATE)
    assert [e.kind for e in found] == ["talking", "micro"]
    assert abs(found[0].onset / RATE - 5) < 0.15
    assert abs(found[0].offset / RATE - 7.4) < 0.15


def test_movements_of_the_head():
    regions, head = face()
    t = np.arange(len(head)) / RATE
    head[:, 0] = 0.2 * np.clip((t - 6) / 0.5, 0, 1)
    head[:, 3] = 0.01 * np.sin(t)
    (found,) = events.judge(regions, head, RATE)
    assert found.kind == found.region == "head"
    assert abs(found.onset / RATE - 6) < 0.15 and abs(found.offset / RATE - 6.5) < 0.15


def test_expressions_never_overlap():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        regions, head = face(30, seed)
        for _ in range(25):
            on = rng.uniform(0, 28)
            part = NAMES[rng.integers(len(NAMES))]
            way = rng.normal(size=2)
            move(regions, on, on + rng.uniform(0.2, 2), 0.01, part, way=way)
        found = [e for e in events.judge(regions, head, RATE) if e.kind[:2] == "mi"]
        for one, other in itertools.pairwise(found):
            shared = one.offset - other.onset
            shorter = min(one.offset - one.onset, other.offset - other.onset)
            assert shared <= 0.4 * (shorter + 1)
        assert all(e.onset <= e.apex <= e.offset for e in found)
