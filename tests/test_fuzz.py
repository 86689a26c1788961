"""A short run of tests/fuzz.py: damaged files give a value or a line."""

import fuzz
import pytest

from selfme_jax.types import UserError

READERS = fuzz.readers()


@pytest.mark.parametrize("reader", READERS, ids=[r.name for r in READERS])
def test_damaged_files(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fuzz.run(reader, 40)


def test_names_are_unique():
    assert len({r.name for r in READERS}) == len(READERS) >= 8


@pytest.mark.parametrize(
    "failure",
    [KeyError("a"), UserError(""), UserError("a\n" * 9), UserError("a" * 9999)],
)
def test_what_is_not_allowed_is_found(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(folder):
        path = folder / "a"
        if path.exists() and b"x" * 8 not in path.read_bytes():
            raise failure

    reader = fuzz.Reader("bad", lambda f: (f / "a").write_bytes(b"x" * 8), read)
    with pytest.raises(AssertionError):
        fuzz.run(reader, 100)
    kept = (tmp_path / "fuzz_found" / "bad" / "a").read_bytes()
    assert b"x" * 8 not in kept
