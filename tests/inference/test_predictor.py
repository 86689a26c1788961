"""From a clip to what is said of it, with an answerer that notes what it is asked."""

import itertools

import footage
import numpy as np
import pytest

from selfme_jax.data import synthetic_videos
from selfme_jax.data.faces import framing
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.inference import results, sources
from selfme_jax.inference.answering import Answers
from selfme_jax.inference.predictor import Options, Predictor
from selfme_jax.inference.spotting import Interval
from selfme_jax.types import UserError

FPS = 30.0


class Listener:
    """Says the mean grey level of the apex, and keeps what it was asked."""

    classes = ("negative", "positive", "surprise")
    units = (4, 12)
    card = {"words": ["Made of nothing."]}  # noqa: RUF012
    compiled = True

    def __init__(self):
        self.asked = []

    def answer(self, onset, apex):
        assert onset.shape == apex.shape == (1, 256, 256, 3)
        assert onset.dtype == apex.dtype == np.uint8
        self.asked.append((onset[0], apex[0]))
        return Answers(
            probabilities=np.array([[0.1, 0.7, 0.2]]),
            units=np.array([[0.1, 0.9]]),
            sides=np.array([[0, 1]], np.int8),
            noted=np.array([[False, True]]),
            unsure=np.array([False]),
            still=np.array([bool((onset == apex).all())]),
        )


@pytest.fixture(scope="module")
def film():
    """A micro-expression from 2.2 to 2.5 s."""
    video = synthetic_videos.make(7, seconds=9, fps=FPS)
    return list(itertools.islice(video.frames(), 110)), video.events


@pytest.fixture(scope="module")
def whole(film):
    listener = Listener()
    return Predictor(listener, "ears").predict(film[0], fps=FPS), listener


def test_a_micro_expression_is_found_and_answered(film, whole):
    result, listener = whole
    (true,) = [e for e in film[1] if e.kind == "micro" and e.offset < 3]
    (found,) = [i for i in result.intervals if i.kind == "micro"]
    assert abs(found.onset / FPS - true.onset) < 0.1
    assert abs(found.apex / FPS - true.apex) < 0.1
    assert found.answer.label == "positive"
    assert (found.answer.noted, found.answer.sides) == (("12",), {"12": "right"})
    assert len(listener.asked) == sum(i.answer is not None for i in result.intervals)
    assert (result.frames, result.fps, result.size) == (
        110,
        FPS,
        film[0][0].shape[1::-1],
    )


def test_both_faces_are_cut_out_by_one_framing(film, whole):
    result, listener = whole
    (found,) = [i for i in result.intervals if i.kind == "micro"]
    matrix = framing.affine(found.face)
    for asked, number in zip(listener.asked[0], (found.onset, found.apex), strict=True):
        own = framing.apply(film[0][number], matrix, size=256)
        np.testing.assert_array_equal(asked, own)


def test_the_dict_is_the_schema(whole):
    result, _ = whole
    clip = result.to_dict()
    assert clip["frames"] == 110
    for interval in clip["intervals"]:
        assert interval["onset"] <= interval["apex"] <= interval["offset"]
        if interval["kind"] == "micro":
            assert interval["class"] == "positive"
            assert interval["aus"] == {"4": 0.1, "12": 0.9}
            assert interval["unsure"] is False
    assert "micro" in result.to_csv()
    assert result.figure().axes


def test_rest_is_low_and_the_expression_high(whole):
    result, _ = whole
    (found,) = [i for i in result.intervals if i.kind == "micro"]
    course, (onset, _, offset) = result.course, found.seconds
    inside = (course.seconds >= onset) & (course.seconds <= offset)
    high = np.maximum(course.upper, course.lower)
    assert high[inside].max() > 3 * np.median(high[course.seconds < onset - 0.3])


def test_two_pictures_are_a_pair(film):
    listener = Listener()
    frames = [film[0][66], film[0][72]]
    result = Predictor(listener).predict(frames)
    (found,) = result.intervals
    assert (found.onset, found.apex, found.offset, found.kind) == (0, 1, 1, "given")
    assert result.to_dict()["fps"] is None
    assert len(listener.asked) == 1
    same = Predictor(listener).predict([frames[0]] * 2).to_dict()["intervals"][0]
    assert same["no_expression"] and same["class"] == "positive"


def test_a_known_onset_and_apex_are_taken(film):
    listener = Listener()
    predictor = Predictor(listener)
    (found,) = predictor.predict(film[0], fps=FPS, onset=66, apex=72).intervals
    assert (found.onset, found.apex, found.kind) == (66, 72, "given")
    result = predictor.predict(film[0], fps=FPS, onset=66)
    (found,) = result.intervals
    (true,) = [e for e in film[1] if e.kind == "micro" and e.offset < 3]
    assert abs(found.apex / FPS - true.apex) < 0.2
    assert any("apex" in note for note in result.notes)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"apex": 5}, "onset"),
        ({"onset": 9, "apex": 9}, "comes after"),
        ({"onset": -1, "apex": 3}, "frame from 0"),
        ({"onset": 3, "apex": 900}, "110 frames, no frame 900"),
        ({"onset": 900}, "110 frames, no frame 900"),
        ({"onset": 109}, "nothing follows"),
    ],
)
def test_frames_that_cannot_be(film, known, words):
    with pytest.raises(UserError, match=words):
        Predictor(Listener()).predict(film[0], fps=FPS, **known)


