"""CAS(ME)^3, part A (Li et al. 2022), 30 frames/s, colour (and depth, unused).

Three classes are the sheet's clips without 'others', as they are: 699 of 88 people. 55
of the 860 have their apex at the onset, since the first frames were not recorded, say
the makers: what such a clip shows is the way back.
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

EMOTIONS = {
    "disgust": 250,
    "surprise": 187,
    "others": 161,
    "fear": 86,
    "anger": 64,
    "sad": 57,
    "happy": 55,
}
THREE_OF = {
    "happy": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("disgust", "fear", "anger", "sad"), "negative"),
}
FOUR = (*THREE, "others")
# Of these clips the makers say that the first version of the sheet had them wrong.
WRONG = (
    *("spNO.144/k_289", "spNO.149/d_112", "spNO.151/j_946", "spNO.163/j_977"),
    *("spNO.165/c_989", "spNO.171/d_70", "spNO.181/k_996", "spNO.186/e_900"),
    *("spNO.195/i_91", "spNO.200/k_98", "spNO.204/a_71", "spNO.210/a_84"),
    *("spNO.144/c_1025", "spNO.160/k_2028", "spNO.165/b_124", "spNO.182/l_148"),
    *("spNO.189/j_1033", "spNO.207/m_1221", "spNO.4/h_1000", "spNO.40/e_1812"),
    *("spNO.40/e_2327", "spNO.216/d_3647"),
)
# Frames of which the makers say that the images cannot be opened: (first, last).
DAMAGED = {("spNO.3", "j"): (498, 576), ("spNO.4", "j"): (568, 609)}


def identify(path: Path) -> Key | None:
    """Key of a folder: .../spNo.1_a_355, or (a whole video) .../spNO.1/a; no depth."""
    parts = [clean(part).lower() for part in path.parts]
    if "depth" in parts:
        return None
    clip = re.fullmatch(r"(sp ?no\.? ?\d+)_([a-z])_0*(\d{1,9})", parts[-1])
    if clip:
        return subject_of(clip[1]), f"{clip[2]}_{int(clip[3])}"
    subject = subject_of(parts[-2]) if parts[1:] else ""
    return (
        (subject, parts[-1]) if subject and re.fullmatch("[a-z]", parts[-1]) else None
    )


def subject_of(name: str) -> str:
    """'spNo.1', 'spNO.001' -> 'spNO.1'; else ''."""
    match = re.fullmatch(r"sp ?no\.? ?0*(\d{1,4})", clean(name).lower())
    return f"spNO.{int(match[1])}" if match else ""


def _key(row: Mapping[str, str]) -> Key:
    subject, letter = subject_of(row["subject"]), row["sample"].lower()
    onset = integer(row["onset"])
    if not subject:
        raise ValueError(f"{short(row['subject'])} is no subject such as spNO.1")
    if not re.fullmatch("[a-z]", letter):
        raise ValueError(f"{short(row['sample'])} is no file name of one letter")
    if onset is None:
        raise ValueError(f"{subject}/{letter} has no onset")
    return subject, f"{letter}_{onset}"


def _folders(entry: Entry) -> tuple[Key, ...]:
    return entry.key, (entry.subject, entry.sample[0])


def _remarks(entry: Entry) -> tuple[str, ...]:
    notes = []
    if "/".join(entry.key) in WRONG:
        notes.append("in the makers' list of what the first version had wrong")
    frames = DAMAGED.get((entry.subject, entry.sample[0]))
    onset, offset = entry.onset or 0, entry.offset or 0
    if frames and frames[0] <= offset and onset <= frames[1]:
        notes.append(f"frames {frames[0]} to {frames[1]} are damaged, say the makers")
    return tuple(notes)


PEOPLE = (*range(1, 91), 149, 190, 214, 216)
OTHERS_ONLY = range(85, 91)
SAME_APEX = {
    **{"others": 27, "anger": 9, "happy": 6, "disgust": 5, "surprise": 4, "fear": 3},
    "sad": 1,
}
# The sheet's worst rows: emotion -> (subject, file, onset, apex, offset).
WORST = {
    "fear": ((149, "d", 112, 83, 358),),
    "disgust": ((214, "c", 5, 5, 3460),),
    "others": (
        *((40, "e", 1812, 1824, 0), (40, "e", 2327, 2363, 0)),
        (216, "d", 3647, 2668, 2694),
    ),
}
_AUS = ("4", "1+2", "14", "R2+R1", "L14", "5", "4+9+R14", "B23", "T28+14", "24+T18+16")
SEED = 13


def _rows() -> Iterator[tuple]:
    head = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class")
    yield (*head, "emotion")
    rng = np.random.default_rng(SEED)
    last: dict[int, int] = {}
    for emotion, count in EMOTIONS.items():
        worst = WORST.get(emotion, ())
        people = [n for n in PEOPLE if emotion == "others" or n not in OTHERS_ONLY]
        for i in range(count):
            if i < len(worst):
                number, letter, onset, apex, offset = worst[i]
            else:
                number = people[i % len(people)]
                onset = last.get(number, 4) + int(rng.integers(2, 9))
                apex = onset + int(rng.integers(2, 9))
                offset = apex + int(rng.integers(2, 9))
                letter = "abdehijklm"[i % 10]
                if count - i <= SAME_APEX[emotion] - (emotion == "disgust"):
                    apex = onset
                last[number] = offset
            letter = "J" if (emotion, i) == ("sad", 8) else letter
            word = "Others" if emotion == "others" and i % 50 == 49 else emotion
            frames = (str(onset), str(apex), str(offset))
            aus = _AUS[i % len(_AUS)]
            yield f"spNO.{number}", letter, *frames, aus, "VII", word


def _frame(entry: Entry, number: int) -> str:
    """The folders are called spNo, which the sheet writes spNO."""
    subject = entry.subject.replace("NO", "No")
    return f"Part_A_ME_clip/frame/{subject}_{entry.sample}/{number}.jpg"


RELEASE = Release(
    name="casme3",
    dataset="casme3",
    title="CAS(ME)^3, part A",
    apply="the CASME group, casme.psych.ac.cn (an agreement signed by your "
    "institution)",
    tree="""\
cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx
Part_A_ME_clip/frame/spNo.1_a_355/355.jpg   (or part_A/spNO.1/a/color/355.jpg)""",
    fps=30,
    protocols={
        3: Protocol(THREE, THREE_OF, 699, Counts(88, (457, 55, 187))),
        4: Protocol(
            FOUR,
            {**THREE_OF, "others": "others"},
            860,
            Counts(94, (457, 55, 187, 161)),
        ),
        7: Protocol(
            tuple(EMOTIONS), same(*EMOTIONS), 860, Counts(94, tuple(EMOTIONS.values()))
        ),
        ALL: every(860, 94),
    },
    identify=identify,
    sheet=Sheet(
        pattern=r"^casme3parta(me(?!$|v)|mel)",
        file="cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        required=("subject", "sample", "onset", "apex", "offset", "emotion"),
        key=_key,
        spellings={"other": "others"},
        remarks=_remarks,
    ),
    imitation=Imitation(
        6000, "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "label", _rows, _frame
    ),
    folders=_folders,
    colour="color",
    longest=120,
)
