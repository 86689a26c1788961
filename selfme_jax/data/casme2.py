"""CASME II (Yan et al. 2014): the official sheet and the names of its folders."""

import re
from collections.abc import Mapping
from pathlib import Path

from selfme_jax.data import annotated, sheets
from selfme_jax.data.release import Entry

EXPECTED = {3: 145, 5: 246}
APPLY = "the CASME group, casme.psych.ac.cn (an agreement signed by your institution)"
TREE = """\
CASME2-coding-20140508.xlsx
Cropped/sub01/EP02_01f/reg_img46.jpg   (or
CASME2_RAW_selected/sub01/EP02_01f/img46.jpg)"""


def identify(path: Path) -> tuple[str, str] | None:
    """Key of a folder: .../sub01/EP02_01f, .../1/EP02_01f."""
    subject, sample = _subject(path.parent.name), _sample(path.name)
    return (subject, sample) if subject and sample else None


def _subject(name: str) -> str:
    """'1', '01', '1.0' (a number in a sheet) or 'sub01' -> 'sub01'; else ''."""
    match = re.fullmatch(r"(?:sub)?0*(\d+)(?:\.0*)?", sheets.clean(name).lower())
    return f"sub{int(match[1]):02d}" if match else ""


def _sample(name: str) -> str:
    """'EP02_01f' in any case -> itself; '' where it is no such name."""
    name = sheets.clean(name)
    good = re.fullmatch(r"(?i)ep\d+[0-9_f]*", name)
    return "EP" + name[2:].lower() if good else ""


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    subject, sample = _subject(row["subject"]), _sample(row["sample"])
    if not subject:
        raise ValueError(f"{row['subject']!r} is no subject")
    if not sample:
        raise ValueError(f"{row['sample']!r} is no clip name such as EP02_01f")
    return subject, sample


PATTERN = r"^casme(2|ii)coding"  # of the name of its sheet
SHEET = annotated.Sheet(
    "casme2",
    pattern=PATTERN,
    file="CASME2-coding-*.xlsx",
    columns=("subject", "sample"),
    three={
        "happiness": "positive",
        "surprise": "surprise",
        "disgust": "negative",
        "repression": "negative",
    },
    five=("happiness", "disgust", "repression", "surprise", "others"),
    other={"other": "others"},
    key=_key,
)
classes = SHEET.classes


def read(root: Path, *, number: int = 3) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    In that of 3 the clips of which onset and apex are not two annotated frames are
    dropped, as the published list does.

    Raises:
        UserError: see ``annotated.read``.
    """
    entries = annotated.read(root, SHEET, number=number)
    if number != 3:
        return entries
    return [e for e in entries if e.apex is not None and e.apex != e.onset]
