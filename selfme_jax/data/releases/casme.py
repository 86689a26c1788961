"""CASME (Yan et al. 2013), 60 frames/s.

Files may hold several micro-expressions, so that a clip is known by its onset too. Of
the sheet there are copies without offsets and action units: they are read as well.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from selfme_jax.data.releases import casme2
from selfme_jax.data.releases.cells import integer
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
    "tense": 68,
    "disgust": 45,
    "repression": 39,
    "surprise": 20,
    "happiness": 7,
    "sadness": 6,
    "contempt": 2,
    "fear": 2,
}
FOUR = ("tense", "disgust", "repression", "surprise")
PEOPLE = 18
AGAIN = ((1, "EP01_12"), (6, "EP02_5"), (6, "EP02_5"), (17, "EP17_2"))
SEED = 11


def _key(row: Mapping[str, str]) -> Key:
    subject, sample = casme2.key(row)
    onset = integer(row["onset"])
    if onset is None:
        raise ValueError(f"{subject}/{sample} has no onset")
    return subject, f"{sample}_{onset}"


def _folders(entry: Entry) -> tuple[Key, ...]:
    return ((entry.subject, entry.sample.rpartition("_")[0]),)


def _rows() -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF"),
        *(None, "AU", "Emotion"),
    )
    rng = np.random.default_rng(SEED)
    onsets: dict[tuple[int, str], int] = {}
    line = 0
    again = list(AGAIN)
    for emotion, count in EMOTIONS.items():
        for _ in range(count):
            number, line = 1 + line % PEOPLE, line + 1
            name = f"EP{1 + line // PEOPLE:02d}_{line % 7 + 1}"
            if (number, name) in onsets or (again and again[0][0] == number):
                number, name = again.pop(0) if again else (number, f"EP{line:02d}_9")
            onset = onsets.get((number, name), 5) + int(rng.integers(3, 9))
            apex = onset + int(rng.integers(2, 9))
            offset = apex + int(rng.integers(3, 9))
            onsets[number, name] = offset
            second = apex + 1 if line % 5 == 0 else None
            aus = _AUS[line % len(_AUS)]
            yield number, name, None, onset, apex, second, offset, None, aus, emotion


_AUS = (4, "4+9", "R14", "1+2", "NULL", "15+17", "9", "L12")


def _frame(entry: Entry, number: int) -> str:
    subject, name = _folders(entry)[0]
    return f"CASME/{subject}/{name}/{name}-{number:05d}.jpg"


RELEASE = Release(
    name="casme",
    dataset="casme",
    title="CASME",
    apply="the CASME group, casme.psych.ac.cn (an agreement signed by your "
    "institution)",
    tree="""\
CASME.xls
CASME/sub01/EP01_5/EP01_5-00113.jpg""",
    fps=60,
    protocols={
        # The words of CASME II's three; 'tense' is dropped as its 'others' are.
        3: Protocol(
            THREE,
            {
                "happiness": "positive",
                "surprise": "surprise",
                "disgust": "negative",
                "repression": "negative",
            },
            111,
        ),
        4: Protocol(FOUR, same(*FOUR), 172),
        8: Protocol(
            tuple(EMOTIONS),
            same(*EMOTIONS),
            189,
            Counts(PEOPLE, tuple(EMOTIONS.values())),
        ),
        ALL: every(189, PEOPLE),
    },
    identify=casme2.identify,
    sheet=Sheet(
        pattern=r"^casme1?(coding|annotations?|labels?)?(20\d{6})?$",
        file="CASME.xls",
        required=("subject", "sample", "onset", "apex", "emotion"),
        key=_key,
        columns={"apex": ("apexf1",)},
    ),
    imitation=Imitation(5000, "CASME.xlsx", "Sheet1", _rows, _frame),
    folders=_folders,
    longest=120,
)
