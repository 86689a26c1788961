"""CASME II (Yan et al. 2014): the official sheet and the names of its folders."""

import re
from pathlib import Path

from selfme_jax.data import protocol, sheets
from selfme_jax.data.release import Entry
from selfme_jax.types import UserError

# Emotion -> class, in the protocol of 3 classes (MEGC 2019) and of 5.
THREE = {
    "happiness": "positive",
    "surprise": "surprise",
    "disgust": "negative",
    "repression": "negative",
}
FIVE = ("happiness", "disgust", "repression", "surprise", "others")
EXPECTED = {3: 145, 5: 246}
APPLY = "the CASME group, casme.psych.ac.cn (an agreement signed by your institution)"
TREE = """\
CASME2-coding-20140508.xlsx
Cropped/sub01/EP02_01f/reg_img46.jpg   (or
CASME2_RAW_selected/sub01/EP02_01f/img46.jpg)"""
SHEET = r"^casme(2|ii)coding"


def classes(number: int) -> tuple[str, ...]:
    """Names of the classes of a protocol."""
    return protocol.CLASSES if number == 3 else FIVE


def read(root: Path, *, number: int = 3) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    In that of 3 the clips of which onset and apex are not two annotated frames are
    dropped, as the published list does.

    Raises:
        UserError: no sheet, an unreadable one, or a clip listed twice.
    """
    path = sheets.find(root, SHEET)
    if path is None:
        raise UserError(
            f"no annotation sheet CASME2-coding-*.xlsx below {root}. Put it there."
        )
    columns = ("subject", "sample", "onset", "apex", "offset", "emotion")
    entries: dict[tuple[str, str], Entry] = {}
    for row in sheets.read(path, columns, optional=("aus",)):
        emotion = row["emotion"].lower()
        emotion = "others" if emotion == "other" else emotion
        name = THREE.get(emotion) if number == 3 else emotion
        if name not in classes(number):
            continue
        onset, apex, offset = (sheets.integer(row[k]) for k in columns[2:5])
        if number == 3 and (apex is None or apex == onset):
            continue
        person = subject(row["subject"], path)
        key = identify(Path(person, row["sample"]))
        if key is None:
            raise UserError(
                f"{path}: {row['sample']!r} is no clip name such as EP02_01f. "
                "Restore the sheet."
            )
        entry = Entry(
            "casme2",
            *key,
            classes(number).index(name),
            emotion,
            onset,
            apex,
            offset,
            row["aus"],
        )
        if entry.key in entries:
            raise UserError(f"{path} lists {entry.name} twice. Restore the sheet.")
        entries[entry.key] = entry
    return list(entries.values())


def subject(cell: str, path: Path) -> str:
    """'1', '01', 1 or 'sub01' -> 'sub01'.

    Raises:
        UserError: none of these.
    """
    match = re.fullmatch(r"(?:sub)?0*(\d+)(?:\.0*)?", cell.lower())
    if not match:
        raise UserError(f"{path}: {cell!r} is no subject. Restore the official sheet.")
    return f"sub{int(match[1]):02d}"


def identify(path: Path) -> tuple[str, str] | None:
    """Key of a folder: .../sub01/EP02_01f, .../1/EP02_01f."""
    name = sheets.clean(path.name)
    above = re.fullmatch(r"(?:sub)?0*(\d+)", sheets.clean(path.parent.name).lower())
    if above is None or not re.fullmatch(r"(?i)ep\d+[0-9_f]*", name):
        return None
    return f"sub{int(above[1]):02d}", "EP" + name[2:].lower()
