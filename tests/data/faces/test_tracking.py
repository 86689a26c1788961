"""A face is followed, windows fit it, and what cannot be used is named."""

import itertools

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.faces import detection, tracking
from selfme_jax.data.faces.detection import Box, Face
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.data.faces.tracking import Look, Stretch
from selfme_jax.types import UserError

A, B = Similarity(100, 80, 60, 0), Similarity(160, 80, 60, 0)


def looks(*found, every=10):
    def one(what):
        if isinstance(what, str):
            return Look(None, None, what, 0)
        return Look(what, None, "", 1)

    return [(every * i, one(what)) for i, what in enumerate(found)]


def bounds(stretches):
    return [(s.start, s.stop, s.problem or s.framing.x) for s in stretches]


def test_one_window_for_a_face_that_stays():
    near = [A._replace(x=100 + d) for d in (-3, 0, 1, 4, 2)]
    found = tracking.windows(looks(*near), 47)
    assert found == [Stretch(0, 47, A._replace(x=101), "")]


def test_a_title_sequence_is_cut_out_up_to_the_first_look_with_a_face():
    found = tracking.windows(looks("no face", "no face", A, A, A), 45)
    assert bounds(found) == [(0, 20, "no face"), (20, 45, 100)]


def test_a_face_that_moves_on_gives_a_new_window():
    found = tracking.windows(looks(A, A, A, B, B), 50)
    assert bounds(found) == [(0, 25, 100), (25, 50, 160)]


def test_a_gap_is_named_by_its_most_frequent_problem():
    gap = ["no face", "the face is too small (20 pixels)", "no face"]
    found = tracking.windows(looks(A, A, *gap, B, B), 70)
    assert bounds(found) == [(0, 11, 100), (11, 50, "no face"), (50, 70, 160)]


def test_one_miss_is_passed_over_and_one_hit_is_none():
    found = tracking.windows(looks(A, A, "no face", A, A), 50)
    assert bounds(found) == [(0, 50, 100)]
    found = tracking.windows(looks("no face", "no face", A, "no face"), 40)
    assert bounds(found) == [(0, 40, "no face")]


def test_stretches_cover_all_frames_once():
    rng = np.random.default_rng(3)
    for _ in range(200):
        what = [["no face", A, B][i] for i in rng.integers(0, 3, rng.integers(1, 12))]
        total = 10 * (len(what) - 1) + int(rng.integers(1, 11))
        found = tracking.windows(looks(*what), total)
        assert found[0].start == 0 and found[-1].stop == total
        assert all(s.start < s.stop for s in found)
        assert all(a.stop == b.start for a, b in itertools.pairwise(found))
        for number, look in looks(*what):
            (inside,) = [s for s in found if s.start <= number < s.stop]
            if inside.framing and look.framing:
                assert tracking.fits(look.framing, inside.framing)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({"x": 106}, True),
        ({"x": 108}, False),
        ({"side": 66}, True),
        ({"side": 72}, False),
        ({"angle": 10}, True),
        ({"angle": 350}, True),
        ({"angle": -14}, False),
    ],
)
def test_what_still_fits(change, good):
    assert tracking.fits(A._replace(**change), A) == good


def two(monkeypatch, *frames):
    """A follower whose detector finds these boxes (left edges) in its frames."""
    answers = iter(
        tuple(Face(Box(x, 10, w, w)) for x, w in sorted(f, key=lambda b: -b[1]))
        for f in frames
    )
    monkeypatch.setattr(detection, "load", lambda name: lambda image: next(answers))
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (100, 400, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("choose", "expected"),
    [("largest", 200), ("left", 20), ("right", 300), ("2", 200), ("1", 20)],
)
def test_the_face_that_is_asked_for(monkeypatch, choose, expected):
    image = two(monkeypatch, [(20, 50), (200, 60), (300, 45), (350, 20)])
    seen = tracking.Follower("mesh", choose=choose).look(image)
    assert seen.face.box.x == expected and seen.faces == 3


def test_it_stays_with_the_face_even_if_another_gets_larger(monkeypatch):
    image = two(
        monkeypatch,
        [(20, 50), (200, 60)],
        [(15, 70), (206, 60)],
        [],
        [(16, 70), (209, 58)],
    )
    follower = tracking.Follower("mesh")
    seen = [follower.look(image) for _ in range(4)]
    assert [s.face and s.face.box.x for s in seen] == [200, 206, None, 209]


@pytest.mark.parametrize("choose", ["", "biggest", "0", "-1", "1e3", "³"])
def test_an_unknown_choice(choose):
    with pytest.raises(UserError, match="largest, left, right, or a number"):
        tracking.Follower("frame", choose=choose)


def test_a_number_that_is_not_there(monkeypatch):
    image = two(monkeypatch, [(20, 50)])
    seen = tracking.Follower("mesh", choose="2").look(image)
    assert seen.framing is None and seen.problem == "no face 2"


def test_problems_have_names():
    frame = footage.film()[0]
    follower = tracking.Follower()
    assert follower.look(frame).problem == "" and follower.look(frame).framing
    dark = (frame * 0.07).astype(np.uint8)
    assert "too dark" in tracking.Follower("haar").look(dark).problem
    small = cv2.resize(frame, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    assert "too small" in tracking.Follower().look(small).problem
    night = (frame * 0.02).astype(np.uint8)
    assert tracking.Follower().look(night).problem == tracking.TOO_DARK
    assert tracking.Follower().look(np.full_like(frame, 90)).problem == "no face"


def test_a_head_that_is_turned_away(monkeypatch):
    frame = footage.film()[0]
    face = detection.detect(frame)
    c, s = np.cos(1.0), np.sin(1.0)
    turned = face.mesh @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32).T
    answer = (face._replace(mesh=turned),)
    monkeypatch.setattr(detection, "load", lambda name: lambda image: answer)
    assert "turned away" in tracking.Follower().look(frame).problem
