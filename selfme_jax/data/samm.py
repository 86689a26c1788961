"""SAMM (Davison et al. 2018): the official sheet and the names of its folders."""

import re
from pathlib import Path

from selfme_jax.data import protocol, sheets
from selfme_jax.data.release import Entry
from selfme_jax.types import UserError

# Emotion -> class, in the protocol of 3 classes (MEGC 2019) and of 5.
THREE = {
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
}
FIVE = ("anger", "contempt", "happiness", "surprise", "other")
EXPECTED = {3: 133, 5: 136}
APPLY = "Manchester Metropolitan University (a licence agreement)"
TREE = """\
SAMM_Micro_FACS_Codes_v2.xlsx
SAMM/006/006_1_2/006_05562.jpg"""
SHEET = r"^samm.*(facs|micro)"


def classes(number: int) -> tuple[str, ...]:
    """Names of the classes of a protocol."""
    return protocol.CLASSES if number == 3 else FIVE


def read(root: Path, *, number: int = 3) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    Raises:
        UserError: no sheet, an unreadable one, an odd name or a clip listed twice.
    """
    path = sheets.find(root, SHEET)
    if path is None:
        raise UserError(
            f"no annotation sheet SAMM_Micro_FACS_Codes_*.xlsx below {root}. Put it "
            "there."
        )
    columns = ("sample", "onset", "apex", "offset", "emotion")
    entries: dict[tuple[str, str], Entry] = {}
    for row in sheets.read(path, columns, optional=("aus",)):
        emotion = row["emotion"].lower()
        emotion = "other" if emotion == "others" else emotion
        name = THREE.get(emotion) if number == 3 else emotion
        if name not in classes(number):
            continue
        key = identify(Path(row["sample"]))
        if key is None:
            raise UserError(
                f"{path}: {row['sample']!r} is no clip name such as 006_1_2. "
                "Restore the sheet."
            )
        if key in entries:
            raise UserError(f"{path} lists {key[1]} twice. Restore the sheet.")
        frames = (sheets.integer(row[k]) for k in columns[1:4])
        label = classes(number).index(name)
        entries[key] = Entry("samm", *key, label, emotion, *frames, row["aus"])
    return list(entries.values())


def identify(path: Path) -> tuple[str, str] | None:
    """Key of a folder: .../006_1_2."""
    match = re.fullmatch(r"0*(\d{1,3})_(\d+)_(\d+)", sheets.clean(path.name))
    if match is None:
        return None
    subject = f"{int(match[1]):03d}"
    return subject, f"{subject}_{int(match[2])}_{int(match[3])}"
