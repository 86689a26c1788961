"""Damage to every file that is read: a value or a ``UserError``, never anything else.

    python tests/fuzz.py --minutes=30 [--only=NAME]

The suite does a little of it (test_fuzz.py). A reader is fuzzed once it stands in a
module ``fuzz_readers.py`` anywhere in tests/, whose ``readers()`` gives ``Reader``s.
What is found is written to fuzz_found/NAME, to be read again.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS.parent))

from selfme_jax.types import UserError  # noqa: E402

# What tends to break parsers, put in at any place.
_TOKENS = (
    *(b"", b"\0", b"\n", b'"', b",", b"[", b"{", b"null", b"NaN", b"-1", b"1e999"),
    *(b"9" * 5000, b"[" * 3000, b"\xff\xfe", b"\xef\xbb\xbf", "ｓ0é".encode()),
    *(
        b"\xff" * 8,
        b"\0" * 64,
        b"../../etc/passwd",
        b"\x80\x04\x95",
        b"\x7f\xff\xff\xff",
    ),
)
_LINES, _LONGEST = 3, 2000  # of a message


class Reader(NamedTuple):
    """Something that reads files of users.

    name: unique. write: makes valid content in an empty folder, any number of files.
    read: reads what the folder holds; may give anything.
    """

    name: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]


def readers() -> list[Reader]:
    """Of all ``fuzz_readers.py``."""
    found = []
    for path in sorted(TESTS.rglob("fuzz_readers.py")):
        name = "_".join(path.relative_to(TESTS).with_suffix("").parts)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.readers()
    return found


def check(reader: Reader, folder: Path) -> None:
    """Read damaged content; AssertionError where more happens than is allowed."""
    try:
        reader.read(folder)
    except UserError as error:
        text = str(error)
        assert 1 <= len(text.splitlines()) <= _LINES, f"not two lines: {text!r}"
        assert len(text) <= _LONGEST, f"{len(text)} characters: {text[:200]!r}"
        assert text.replace("\n", "").isprintable(), f"not printable: {text!r}"
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}") from error


@st.composite
def damage(draw: Any, size: int) -> Callable[[bytes], bytes]:
    """A change of the content of a file of about ``size`` bytes."""
    place = st.integers(0, max(size - 1, 0))
    kind = draw(st.sampled_from(("flip", "cut", "put", "drop", "twice", "swap")))
    a, b = sorted((draw(place), draw(place)))
    bit, token = draw(st.integers(0, 7)), draw(st.sampled_from(_TOKENS))
    over = draw(st.booleans())

    def change(data: bytes) -> bytes:
        if kind == "flip" and data:
            at = a % len(data)
            return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        if kind == "cut":
            return data[:a]
        if kind == "put":
            return data[:a] + token + data[a + len(token) * over :]
        if kind == "drop":
            return data[:a] + data[b:]
        if kind == "twice":
            return data[:b] + data[a:]
        return data[b:] + data[:b]

    return change


@st.composite
def _damages(draw: Any, contents: dict[str, bytes]) -> dict[str, bytes | None]:
    """Files of a reader: one or two damaged, gone (None), or exchanged."""
    found: dict[str, bytes | None] = dict(contents)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(contents)))
        what = draw(st.integers(0, 9))
        if what == 0:
            found[name] = None
        elif what == 1:
            found[name] = contents[draw(st.sampled_from(sorted(contents)))]
        else:
            data = found[name] or b""
            for _ in range(draw(st.integers(1, 3))):
                data = draw(damage(len(data)))(data)
            found[name] = data
    return found


def run(reader: Reader, examples: int, *, number: int = 0) -> None:
    """Damage valid content so many times; AssertionError with the least that breaks."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        reader.write(folder)
        paths = sorted(p for p in folder.rglob("*") if p.is_file())
        whole = {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}
        reader.read(folder)  # valid content can be read

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(_damages(whole))
        def tries(contents: dict[str, bytes | None]) -> None:
            for name, data in contents.items():
                if data is None:
                    (folder / name).unlink(missing_ok=True)
                else:
                    (folder / name).write_bytes(data)
            try:
                check(reader, folder)
            except AssertionError:
                _keep(reader, contents)
                raise

        tries()


def _keep(reader: Reader, contents: dict[str, bytes | None]) -> None:
    """The last content that broke a reader: after shrinking the least."""
    for name, data in contents.items():
        if data is not None:
            path = Path("fuzz_found") / reader.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def rounds(minutes: float, only: str) -> Iterator[tuple[int, Reader]]:
    """Readers in turn, with a number for each round, until the time is over."""
    chosen = [r for r in readers() if only in r.name]
    end, number = time.monotonic() + 60 * minutes, 0
    while chosen and time.monotonic() < end:
        number += 1
        for reader in chosen:
            if time.monotonic() < end:
                yield number, reader


def main() -> int:
    """Fuzz until the time is over; 1 if anything broke."""
    parser = argparse.ArgumentParser(description="Damage files, and read them.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", default="", help="readers with this in their name")
    given_ = parser.parse_args()
    tried, broken = 0, {}
    for number, reader in rounds(given_.minutes, given_.only):
        if reader.name in broken:
            continue
        try:
            run(reader, 200, number=number)
        except AssertionError as error:
            broken[reader.name] = str(error)
            print(f"{reader.name}: {error} (fuzz_found/{reader.name})", flush=True)
        tried += 200
        print(f"round {number} {reader.name}: {tried} files tried", flush=True)
    print(f"{tried} tried, {len(broken)} readers broken: {', '.join(broken)}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
