"""Annotation sheets: the rows of an Excel or CSV table, found by their header.

Releases differ in the row the header stands on, in the case and spelling of column
names, and in cells that are numbers, text or formulas (read as last computed).
"""

import csv
import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from selfme_jax.data.manifest import read_bytes
from selfme_jax.data.releases.cells import clean, plain
from selfme_jax.types import UserError

# Column -> what releases call it, in letters and digits alone, lower case.
NAMES: Mapping[str, tuple[str, ...]] = {
    "subject": ("subject", "sub", "subjects", "subjectid", "subjectno"),
    "sample": ("filename", "file", "clip", "sample", "video", "videoname"),
    "onset": ("onsetframe", "onset", "onsetf", "onsetframeno"),
    "apex": ("apexframe", "apex", "apexf", "apexframeno"),
    "offset": ("offsetframe", "offset", "offsetf", "offsetframeno"),
    "aus": ("actionunits", "actionunit", "aus", "au"),
    "emotion": ("estimatedemotion", "emotion", "emotions", "expression"),
    "fps": ("fps",),
}
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".csv")
# What a table may measure: a cell in a far corner, or a zip that swells, is bounded.
ROWS, COLUMNS, LETTERS, BYTES = 20_000, 100, 1000, 2**28
_HEADER_WITHIN = 60  # rows


def find(root: Path, pattern: str) -> Path | None:
    """The first sheet below a folder whose name matches a pattern, if there is one.

    Names are compared without case, blanks and punctuation; Excel before CSV.
    """
    found = []
    for place, _, files in walk(root):
        for name in files:
            path = place / name
            good = path.suffix.lower() in SUFFIXES and name[0] not in ".~"
            if good and re.search(pattern, plain(path.stem)):
                depth = len(path.relative_to(root).parts)
                found.append((path.suffix.lower() == ".csv", depth, path))
    return min(found)[2] if found else None


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """os.walk in order, without hidden folders, through links, each folder once."""
    seen = set()
    for place, folders, files in os.walk(root, followlinks=True):
        here = os.path.realpath(place)
        if here in seen:  # a link in a circle
            folders[:] = []
            continue
        seen.add(here)
        folders[:] = sorted(n for n in folders if n[0] != "." and n != "__MACOSX")
        yield Path(place), folders, files


def read(
    path: Path,
    required: Sequence[str],
    *,
    names: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> list[dict[str, str]]:
    """Rows under the header, cells as stripped text, rows without a sample left out.

    Args:
        path: one of SUFFIXES.
        required: keys of NAMES that must be there; '' for others that are not.
        names: what this sheet calls a column besides.

    Raises:
        UserError: not readable, a column is missing, or a cell is out of all bounds.
    """
    known = {key: (*names.get(key, ()), *own) for key, own in NAMES.items()}
    best: set[str] = set()
    for table in _tables(path):
        for number, line in enumerate(table[:_HEADER_WITHIN]):
            at = _header(line, known)
            if set(required) <= at.keys():
                return list(_rows(path, table[number + 1 :], at))
            best = max(best, set(at) & set(required), key=len)
    absent = [name for name in required if name not in best]
    raise UserError(
        f"{path} has no column for {', '.join(absent)} (such as "
        f"{', '.join(repr(known[name][0]) for name in absent)}).\n"
        "Restore the header of the official sheet."
    )


def _header(
    line: Sequence[object], known: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Column -> where it stands; of several names the first known one counts."""
    words = [plain(cell) for cell in line]
    at = {}
    for key, names in known.items():
        found = [name for name in names if name in words]
        if found:
            at[key] = words.index(found[0])
    return at


def _rows(
    path: Path, table: Sequence[Sequence[object]], at: Mapping[str, int]
) -> Iterator[dict[str, str]]:
    for line in table:
        row = {key: _cell(line, at.get(key)) for key in NAMES}
        if not row["sample"]:
            continue
        for key, cell in row.items():
            if len(cell) > LETTERS:
                raise UserError(
                    f"{path}: a cell of {len(cell)} letters under {key}. "
                    "Restore the official sheet."
                )
        yield row


def _cell(row: Sequence[object], at: int | None) -> str:
    return "" if at is None or at >= len(row) else clean(row[at])


def _tables(path: Path) -> list[list[Sequence[object]]]:
    data = read_bytes(path)
    if path.suffix.lower() == ".csv":
        try:
            return [list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{path} is no UTF-8 CSV file. Save it anew.") from error
    read_book = _old_book if path.suffix.lower() == ".xls" else _book
    try:
        return read_book(data)
    except Exception as error:  # these readers promise nothing about damaged files
        raise UserError(
            f"{path} is no readable Excel file ({len(data)} bytes). Copy it again."
        ) from error


def _book(data: bytes) -> list[list[Sequence[object]]]:
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        if sum(part.file_size for part in parts.infolist()) > BYTES:
            raise ValueError("swells beyond all sheets")
    # Streamed: a whole table in memory has every cell up to the farthest one.
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    return [
        list(sheet.iter_rows(max_row=ROWS, max_col=COLUMNS, values_only=True))
        for sheet in book.worksheets
    ]


def _old_book(data: bytes) -> list[list[Sequence[object]]]:
    import xlrd

    # ragged rows: no cell of a far corner is filled up to
    quiet = io.StringIO()
    book = xlrd.open_workbook(file_contents=data, ragged_rows=True, logfile=quiet)
    return [
        [sheet.row_values(i)[:COLUMNS] for i in range(min(sheet.nrows, ROWS))]
        for sheet in book.sheets()
    ]
