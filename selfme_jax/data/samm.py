"""SAMM (Davison et al. 2018): the official sheet and the names of its folders."""

import re
from collections.abc import Mapping
from pathlib import Path

from selfme_jax.data import annotated, sheets
from selfme_jax.data.release import Entry

EXPECTED = {3: 133, 5: 136}
APPLY = "Manchester Metropolitan University (a licence agreement)"
TREE = """\
SAMM_Micro_FACS_Codes_v2.xlsx
SAMM/006/006_1_2/006_05562.jpg"""


def identify(path: Path) -> tuple[str, str] | None:
    """Key of a folder: .../006_1_2."""
    match = re.fullmatch(r"0*(\d{1,3})_(\d+)_(\d+)", sheets.clean(path.name))
    if match is None:
        return None
    subject = f"{int(match[1]):03d}"
    return subject, f"{subject}_{int(match[2])}_{int(match[3])}"


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    key = identify(Path(row["sample"]))
    if key is None:
        raise ValueError(f"{row['sample']!r} is no clip name such as 006_1_2")
    return key


PATTERN = r"^samm.*(facs|micro)"  # of the name of its sheet
SHEET = annotated.Sheet(
    "samm",
    pattern=PATTERN,
    file="SAMM_Micro_FACS_Codes_*.xlsx",
    columns=("sample",),
    three={
        "happiness": "positive",
        "surprise": "surprise",
        **dict.fromkeys(
            ("anger", "contempt", "disgust", "fear", "sadness"), "negative"
        ),
    },
    five=("anger", "contempt", "happiness", "surprise", "other"),
    other={"others": "other"},
    key=_key,
)
classes = SHEET.classes


def read(root: Path, *, number: int = 3) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    Raises:
        UserError: see ``annotated.read``.
    """
    return annotated.read(root, SHEET, number=number)
