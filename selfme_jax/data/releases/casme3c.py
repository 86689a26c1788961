"""CAS(ME)^3, part C (Li et al. 2022): a mock crime, 30 frames/s.

One video of eight minutes a person, micro-expressions under half a second in it. There
is no apex. Frames are read, not videos: ``ffmpeg -i 01.mp4 -start_number 0 01/%d.jpg``.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from selfme_jax.data.releases.cells import clean, integer, short
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

EMOTIONS = {"negative": 99, "positive": 16, "surprise": 30, "others": 20}
PEOPLE = (*range(1, 22), *range(23, 32))
_AUS = ("R4,5", "4，11", "2,24", 4, "L1,10,11,38,", "14,L24,", "13?", "R4,R45")
SEED = 17


def identify(path: Path) -> Key | None:
    """Key of a folder: .../01/3 (a clip), .../01 (all of a person's video)."""
    parts = [clean(part).lower() for part in path.parts]
    if "depth" in parts:
        return None
    names = [re.fullmatch(r"(?:sub|sp ?no\.? ?)?0*(\d{1,3})", p) for p in parts[-2:]]
    first, last = names[0], names[-1]
    if last is None:
        return None
    if first is None or len(names) == 1:
        return f"{int(last[1]):02d}", ""
    return f"{int(first[1]):02d}", str(int(last[1]))


def _key(row: Mapping[str, str]) -> Key:
    key = identify(Path(row["subject"], row["sample"].removesuffix(".0")))
    if key is None or not key[1] or integer(row["onset"]) is None:
        named = f"{short(row['subject'])}, {short(row['sample'])}"
        raise ValueError(f"{named} name no clip, such as 1, 3, or it has no onset")
    return key


def _rows() -> Iterator[tuple]:
    yield "sub", "count", "onset", "offset", "au", "emotion"
    rng = np.random.default_rng(SEED)
    counts, last, line = dict.fromkeys(PEOPLE, 0), dict.fromkeys(PEOPLE, 300), 0
    for emotion, count in EMOTIONS.items():
        for _ in range(count):
            number, line = PEOPLE[line % len(PEOPLE)], line + 1
            counts[number] += 1
            onset = last[number] + int(rng.integers(20, 60))
            offset = last[number] = onset + int(rng.integers(8, 17))
            aus = _AUS[line % len(_AUS)]
            yield number, counts[number], onset, offset, aus, emotion


def _frame(entry: Entry, number: int) -> str:
    return f"part_C/{int(entry.subject)}/{number}.jpg"


RELEASE = Release(
    name="casme3c",
    dataset="casme3c",
    title="CAS(ME)^3, part C",
    apply="the CASME group, casme.psych.ac.cn (an agreement signed by your "
    "institution)",
    tree="""\
CAS(ME)3_part_C_ME.xlsx
part_C/1/373.jpg   (or part_C/1/1/color/373.jpg: person, count)""",
    fps=30,
    protocols={
        3: Protocol(THREE, same(*THREE), 145),
        4: Protocol(
            tuple(EMOTIONS), same(*EMOTIONS), 165, Counts(30, tuple(EMOTIONS.values()))
        ),
        ALL: every(165, 30),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^casme3partc",
        file="CAS(ME)3_part_C_ME.xlsx",
        required=("subject", "sample", "onset", "offset", "emotion"),
        key=_key,
        columns={"sample": ("count",)},
        spellings={"other": "others"},
    ),
    imitation=Imitation(6500, "CAS(ME)3_part_C_ME.xlsx", "mockCrimeME", _rows, _frame),
    folders=lambda entry: (entry.key, (entry.subject, "")),
    colour="color",
    longest=60,
)
