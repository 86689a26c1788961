"""Annotation sheets: the rows of an Excel or CSV table, found by their header.

Releases differ in the row the header stands on, in the case and spelling of column
names, and in cells that are numbers, text or formulas (read as last computed).
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from selfme_jax.data.manifest import read_bytes
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
}
_HEADER_WITHIN = 60  # rows


def find(root: Path, pattern: str) -> Path | None:
    """The first sheet below a folder whose name matches a pattern, if there is one.

    Names are compared without case, blanks and punctuation; Excel before CSV.
    """
    found = []
    for place, _, files in walk(root):
        for name in files:
            path = place / name
            good = path.suffix.lower() in (".xlsx", ".xlsm", ".csv")
            if good and name[0] not in ".~" and re.search(pattern, _plain(path.stem)):
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
    path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Rows under the header, cells as stripped text, rows without a sample left out.

    Args:
        path: .xlsx, .xlsm or .csv.
        columns: keys of NAMES that must be there.
        optional: keys that may be; '' where they are not.

    Raises:
        UserError: not readable, or a column is missing.
    """
    best: set[str] = set()
    for table in _tables(path):
        for number, line in enumerate(table[:_HEADER_WITHIN]):
            at = _header(line)
            if set(columns) <= at.keys():
                wanted = (*columns, *optional)
                rows = [
                    {key: _cell(row, at.get(key)) for key in wanted}
                    for row in table[number + 1 :]
                ]
                return [row for row in rows if row["sample"]]
            best = max(best, set(at) & set(columns), key=len)
    absent = [name for name in columns if name not in best]
    raise UserError(
        f"{path} has no column for {', '.join(absent)} (such as "
        f"{', '.join(repr(NAMES[name][0]) for name in absent)}).\n"
        "Restore the header of the official sheet."
    )


def integer(cell: str) -> int | None:
    """The whole number a cell holds ('46', '46.0'), or None ('/', '', '?')."""
    match = re.fullmatch(r"(\d+)(?:\.0*)?", cell)
    return int(match[1]) if match else None


def clean(text: object) -> str:
    """Text of a cell: one form of each letter, blanks of all kinds stripped."""
    return "" if text is None else unicodedata.normalize("NFKC", str(text)).strip()


def _plain(text: object) -> str:
    return re.sub(r"[^a-z0-9]", "", clean(text).lower())


def _header(line: Sequence[object]) -> dict[str, int]:
    names = [_plain(cell) for cell in line]
    found = {}
    for key, known in NAMES.items():
        at = [i for i, name in enumerate(names) if name in known]
        if at:
            found[key] = at[0]
    return found


def _cell(row: Sequence[object], at: int | None) -> str:
    return "" if at is None or at >= len(row) else clean(row[at])


def _tables(path: Path) -> list[list[Sequence[object]]]:
    data = read_bytes(path)
    if path.suffix.lower() == ".csv":
        try:
            return [list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{path} is no UTF-8 CSV file. Save it anew.") from error
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    except Exception as error:  # openpyxl promises nothing about damaged files
        raise UserError(
            f"{path} is no readable Excel file ({len(data)} bytes). Copy it again."
        ) from error
    return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
