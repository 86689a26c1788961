"""SMIC-HS (Li et al. 2013): what its clips are called says all.

The sheet lacks seven clips and has one emotion wrong, so it is not needed; the class
is the prefix in a clip's name. There is no annotated apex.
"""

import re
from pathlib import Path

from selfme_jax.data import protocol, sheets
from selfme_jax.data.release import Entry
from selfme_jax.types import UserError

# Clips of (ne, po, sur) that each subject has, numbered from 1.
COUNTS = {
    1: (3, 2, 1),
    2: (0, 1, 5),
    3: (22, 11, 6),
    4: (10, 4, 5),
    5: (1, 0, 1),
    6: (2, 0, 2),
    8: (9, 4, 0),
    9: (0, 1, 3),
    11: (3, 3, 1),
    12: (0, 8, 1),
    13: (0, 10, 0),
    14: (3, 2, 5),
    15: (1, 1, 2),
    18: (2, 0, 5),
    19: (0, 1, 1),
    20: (14, 3, 5),
}
PREFIXES = ("ne", "po", "sur")
EXPECTED = {3: 164}
APPLY = "CMVS, University of Oulu (a licence agreement)"
TREE = """\
SMIC-HS-E_annotation.xlsx   (optional)
SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image000001.bmp
(or SMIC_all_raw/HS/...)"""
PATTERN = r"^smichs"  # of the name of its sheet


def classes(number: int) -> tuple[str, ...]:
    """Names of the classes; there are 3.

    Raises:
        UserError: another number is asked for.
    """
    if number != 3:
        raise UserError("SMIC is annotated in 3 classes only. Set --classes=3.")
    return protocol.CLASSES


def read(root: Path, *, number: int = 3) -> list[Entry]:
    """All 164 clips; onset and offset of the long clips (SMIC-E) from a sheet.

    Raises:
        UserError: a sheet that cannot be read.
    """
    names = classes(number)
    spans = _spans(root)
    return [
        _entry(subject, prefix, clip + 1, names, spans)
        for subject, counts in COUNTS.items()
        for prefix, count in zip(PREFIXES, counts, strict=True)
        for clip in range(count)
    ]


def _entry(subject: int, prefix: str, clip: int, names, spans) -> Entry:
    label = PREFIXES.index(prefix)
    sample = f"s{subject:02d}_{prefix}_{clip:02d}"
    onset, offset = spans.get(sample, (None, None))
    return Entry(
        *("smic", f"s{subject:02d}", sample, label, names[label]),
        onset=onset,
        offset=offset,
        fps=100,
    )


def _spans(root: Path) -> dict[str, tuple[int | None, int | None]]:
    """Onset and offset by clip, where the long clips lie below ``root``.

    Elsewhere a clip's folder holds onset to offset and nothing else.
    """
    path = sheets.find(root, PATTERN)
    if path is None or not any(root.rglob("SMIC_HS_E")):
        return {}
    rows = sheets.read(path, ("sample", "onset", "offset"))
    keys = [identify(Path(row["sample"])) for row in rows]
    return {
        key[1]: (sheets.integer(row["onset"]), sheets.integer(row["offset"]))
        for key, row in zip(keys, rows, strict=True)
        if key is not None
    }


def identify(path: Path) -> tuple[str, str] | None:
    """Key of a folder: .../s1_ne_01 or s01_ne_01, but not in non_micro."""
    if any("non_micro" in part.lower() for part in path.parts):
        return None
    name = sheets.clean(path.name).lower()
    match = re.fullmatch(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", name)
    if match is None:
        return None
    subject = f"s{int(match[1]):02d}"
    return subject, f"{subject}_{match[2]}_{int(match[3]):02d}"
