"""In what two nested dicts differ."""

from selfme_jax.files import differences

OLD = {"a": {"b": 1, "c": (1, 2)}, "d": {"e": {"f": "x"}}, "g": None}
NEW = {"a": {"b": 2, "c": [1, 2]}, "d": {"e": {"f": "x", "h": 0}}}


def test_keys_of_either_side_and_lists_like_tuples():
    assert differences.keys(OLD, NEW) == ["a.b", "d.e.h", "g"]
    assert differences.keys(OLD, OLD) == []
    # None is a value, and not the same as absent.
    assert differences.keys({"g": None}, {}) == ["g"]


def test_what_may_differ_is_left_out_with_all_below_it():
    assert differences.keys(OLD, NEW, free=("d", "g")) == ["a.b"]
    assert differences.keys(OLD, NEW, free=("d.e.h", "a.b", "g")) == []
    assert "a.b" in differences.keys(OLD, NEW, free=("a.bc", "b"))


def test_words_say_both_values_and_count_what_is_left():
    assert differences.words(OLD, NEW)[:2] == ["a.b: 1 -> 2", "d.e.h: (absent) -> 0"]
    old = {f"k{n}": 0 for n in range(8)}
    assert differences.words(old, {})[-1] == "and 3 more"
    assert len(differences.words(old, {})) == 6
    (line,) = differences.words({"sha": "a" * 64}, {"sha": "b" * 64})
    assert line == f"sha: {'a' * 10}... -> {'b' * 10}..."
