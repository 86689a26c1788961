"""Releases of a few clips with frames of 24 pixels, whole or to be damaged."""

import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import openpyxl

from selfme_jax.data.releases import inspection, registry
from selfme_jax.data.releases.inspection import Options, Survey
from selfme_jax.run import verification
from selfme_jax.types import UserError

SIDE = 24
HEAD = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame"),
    *(None, "Action Units", "Estimated Emotion"),
)
# The first row of a clip is damaged; all have frames from onset to offset.
CASME2 = (
    ("01", "EP02_01f", None, 46, 50, 54, None, 12, "happiness"),
    ("01", "EP03_02", None, 10, 14, 18, None, "4+L7?", "disgust"),
    ("02", "EP04_03f", None, 7, 11, 15, None, "R12+14", "surprise"),
    ("02", "EP01_04", None, 98, 102, 106, None, 4, "repression"),
    ("03", "EP05_05", None, 200, 204, 208, None, 4, "disgust"),
    ("03", "EP06_06f", None, 1, 5, 9, None, 1, "others"),
    ("03", "EP07_07", None, 1, 5, 9, None, 1, "sadness"),
)
SAMM_HEAD = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame"),
    *("Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion"),
)
SAMM = (
    ("006", "006_1_2", 1, 5562, 5566, 5570, 9, "Micro - 1/2", 4, "Anger"),
    ("006", "006_1_3", 1, 98, 102, 106, 9, "Micro - 1/2", 12, "Happiness"),
    ("007", "007_3_1", 1, 300, 304, 308, 9, "Micro - 1/2", "4+7", "Other"),
)
SMIC = ("s1_ne_01", "s1_ne_02", "s1_po_01", "s1_sur_01")
EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
SHEETS = {"casme2": "CASME2-coding-20140508.xlsx", "samm": "SAMM_Micro_FACS_v2.xlsx"}
LEAD = ("missing: ", "frames missing: ", "odd: ", "same content: ")


def write(name: str, root: Path) -> Path:
    """A sound release of a few clips, below a new folder."""
    root.mkdir(parents=True)
    if name == "casme2":
        write_sheet(root / SHEETS[name], [HEAD, *CASME2])
        for row in CASME2:
            folder = root / "Cropped" / f"sub{row[0]}" / row[1]
            write_clip(folder, "reg_img{}.jpg", range(row[3], row[5] + 1))
    elif name == "samm":
        rows = [("SAMM Dataset",), *[(None,)] * 12, SAMM_HEAD, *SAMM]
        write_sheet(root / SHEETS[name], rows)
        for row in SAMM:
            names = row[0] + "_{:05d}.jpg"
            write_clip(
                root / "SAMM" / row[0] / row[1], names, range(row[3], row[5] + 1)
            )
    else:
        place = root / "SMIC_all_cropped" / "HS" / "s1" / "micro"
        for sample in SMIC:
            folder = place / EMOTIONS[sample.split("_")[1]] / sample
            write_clip(folder, "reg_image{:06d}.bmp", range(1234, 1240))
    return root


def write_clip(folder: Path, names: str, numbers: Iterable[int]) -> None:
    """Smooth frames that slowly brighten; another picture for each folder name."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(zlib.crc32(folder.name.encode()))
    picture = cv2.resize(rng.uniform(40, 200, (4, 4, 3)), (SIDE, SIDE))
    for shift, number in enumerate(numbers):
        frame = np.clip(picture + 4 * shift, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / names.format(number)), frame)


def write_sheet(path: Path, rows: Sequence[Sequence]) -> None:
    """An Excel file of these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def clip_folder(root: Path, name: str = "casme2") -> Path:
    """Folder of the first clip."""
    return (
        root
        / {
            "casme2": "Cropped/sub01/EP02_01f",
            "smic_hs": "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01",
            "samm": "SAMM/006/006_1_2",
        }[name]
    )


def quiet(*_) -> None:
    """No progress is told."""


def look(name: str, source, cache: Path, **options) -> Survey:
    """A survey for crops of 16 pixels."""
    options = Options(**{"size": 16, **options})
    return inspection.run(name, str(source), options, cache, quiet)


def lines(found: Survey, number: int = 3) -> set[str]:
    """What the table says is missing or odd, but clips that a tiny SMIC has not."""
    text = verification.text(found, registry.classes(found.name, number))
    return {
        line
        for line in text.splitlines()
        if line.startswith(LEAD)
        and not (line.startswith("missing: smic") and _not_made(line))
    }


def _not_made(line: str) -> bool:
    sample = re.search(r"s\d+_\w+", line)[0]
    return sample.replace("s01", "s1") not in SMIC


def refusal(error: UserError) -> str:
    """The message, once it is found to be short and to give a remedy."""
    text = str(error)
    assert 1 <= len(text.splitlines()) <= 8, text
    assert all(line.strip() for line in text.splitlines()), text
    remedies = "Put Restore Copy Set Save Choose Use Wait Make Apply Complete Correct"
    remedies += " Prepare Run Delete"
    assert any(re.search(rf"\b{word}\b", text) for word in remedies.split()), text
    assert "Traceback" not in text and "Error(" not in text
    return text
