"""CASME II (Yan et al. 2014), 200 frames/s.

The public versions of the sheet (2014, 2019) have the same clips and emotions; 57 cells
of action units differ.
"""

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
    "happiness": 32,
    "surprise": 25,
    "disgust": 63,
    "repression": 27,
    "others": 99,
    "sadness": 7,
    "fear": 2,
}
FIVE = ("happiness", "disgust", "repression", "surprise", "others")
# Clips without two annotated frames, odd names: (subject, name).
NO_APEX, SAME_APEX = (4, "EP12_01f"), (5, "EP09_05f")
ODD = ((3, "EP01_2"), (3, "EP08_1"), (7, "EP06_02_01"), (7, "EP06_02_02"), (9, "EP09f"))
SEED = 7


def identify(path: Path) -> Key | None:
    """Key of a folder: .../sub01/EP02_01f, .../1/EP02_01f."""
    subject, sample = subject_of(path.parent.name), sample_of(path.name)
    return (subject, sample) if subject and sample else None


def subject_of(name: str) -> str:
    """'1', '01', '1.0' (a number in a sheet) or 'sub01' -> 'sub01'; else ''."""
    match = re.fullmatch(r"(?:sub)?0*(\d{1,4})(?:\.0*)?", clean(name).lower())
    return f"sub{int(match[1]):02d}" if match else ""


def sample_of(name: str) -> str:
    """'EP02_01f' in any case -> itself; '' where it is no such name."""
    name = clean(name)
    good = re.fullmatch(r"(?i)ep\d+[0-9_f]*", name)
    return "EP" + name[2:].lower() if good else ""


def key(row: Mapping[str, str]) -> Key:
    """Key of a row of the sheet."""
    subject, sample = subject_of(row["subject"]), sample_of(row["sample"])
    if not subject:
        raise ValueError(f"{short(row['subject'])} is no subject")
    if not sample:
        raise ValueError(f"{short(row['sample'])} is no clip name such as EP02_01f")
    return subject, sample


def _rows() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame"),
        *(None, "Action Units", "Estimated Emotion"),
    )
    rng = np.random.default_rng(SEED)
    people = [n for n in range(1, 27) if n not in (10, 18)]  # 24 in three classes
    odd = {n: [name for who, name in ODD if who == n] for n in people}
    counts = dict.fromkeys(range(1, 27), 0)
    for emotion, count in EMOTIONS.items():
        everyone = people if emotion != "others" else [*people, 10, 18]
        for i in range(count):
            number = everyone[i % len(everyone)]
            counts[number] += 1
            spare = odd.get(number) or [
                f"EP{1 + counts[number] // 3:02d}_{counts[number]:02d}"
                + "f" * (number % 2)
            ]
            name = spare.pop(0)
            onset = int(rng.integers(1, 200))
            apex = onset + int(rng.integers(8, 20))
            offset = apex + int(rng.integers(8, 25))
            cell: int | str = apex
            if emotion == "disgust" and i == count - 2:
                (number, name), cell = NO_APEX, "/"
            elif emotion == "disgust" and i == count - 1:
                (number, name), cell = SAME_APEX, onset
            elif emotion == "happiness" and i < 2:
                cell = offset  # as in four clips of the official sheet
            subject = number if number % 5 == 0 else f"{number:02d}"
            aus = (12, "4+L7?", "R12+14", 4)[i % 4]
            yield subject, name, None, onset, cell, offset, None, aus, emotion


def _frame(entry: Entry, number: int) -> str:
    return f"Cropped/Cropped/{entry.subject}/{entry.sample}/reg_img{number}.jpg"


RELEASE = Release(
    name="casme2",
    dataset="casme2",
    title="CASME II",
    apply="the CASME group, casme.psych.ac.cn (an agreement signed by your "
    "institution)",
    tree="""\
CASME2-coding-20140508.xlsx
Cropped/sub01/EP02_01f/reg_img46.jpg   (or
CASME2_RAW_selected/sub01/EP02_01f/img46.jpg)""",
    fps=200,
    protocols={
        3: Protocol(
            THREE,
            {
                "happiness": "positive",
                "surprise": "surprise",
                "disgust": "negative",
                "repression": "negative",
            },
            145,
            Counts(24, (88, 32, 25)),
            needs_apex=True,  # as the published list
        ),
        5: Protocol(FIVE, same(*FIVE), 246, Counts(26, (32, 63, 27, 25, 99))),
        7: Protocol(
            tuple(EMOTIONS),
            same(*EMOTIONS),
            255,
            Counts(26, tuple(EMOTIONS.values())),
        ),
        ALL: every(255, 26),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^casme(2|ii)coding",
        file="CASME2-coding-*.xlsx",
        required=("subject", "sample", "onset", "apex", "offset", "emotion"),
        key=key,
        spellings={"other": "others"},
    ),
    imitation=Imitation(2000, "CASME2-coding-20140508.xlsx", "Sheet1", _rows, _frame),
)
