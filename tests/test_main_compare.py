"""The command that compares finished runs."""

import subprocess
import sys

import pytest

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


def test_flags_are_not_defined_at_import():
    """In a process of its own: other commands have flags of the same names."""
    code = "import selfme_jax.compare as c; from absl import flags; "
    code += "assert 'output' not in flags.FLAGS; c.define(); flags.FLAGS['output']"
    subprocess.run([sys.executable, "-c", code], check=True)
