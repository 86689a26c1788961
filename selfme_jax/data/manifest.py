"""``manifest.csv``: the samples a run used, one row each, and its digest."""

import csv
import hashlib
import io
import os
import stat
from collections.abc import Sequence

import numpy as np

from selfme_jax import files
from selfme_jax.data.protocol import CLASSES, parse_label
from selfme_jax.types import Sample, UserError

COLUMNS = ("dataset", "subject", "sample", "label", "emotion", "sha256", "apex_source")
LETTERS = 1000  # of a cell: it becomes part of names and pages
OPTIONAL = "aus"  # a column where any sample has it


def content_sha256(array: np.ndarray) -> str:
    """Hex SHA-256 of an array: shape, dtype and bytes in C order."""
    head = f"{array.shape} {array.dtype.str} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def read_bytes(path: str | os.PathLike) -> bytes:
    """Content of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        # A pipe would be waited for, a device may never end.
        if not files.remote(path) and os.path.exists(path):
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise ValueError("no regular file")
        return files.path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot read {path}: {why}. Restore the file or correct its name."
        ) from error


def write(
    path: str | os.PathLike,
    samples: Sequence[Sample],
    *,
    classes: Sequence[str] = CLASSES,
) -> None:
    """Write the manifest; the bytes depend on the samples and classes alone."""
    files.write(files.path(path), _encode(samples, classes))


def digest(samples: Sequence[Sample], *, classes: Sequence[str] = CLASSES) -> str:
    """Hex SHA-256 of the file that ``write`` makes of these samples."""
    return hashlib.sha256(_encode(samples, classes)).hexdigest()


def read(
    path: str | os.PathLike, *, classes: Sequence[str] = CLASSES
) -> tuple[Sample, ...]:
    """Read a manifest that ``write`` made.

    Raises:
        UserError: not readable, a column missing, or a label not in ``classes``.
    """
    return tuple(
        Sample(
            row["dataset"],
            row["subject"],
            row["sample"],
            parse_label(row["label"], classes),
            row["emotion"],
            row["sha256"],
            row["apex_source"],
            row.get(OPTIONAL, ""),
        )
        for row in rows(path, COLUMNS)
    )


def people(path: str | os.PathLike) -> set[str]:
    """Who is in a manifest, as ``Sample.person``; the classes do not matter."""
    return {f"{row['dataset']}/{row['subject']}" for row in rows(path, COLUMNS)}


def rows(path: str | os.PathLike, required: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header, cells stripped, blank lines left out.

    Reads UTF-8 with or without a byte order mark, and any line ending.

    Raises:
        UserError: not readable, not UTF-8, a required column or cell missing.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8 CSV."
        ) from error
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file ({error}). Save it anew.") from error
    lines = [[cell.strip() for cell in line] for line in lines]
    lines = [line for line in lines if any(line)]
    if not lines:
        raise UserError(f"{path} is empty. Give it the columns {', '.join(required)}.")
    header, *body = lines
    header = [name.lower() for name in header]
    absent = [name for name in required if name not in header]
    if absent:
        raise UserError(
            f"{path} has no column {', '.join(absent)}; found {', '.join(header)}.\n"
            f"Give it the columns {', '.join(required)}, separated by commas."
        )
    for number, line in enumerate(body, start=1):
        if len(line) != len(header):
            raise UserError(
                f"{path}, row {number}: {len(line)} cells under {len(header)} columns. "
                "Quote cells that contain a comma."
            )
        longest = max(map(len, line))
        if longest > LETTERS:
            raise UserError(
                f"{path}, row {number}: a cell of {longest} letters. "
                f"Shorten it to at most {LETTERS}."
            )
    return [dict(zip(header, line, strict=True)) for line in body]


def _encode(samples: Sequence[Sample], classes: Sequence[str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    columns = (*COLUMNS, OPTIONAL) if any(s.aus for s in samples) else COLUMNS
    writer.writerow(columns)
    for s in samples:
        row = s._asdict() | {"label": classes[s.label]}
        writer.writerow(list(row.values())[: len(columns)])
    return out.getvalue().encode()
