"""Sheets with the counts and the quirks of the official ones, made up otherwise."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from selfme_jax.data import smic

SEED = 7
CASME2_EMOTIONS = {
    "happiness": 32,
    "surprise": 25,
    "disgust": 63,
    "repression": 27,
    "others": 99,
    "sadness": 7,
    "fear": 2,
}
SAMM_EMOTIONS = {
    "Anger": 57,
    "Happiness": 26,
    "Surprise": 15,
    "Contempt": 12,
    "Disgust": 9,
    "Fear": 8,
    "Sadness": 6,
    "Other": 26,
}
SAMM_SUBJECTS = (
    *(6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    *(22, 23, 24, 25, 26, 28, 30, 31, 32, 33, 34, 35, 36, 37),
)
# Clips without two annotated frames, odd names: (subject, name).
NO_APEX, SAME_APEX = (4, "EP12_01f"), (5, "EP09_05f")
ODD = ((3, "EP01_2"), (3, "EP08_1"), (7, "EP06_02_01"), (7, "EP06_02_02"), (9, "EP09f"))
BAD_APEX = ("028_4_1", "032_3_1")
SMIC_LEFT_OUT = (
    *("s1_ne_02", "s2_sur_05", "s3_ne_03", "s3_ne_20"),
    *("s4_ne_05", "s4_ne_06", "s9_sur_02"),
)


def write(name: str, folder: Path) -> None:
    """Write the sheet of casme2, smic_hs or samm into a folder."""
    import openpyxl

    book = openpyxl.Workbook()
    title, filename, rows = {
        "casme2": ("Sheet1", "CASME2-coding-20140508.xlsx", _casme2),
        "smic_hs": ("HS", "SMIC-HS-E_annotation.xlsx", _smic),
        "samm": ("MICRO_ONLY", "SAMM_Micro_FACS_Codes_v2.xlsx", _samm),
    }[name]
    book.active.title = title
    for row in rows():
        book.active.append(row)
    book.save(folder / filename)


def _casme2() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame"),
        *(None, "Action Units", "Estimated Emotion"),
    )
    rng = np.random.default_rng(SEED)
    people = [n for n in range(1, 27) if n not in (10, 18)]  # 24 in three classes
    odd = {n: [name for who, name in ODD if who == n] for n in people}
    counts = dict.fromkeys(range(1, 27), 0)
    for emotion, count in CASME2_EMOTIONS.items():
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
            if emotion == "disgust" and i == count - 2:
                (number, name), apex = NO_APEX, "/"
            elif emotion == "disgust" and i == count - 1:
                (number, name), apex = SAME_APEX, onset
            elif emotion == "happiness" and i < 2:
                apex = offset  # as in four clips of the official sheet
            subject = number if number % 5 == 0 else f"{number:02d}"
            aus = (12, "4+L7?", "R12+14", 4)[i % 4]
            yield subject, name, None, onset, apex, offset, None, aus, emotion


def _smic() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", None, "OnsetF", "OffsetF", None, "FirstF", "LastF"),
        "Emotion",
    )
    words = ("negative", "positive", "surprise")
    line, onset = 1, 10_000
    for subject, counts in smic.COUNTS.items():
        for prefix, word, count in zip(smic.PREFIXES, words, counts, strict=True):
            for clip in range(1, count + 1):
                name = f"s{subject}_{prefix}_{clip:02d}"
                if name in SMIC_LEFT_OUT:
                    continue
                line, onset = line + 1, onset + 700
                shown = "negative" if name == "s18_sur_03" else word
                formulas = (f"=D{line}+30", None, f"=D{line}-100", f"=D{line}+200")
                yield subject, name, None, onset, *formulas, shown


def _samm() -> Iterator[tuple]:
    yield ("SAMM Dataset - Master FACS Codes",)
    yield from [(None,)] * 12
    yield (
        *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame"),
        *("Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion"),
        *("Objective Classes", "Notes"),
    )
    rng = np.random.default_rng(SEED)
    people = [n for n in SAMM_SUBJECTS if n != 25]  # who shows 'Other' alone
    counts = dict.fromkeys(SAMM_SUBJECTS, 0)
    line = 14
    for emotion, count in SAMM_EMOTIONS.items():
        everyone = people if emotion != "Other" else SAMM_SUBJECTS
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
            duration, aus = f"=SUM(F{line}-D{line})+1", (4, "4+7", "12")[i % 3]
            frames = (onset, apex, offset, duration)
            yield (
                f"{number:03d}",
                name,
                1,
                *frames,
                "Micro - 1/2",
                aus,
                emotion,
                3,
                None,
            )
