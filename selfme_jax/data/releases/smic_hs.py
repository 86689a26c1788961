"""SMIC-HS (Li et al. 2013), 100 frames/s: what its clips are called says all.

The sheet lacks seven clips and has one emotion wrong, so it is not needed; the class
is the prefix in a clip's name. There is no annotated apex.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from selfme_jax.data.releases.cells import clean, short
from selfme_jax.data.releases.record import (
    THREE,
    Counts,
    Entry,
    Imitation,
    Key,
    Protocol,
    Release,
    Sheet,
    same,
)

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
PREFIXES = dict(zip(("ne", "po", "sur"), THREE, strict=True))
LONG = "SMIC_HS_E"  # the folder of the long clips
LEFT_OUT = (
    *("s1_ne_02", "s2_sur_05", "s3_ne_03", "s3_ne_20"),
    *("s4_ne_05", "s4_ne_06", "s9_sur_02"),
)


def identify(path: Path) -> Key | None:
    """Key of a folder: .../s1_ne_01 or s01_ne_01, but not in non_micro."""
    if any("non_micro" in part.lower() for part in path.parts):
        return None
    name = clean(path.name).lower()
    match = re.fullmatch(r"s0*(\d{1,4})_(ne|po|sur)_0*(\d{1,4})", name)
    if match is None:
        return None
    subject = f"s{int(match[1]):02d}"
    return subject, f"{subject}_{match[2]}_{int(match[3]):02d}"


def _key(row) -> Key:
    key = identify(Path(row["sample"]))
    if key is None:
        raise ValueError(f"{short(row['sample'])} is no clip name such as s1_ne_01")
    return key


def _list() -> Iterator[tuple[Key, str]]:
    """Key and emotion of all 164 clips."""
    for subject, counts in COUNTS.items():
        for prefix, count in zip(PREFIXES, counts, strict=True):
            for clip in range(1, count + 1):
                key = f"s{subject:02d}", f"s{subject:02d}_{prefix}_{clip:02d}"
                yield key, PREFIXES[prefix]


def _rows() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", None, "OnsetF", "OffsetF", None, "FirstF", "LastF"),
        "Emotion",
    )
    line, onset = 1, 10_000
    for (subject, sample), emotion in _list():
        name = f"s{int(subject[1:])}_{sample.split('_', 1)[1]}"
        if name in LEFT_OUT:
            continue
        line, onset = line + 1, onset + 700
        shown = "negative" if name == "s18_sur_03" else emotion
        formulas = (f"=D{line}+30", None, f"=D{line}-100", f"=D{line}+200")
        yield int(subject[1:]), name, None, onset, *formulas, shown


def _frame(entry: Entry, number: int) -> str:
    person, kind = f"s{int(entry.subject[1:])}", entry.sample.split("_", 1)[1]
    folder = f"SMIC_all_cropped/HS/{person}/micro/{entry.emotion}/{person}_{kind}"
    return f"{folder}/reg_image{number:06d}.bmp"


RELEASE = Release(
    name="smic_hs",
    dataset="smic",
    title="SMIC-HS",
    apply="CMVS, University of Oulu (a licence agreement)",
    tree="""\
SMIC-HS-E_annotation.xlsx   (optional)
SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image000001.bmp
(or SMIC_all_raw/HS/...)""",
    fps=100,
    protocols={3: Protocol(THREE, same(*THREE), 164, Counts(16, (70, 51, 43)))},
    identify=identify,
    sheet=Sheet(
        pattern=r"^smichs",
        file="SMIC-HS-E_annotation.xlsx",
        required=("sample", "onset", "offset"),
        key=_key,
    ),
    imitation=Imitation(3000, "SMIC-HS-E_annotation.xlsx", "HS", _rows, _frame),
    listing=_list,
    long=LONG,
)
