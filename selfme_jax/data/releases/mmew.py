"""MMEW (Ben et al. 2021), 90 frames/s."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from selfme_jax.data.releases.cells import clean, short
from selfme_jax.data.releases.record import (
    ALL,
    THREE,
    Counts,
    Entry,
    Imitation,
    Key,
    Protocol,
    Release,
    Sheet,
    every,
    same,
)

EMOTIONS = {
    "surprise": 89,
    "disgust": 72,
    "others": 66,
    "happiness": 36,
    "fear": 16,
    "sadness": 13,
    "anger": 8,
}
SIX = tuple(emotion for emotion in EMOTIONS if emotion != "others")
FOUR = ("happiness", "surprise", "disgust", "others")
PEOPLE = range(1, 31)
_NUMBERS = dict(zip(EMOTIONS, (2, 5, 6, 1, 4, 3, 7), strict=True))
_AUS = ("4", "1+2", "5", "4+7", "12", "10", "R12", "14?")
SEED = 23


def identify(path: Path) -> Key | None:
    """Key of a folder: .../Micro_Expression/anger/S13-07-001; no macro-expressions."""
    parts = [clean(part).lower() for part in path.parts]
    match = re.fullmatch(r"s0*(\d{1,3})-0*(\d{1,3})-0*(\d{1,4})", parts[-1])
    if match is None or any("macro" in part for part in parts):
        return None
    subject = f"S{int(match[1]):02d}"
    return subject, f"{subject}-{int(match[2]):02d}-{int(match[3]):03d}"


def _key(row: Mapping[str, str]) -> Key:
    key = identify(Path(row["sample"]))
    if key is None:
        raise ValueError(f"{short(row['sample'])} is no clip name such as S13-07-001")
    return key


def _rows() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"),
        *("Action Units", "Estimated Emotion", "remarks"),
    )
    rng = np.random.default_rng(SEED)
    counts: dict[tuple[int, str], int] = {}
    line = 0
    for emotion, count in EMOTIONS.items():
        for _ in range(count):
            number, line = PEOPLE[line % len(PEOPLE)], line + 1
            key = number, emotion
            counts[key] = counts.get(key, 0) + 1
            name = f"S{number:02d}-{_NUMBERS[emotion]:02d}-{counts[key]:03d}"
            apex = 1 + int(rng.integers(5, 12))
            offset = apex + int(rng.integers(5, 12))
            # Some are numbered as in the long video, as sources disagree.
            start = 400 if line % 9 == 0 else 0
            frames = (start + 1, start + apex, start + offset)
            aus, remark = _AUS[line % len(_AUS)], "blink" if line % 20 == 0 else None
            yield number, name, *frames, aus, emotion, remark


def _frame(entry: Entry, number: int) -> str:
    """Numbered from 1, whatever the sheet counts from."""
    folder = f"MMEW_Final/Micro_Expression/{entry.emotion}/{entry.sample}"
    return f"{folder}/{number - (entry.onset or 1) + 1}.jpg"


RELEASE = Release(
    name="mmew",
    dataset="mmew",
    title="MMEW",
    apply="the makers of MMEW, dpailab.com/database.html (a licence agreement)",
    tree="""\
MMEW_Micro_Exp.xlsx
MMEW_Final/Micro_Expression/anger/S13-07-001/1.jpg""",
    fps=90,
    protocols={
        3: Protocol(
            THREE,
            {
                "happiness": "positive",
                "surprise": "surprise",
                **dict.fromkeys(("disgust", "fear", "sadness", "anger"), "negative"),
            },
            234,
        ),
        4: Protocol(FOUR, same(*FOUR), 263),
        6: Protocol(SIX, same(*SIX), 234),
        7: Protocol(
            tuple(EMOTIONS), same(*EMOTIONS), 300, Counts(30, tuple(EMOTIONS.values()))
        ),
        ALL: every(300, 30),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^mmewmicro",
        file="MMEW_Micro_Exp.xlsx",
        required=("sample", "onset", "apex", "offset", "emotion"),
        key=_key,
        spellings={"other": "others"},
    ),
    imitation=Imitation(8000, "MMEW_Micro_Exp.xlsx", "Sheet1", _rows, _frame),
    cropped=True,
    relative=True,
)
