"""DFME (Zhao et al. 2023), 200, 300 and 500 frames/s: three lists of different people.

The paper tells of 7526 clips; the public lists hold 1856 to train on, 474 and 299 to
test on, each a release of its own here, as the makers' split is.
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
    Imitation,
    Key,
    Protocol,
    Release,
    Sheet,
    every,
    same,
)

SEVEN = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
THREE_OF = {
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
}
TEST_A = (39, 34, 129, 62, 63, 46, 101)
_AUS = (12, "L12", "4+7", "L1+L2+L5+AD38", "AD31", "5+14+M58", "R12+24", "6+R12+L15")
SEED = 19


def identify(path: Path) -> Key | None:
    """Key of a folder: .../sub0008_01."""
    match = re.fullmatch(r"sub0*(\d{1,5})_0*(\d{1,5})", clean(path.name).lower())
    if match is None:
        return None
    subject = f"sub{int(match[1]):04d}"
    return subject, f"{subject}_{int(match[2]):02d}"


def _key(row: Mapping[str, str]) -> Key:
    key = identify(Path(row["sample"]))
    if key is None:
        raise ValueError(f"{short(row['sample'])} is no clip name such as sub0008_01")
    return key


def _rows(people: range, clips: Mapping[str, int]) -> Iterator[tuple]:
    yield (
        *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion"),
        *("EmotionId", "Fps", "AU"),
    )
    rng = np.random.default_rng(SEED)
    counts, line = dict.fromkeys(people, 0), 0
    for emotion, count in clips.items():
        for _ in range(count):
            number, line = people[line % len(people)], line + 1
            counts[number] += 1
            onset = int(rng.integers(1, 20)) * (line % 2)
            apex = onset + int(rng.integers(4, 8))
            frames = (onset, apex, apex + int(rng.integers(3, 7)))
            subject = f"sub{number:04d}"
            name = f"{subject}_{counts[number]:02d}"
            fps = (500, 300, 200)[number % 3]
            shown = (emotion, SEVEN.index(emotion), fps, _AUS[line % len(_AUS)])
            yield subject, name, *frames, *shown


def _release(
    name: str, title: str, *, part: str, file: str, pattern: str, people: range, clips
) -> Release:
    """One of the three lists.

    Args:
        name, title: of the release.
        part: folder of its clips, in the imitation.
        file, pattern: of its sheet.
        people: their numbers in the imitation; as many as there are.
        clips: of each of SEVEN; or of all, where no source says more.
    """
    known = isinstance(clips, tuple)
    total = sum(clips) if known else clips
    made_up = clips if known else (total - 6 * (total // 7), *[total // 7] * 6)
    seven, three = None, None
    if known:
        anger, contempt, disgust, fear, happiness, sadness, surprise = clips
        negative = anger + contempt + disgust + fear + sadness
        seven = Counts(len(people), clips)
        three = Counts(len(people), (negative, happiness, surprise))
    rows = dict(zip(SEVEN, made_up, strict=True))
    return Release(
        name=name,
        dataset=name,
        title=title,
        apply="the makers of DFME, mea-lab-421.github.io (a licence agreement)",
        tree=f"{file}\nDFME/{part}/sub0008_01/00000.png",
        fps=500,
        protocols={
            3: Protocol(THREE, THREE_OF, total, three),
            7: Protocol(SEVEN, same(*SEVEN), total, seven),
            ALL: every(total, len(people)),
        },
        identify=identify,
        sheet=Sheet(
            pattern=pattern,
            file=file,
            required=("sample", "onset", "apex", "offset", "emotion"),
            key=_key,
        ),
        imitation=Imitation(
            person=10_000,
            file=file,
            title="Sheet1",
            rows=lambda: _rows(people, rows),
            frame=lambda e, n: f"DFME/{part}/{e.sample}/{n:05d}.png",
        ),
    )


RELEASE = _release(
    *("dfme", "DFME, training"),
    part="training",
    file="training_full_with_AU.xlsx",
    pattern=r"^(dfme)?train",
    people=range(1, 177),
    clips=1856,
)
TEST_A_RELEASE = _release(
    *("dfme_test_a", "DFME, test A"),
    part="testA",
    file="testA_with_AU.xlsx",
    pattern=r"^(dfme)?testa",
    people=range(201, 243),
    clips=TEST_A,
)
TEST_B_RELEASE = _release(
    *("dfme_test_b", "DFME, test B"),
    part="testB",
    file="testB_with_AU.xlsx",
    pattern=r"^(dfme)?testb",
    people=range(301, 342),
    clips=299,
)
