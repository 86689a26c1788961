"""Several people who are one: names spelled differently, and the same pixels."""

import pytest

from selfme_jax.data import people
from selfme_jax.types import Sample, UserError


def sample(subject, name="c", sha256="", dataset="d"):
    return Sample(dataset, subject, name, 0, sha256=sha256)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s0", "S0"),
        ("s0", "s0\u200b"),  # without width
        ("s0", "\uff530"),  # full-width
        ("s0", "s\uff10"),
        ("sub01", "sub1"),
        ("Sub 1", "sub_1"),
        ("J\u00fcrgen", "Ju\u0308rgen"),
        ("STRASSE", "stra\u00dfe"),
    ],
)
def test_one_name_spelled_differently(one, other):
    samples = [sample(one, "a"), sample(other, "b"), sample("x", "c")]
    with pytest.raises(UserError, match="of one person, spelled differently: d: ") as e:
        people.check(samples, allow=False)
    assert len(str(e.value).splitlines()) == 2
    people.check(samples, allow=True)
    assert people.told(samples).startswith("names that may be of one person (d: ")


@pytest.mark.parametrize(
    ("one", "other"), [("s1", "s10"), ("s10", "s01"), ("0", "00x"), ("a", "\u00e4")]
)
def test_other_names_are_other_people(one, other):
    people.check([sample(one), sample(other)], allow=False)


def test_a_name_in_two_datasets_is_of_two_people():
    people.check([sample("s1"), sample("S1", dataset="e")], allow=False)


def test_the_same_pixels_under_two_people():
    samples = [
        sample("a", "1", "x"),
        sample("a", "2", "x"),  # twice the same of one person is no leak
        sample("b", "1", "y"),
    ]
    people.check(samples, allow=False)
    assert people.told(samples) == ""
    samples.append(sample("a", "9", "y", dataset="e"))
    match = r"1 time\(s\) clips of different people .*: d/b/1 = e/a/9\."
    with pytest.raises(UserError, match=match):
        people.check(samples, allow=False)
    people.check(samples, allow=True)
    assert "the same pixels under different people (d/b/1" in people.told(samples)


def test_unknown_pixels_are_not_the_same():
    people.check([sample("a"), sample("b")], allow=False)


def test_of_many_the_first_few_are_named():
    samples = [sample(name, str(i), str(i)) for i in range(50) for name in ("a", "b")]
    with pytest.raises(UserError) as error:
        people.check(samples, allow=False)
    assert "50 time(s)" in str(error.value) and "and 47 more" in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", ["s\0", "s\n1", "\x1b[2J", "s\udcff"])
def test_what_is_no_text_is_no_name(name):
    """Files of a run could not hold it, or a terminal would obey it."""
    for odd in (sample(name), sample("s1", name)):
        with pytest.raises(UserError, match="control characters") as caught:
            people.check([odd], allow=True)
        assert str(caught.value).isprintable()
