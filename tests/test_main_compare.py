"""The command that compares finished runs."""

import pytest
from absl import flags

from selfme_jax import compare
from selfme_jax.types import UserError


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ([("/", "runs", "a"), ("b",)], ["a", "b"]),
        ([("x", "a"), ("y", "a"), ("y", "b")], ["x/a", "y/a", "y/b"]),
        ([("x", "z", "a"), ("y", "z", "a")], ["x/z/a", "y/z/a"]),
        ([("a",), ("x", "a")], ["a", "x/a"]),
    ],
)
def test_names_are_as_long_as_they_must_be(folders, names):
    assert compare._names(folders) == names


def test_refuses_one_run_and_what_is_none(tmp_path):
    with pytest.raises(UserError, match="two or more"):
        compare.main("runs/a")
    with pytest.raises(UserError, match="predictions.csv"):
        compare.main(str(tmp_path / "a"), str(tmp_path / "b"))
    assert "output" not in flags.FLAGS  # not defined at import