def test_a_face_number_that_is_not_there(film):
    with pytest.raises(UserError, match="no face number 3"):
        Predictor(Listener()).predict(film[0][:30], fps=FPS, face="3")


def test_no_face_is_said():
    wall = [np.full((120, 160, 3), 128, np.uint8)] * 40
    with pytest.raises(UserError, match="no face"):
        Predictor(Listener()).predict(wall, fps=FPS)
    with pytest.raises(UserError, match="frame 0: no face"):
        Predictor(Listener()).predict(wall[:2])


def test_what_makes_it_worse_is_noted(film):
    frames = film[0][:40:3]
    wall = np.full_like(frames[0], 128)
    result = Predictor(Listener()).predict([*frames, *[wall] * 20], fps=10)
    assert any("10 frames per second" in note for note in result.notes)
    (gap,) = result.gaps
    assert gap.problem == "no face"
    assert gap.seconds[1] == pytest.approx(3.3, abs=0.3)


def test_damage_is_noted_and_the_rest_used(film):
    whole = sources.in_memory(film[0], fps=FPS)

    def read():
        yield from itertools.islice(whole.read(), 100)
        raise DamagedError("it ends after 3.3 of 9.0 seconds")

    result = Predictor(Listener()).run(whole._replace(read=read), Options())
    assert result.frames == 100
    assert any("3.3 of 9.0 seconds" in note for note in result.notes)
    assert any(i.kind == "micro" for i in result.intervals)


def test_short_clips_say_so(film):
    result = Predictor(Listener()).predict(film[0][:8], fps=FPS)
    assert any("too short" in note for note in result.notes)
    one = sources.in_memory(film[0][:2], fps=FPS)._replace(
        read=lambda: itertools.islice(sources.in_memory(film[0]).read(), 1)
    )
    with pytest.raises(UserError, match="1 frame"):
        Predictor(Listener()).run(one, Options())


def test_grey_and_one_of_several_clips(film, tmp_path):
    grey = [
        np.repeat(x.mean(-1, keepdims=True), 3, -1).astype(np.uint8) for x in film[0]
    ]
    assert any(
        i.kind == "micro" for i in Predictor(Listener()).predict(grey, fps=30).intervals
    )
    for name in "ab":
        footage.write_video(tmp_path / f"{name}.avi", footage.film(3))
    with pytest.raises(UserError, match="2 clips"):
        Predictor(Listener()).predict(tmp_path)


@pytest.mark.parametrize(
    ("kind", "apex", "read"),
    [
        ("macro", 40, (20, 30, 40)),  # a third, two thirds and the whole of the way
        ("macro", 13, (11, 12, 13)),
        ("macro", 12, (12,)),  # no room for three
        ("micro", 40, (40,)),
    ],
)
def test_slow_expressions_are_read_on_their_way_as_well(kind, apex, read):
    images = np.random.default_rng(0).integers(0, 256, (60, 40, 40, 3), np.uint8)
    face = framing.Similarity(20.0, 20.0, 40.0, 0.0)
    at = (10 / FPS, apex / FPS, 1.9)
    interval = Interval(10, apex, 57, kind, 1.0, 1.0, at, "mouth", face)
    source = sources.in_memory(list(images), fps=FPS)
    listener = Listener()
    (found,) = Predictor(listener, "ears")._answers(source, [interval], lambda *_: None)
    assert len(listener.asked) == len(read) and found.answer.label == "positive"
    matrix = framing.affine(face)
    for asked, number in zip(listener.asked, read, strict=True):
        onset, top = (framing.apply(images[i], matrix, size=256) for i in (10, number))
        np.testing.assert_array_equal(asked[0], onset)
        np.testing.assert_array_equal(asked[1], top)


def test_several_readings_are_averaged():
    one, other = Listener(), Listener()
    face = np.zeros((1, 256, 256, 3), np.uint8)
    first = one.answer(face, face + 1)
    second = other.answer(face, face)._replace(
        probabilities=np.array([[0.7, 0.1, 0.2]]),
        units=np.array([[0.5, 0.1]]),
        noted=np.array([[False, False]]),
        unsure=np.array([True]),
    )
    said = results.answer([first, first, second], one.classes, one.units)
    assert said.label == "positive" and said.noted == ("12",)
    assert said.probabilities["positive"] == pytest.approx(0.5)
    assert said.aus["4"] == pytest.approx(0.7 / 3) and not said.unsure
    assert not said.still  # not all of them are
