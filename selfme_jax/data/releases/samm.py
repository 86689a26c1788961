"""SAMM (Davison et al. 2018), 200 frames/s, grey scenes."""

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
    "Anger": 57,
    "Happiness": 26,
    "Surprise": 15,
    "Contempt": 12,
    "Disgust": 9,
    "Fear": 8,
    "Sadness": 6,
    "Other": 26,
}
FIVE = ("anger", "contempt", "happiness", "surprise", "other")
EIGHT = tuple(emotion.lower() for emotion in EMOTIONS)
SUBJECTS = (
    *(6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    *(22, 23, 24, 25, 26, 28, 30, 31, 32, 33, 34, 35, 36, 37),
)
BAD_APEX = ("028_4_1", "032_3_1")
SEED = 7
# Which of several action units is meant, as MEB found by their optical flow.
SETTLED = {
    ("007", "007_6_1"): ("(R6 or R12)+R15", "R12?+R15"),
    ("007", "007_6_5"): ("(R6 or R12) + R15", "R12?+R15"),
    ("011", "011_4_2"): ("L12 or L14", "L14?"),
    ("014", "014_5_2"): ("R12 or R14", "R14?"),
    ("035", "035_7_2"): ("R14A or 17A or 24A", "R14A?"),
}


def identify(path: Path) -> Key | None:
    """Key of a folder: .../006_1_2."""
    match = re.fullmatch(r"0*(\d{1,3})_(\d{1,4})_(\d{1,4})", clean(path.name))
    if match is None:
        return None
    subject = f"{int(match[1]):03d}"
    return subject, f"{subject}_{int(match[2])}_{int(match[3])}"


def _key(row: Mapping[str, str]) -> Key:
    key = identify(Path(row["sample"]))
    if key is None:
        raise ValueError(f"{short(row['sample'])} is no clip name such as 006_1_2")
    return key


def _rows() -> Iterator[tuple]:
    yield ("SAMM Dataset - Master FACS Codes",)
    yield from [(None,)] * 12
    yield (
        *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame"),
        *("Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion"),
        *("Objective Classes", "Notes"),
    )
    rng = np.random.default_rng(SEED)
    people = [n for n in SUBJECTS if n != 25]  # who shows 'Other' alone
    counts = dict.fromkeys(SUBJECTS, 0)
    line = 14
    for emotion, count in EMOTIONS.items():
        everyone = people if emotion != "Other" else SUBJECTS
        for i in range(count):
            line += 1
            number = everyone[i % len(everyone)]
            counts[number] += 1
            name = f"{number:03d}_{1 + counts[number] // 3}_{counts[number]}"
            onset = int(rng.integers(50, 9000))
            apex = onset + int(rng.integers(8, 25))
            offset = apex + int(rng.integers(8, 25))
            if number in (28, 32) and counts[number] == 1:
                name = BAD_APEX[number == 32]
                apex = offset + 40
            duration, aus = f"=SUM(F{line}-D{line})+1", _AUS[i % len(_AUS)]
            frames = (onset, apex, offset, duration)
            shown = ("Micro - 1/2", aus, emotion, 3, None)
            yield f"{number:03d}", name, 1, *frames, *shown


_AUS = (4, "4+7", "12", "L12A", "4D+ref(6)+7C+43E", "L12 or L14", "A/L12", "T23")


def _frame(entry: Entry, number: int) -> str:
    """Padding differs between clips."""
    width = 4 + sum(map(ord, entry.sample)) % 2
    folder = f"SAMM/{entry.subject}/{entry.sample}"
    return f"{folder}/{entry.subject}_{number:0{width}d}.jpg"


RELEASE = Release(
    name="samm",
    dataset="samm",
    title="SAMM",
    apply="Manchester Metropolitan University (a licence agreement)",
    tree="""\
SAMM_Micro_FACS_Codes_v2.xlsx
SAMM/006/006_1_2/006_05562.jpg""",
    fps=200,
    protocols={
        3: Protocol(
            THREE,
            {
                "happiness": "positive",
                "surprise": "surprise",
                **dict.fromkeys(
                    ("anger", "contempt", "disgust", "fear", "sadness"), "negative"
                ),
            },
            133,
            Counts(28, (92, 26, 15)),
        ),
        5: Protocol(FIVE, same(*FIVE), 136),
        8: Protocol(EIGHT, same(*EIGHT), 159, Counts(29, tuple(EMOTIONS.values()))),
        ALL: every(159, 29),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^samm.*(facs|micro)",
        file="SAMM_Micro_FACS_Codes_*.xlsx",
        required=("sample", "onset", "apex", "offset", "emotion"),
        key=_key,
        spellings={"others": "other"},
        settled=SETTLED,
    ),
    imitation=Imitation(
        *(4000, "SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY", _rows, _frame),
        grey=True,
    ),
)
