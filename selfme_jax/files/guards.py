"""What fails with a user's files, as lines with the remedy.

``reading``: content that cannot be decoded, or is not what it should be. ``guard``:
what the disk refuses, wherever a library comes upon it.
"""

import csv
import errno
import lzma
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError

from selfme_jax.types import UserError

# Whatever decoding raises on damaged content. Not ``Exception``: a SIGTERM that arrives
# meanwhile, or a loss that is not finite, is an exception as well.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError),
    *(MemoryError, OSError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(csv.Error, lzma.LZMAError, struct.error, tokenize.TokenError, zlib.error),
    *(zipfile.BadZipFile, SafetensorError),
)
_LONGEST = 200  # characters of what a library says

_ROOM = "Make room there; the same command goes on where it was."
_ALLOW = "Make it readable and writable for you, or choose another place."
_AWAY = "Something else lies there: move it away, or choose another place."
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "Allow larger files there (ulimit -f); the same command goes on.",
    errno.EROFS: "Choose a place that can be written to.",
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EISDIR: _AWAY,
    errno.ENOTDIR: _AWAY,
    errno.EEXIST: _AWAY,
    errno.ENOTEMPTY: _AWAY,
    errno.ELOOP: "Correct the links there, or choose another place.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOENT: "It was taken away, or never there: put it back.",
    errno.EMFILE: "Allow more open files (ulimit -n 4096).",
    errno.EIO: "The disk itself fails: choose another one.",
    errno.ESTALE: "The shared file system lost it: the same command goes on.",
    errno.ENXIO: _AWAY,
}
# tensorstore writes the arrays of checkpoints; orbax says an errno only in words.
_SAID = re.compile(r"os_error_code='(\d+)'|\[OS error (\d+)|\[Errno (\d+)\]")
_NAMED = re.compile(r"""["'](/[^"'\n]+)["']""")


@contextmanager
def reading(place: str | os.PathLike, remedy: str) -> Iterator[None]:
    """Within, whatever fails is the fault of what lies at ``place``.

    Raises:
      UserError: two lines, the second one ``remedy``.
    """
    try:
        yield
    except _DAMAGE as error:
        said = reason(error)
        raise UserError(f"cannot read {_shown(place)}: {said}.\n{remedy}") from error


@contextmanager
def guard(place: str | os.PathLike = "a file") -> Iterator[None]:
    """Within, what the disk refuses is a ``UserError``; everything else passes.

    Once around a whole command is enough: it finds out which file it was.

    Args:
      place: to name where an error does not say it (a folder that is written to).
    """
    try:
        yield
    except UserError:  # it says what to do already
        raise
    except Exception as error:
        if text := explain(error, place):
            raise UserError(text) from error
        raise


def explain(error: BaseException, place: str | os.PathLike = "a file") -> str:
    """Two lines on what the disk refused, by the error or its causes; '' = another."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if not isinstance(cause, UserError) and (number := _number(cause)):
            where = _where(cause) or _shown(place)
            return f"{where}: {os.strerror(number)}.\n{_REMEDIES[number]}"
        cause = cause.__cause__ or cause.__context__
    return ""


def reason(error: BaseException) -> str:
    """One line of what went wrong."""
    if isinstance(error, KeyError) and error.args:
        return f"it has no {error.args[0]!r}"[:_LONGEST]
    if isinstance(error, MemoryError):
        return "it does not fit the memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(getattr(error, "strerror", None) or error).strip()
    lines = "".join(c if c.isprintable() else "\n" for c in text).strip().splitlines()
    return lines[0][:_LONGEST].rstrip(". ") if lines else type(error).__name__


def _number(error: BaseException) -> int:
    """errno of an error that has or says one for which there is a remedy; else 0."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := _SAID.search(str(error))):
        number = int(next(filter(None, found.groups())))
    return number if number in _REMEDIES else 0


def _where(error: BaseException) -> str:
    """The file that an error is about; '' where it does not say."""
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    if named is not None:
        return _shown(os.fsdecode(named) if isinstance(named, str | bytes) else named)
    found = _NAMED.search(str(error))
    return _shown(found[1]) if found else ""


def _shown(place: object) -> str:
    """A place in a message: printable, on one line."""
    text = os.fspath(place) if isinstance(place, os.PathLike) else str(place)
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= 2 * _LONGEST else f"...{shown[-2 * _LONGEST :]}"
