"""4DME (Li et al. 2022), the grey videos of 60 frames/s.

What is known of it here is from one public loader (MEB's): 267 clips, their sheet's
columns, their folders. An emotion may be of two words; three and five classes take
those of one, and no source says how many these are.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from selfme_jax.data.releases.cells import clean, short
from selfme_jax.data.releases.record import (
    ALL,
    THREE,
    Entry,
    Imitation,
    Key,
    Protocol,
    Release,
    Sheet,
    every,
    same,
)

FIVE = ("positive", "negative", "surprise", "repression", "others")
# Made up, for the imitation alone; they add up to 267.
EMOTIONS = {
    "Negative": 120,
    "Positive": 40,
    "Surprise": 35,
    "Others": 40,
    "Repression": 12,
    "Surprise+Positive": 12,
    "Negative+Repression": 8,
}
PEOPLE = range(1, 42)
_AUS = ("AU4(k)+L7", "AUR2+12(k)+45", "AU12", "4+7", "AU1+AU2", "AU6+AU12", "AU4+AU45")
SEED = 29


def identify(path: Path) -> Key | None:
    """Key of a folder: gray_micro/<sub_ID>/<fold_name>."""
    parts = [clean(part).lower() for part in path.parts]
    if len(parts) < 3 or not re.match("gr[ae]y_micro", parts[-3]):
        return None
    return _subject(parts[-2]), parts[-1]


def _subject(name: str) -> str:
    match = re.fullmatch(r"s(?:ub)?0*(\d{1,3})|0*(\d{1,3})(?:\.0)?", name)
    return f"s{int(match[1] or match[2]):02d}" if match else name


def _key(row: Mapping[str, str]) -> Key:
    if not row["subject"]:
        raise ValueError(f"{short(row['sample'])} has no subject")
    return _subject(row["subject"].lower()), row["sample"].lower()


def _rows() -> Iterator[tuple]:
    words = [word.capitalize() for word in FIVE]
    yield "sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", *words
    rng = np.random.default_rng(SEED)
    counts, line = dict.fromkeys(PEOPLE, 0), 0
    for emotion, count in EMOTIONS.items():
        for _ in range(count):
            number, line = PEOPLE[line % len(PEOPLE)], line + 1
            counts[number] += 1
            name = f"{number:03d}_1st_{counts[number]:02d}"
            onset = int(rng.integers(300, 3000))
            apex = onset + int(rng.integers(4, 12))
            frames = (onset, apex, apex + int(rng.integers(4, 12)))
            flags = [int(word in emotion) for word in words]
            aus = _AUS[line % len(_AUS)]
            yield f"S{number:02d}", name, emotion, *frames, aus, *flags


def _frame(entry: Entry, number: int) -> str:
    folder = f"4DMicro/gray_micro/{entry.subject.upper()}/{entry.sample}"
    return f"{folder}/{number - (entry.onset or 0)}.jpg"


RELEASE = Release(
    name="fourdme",
    dataset="fourdme",
    title="4DME",
    apply="CMVS, University of Oulu (a licence agreement)",
    tree="""\
4DME_Labelling_Micro_release v1.xlsx
4DMicro/gray_micro/<sub_ID>/<fold_name>/1.jpg""",
    fps=60,
    protocols={
        3: Protocol(THREE, same(*THREE), None),
        5: Protocol(FIVE, same(*FIVE), None),
        ALL: every(267),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^4dme.*micro",
        file="4DME_Labelling_Micro_release v1.xlsx",
        required=("subject", "sample", "onset", "apex", "offset", "emotion"),
        key=_key,
        columns={"subject": ("subid",), "sample": ("foldname",)},
        spellings={"other": "others"},
    ),
    imitation=Imitation(
        8500, "4DME_Labelling_Micro_release v1.xlsx", "Sheet1", _rows, _frame, grey=True
    ),
    relative=True,
)
