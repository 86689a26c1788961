"""Imitations of the official releases: their layouts and quirks, synthetic faces.

For newcomers who wait for a licence, and for tests: the whole real path runs on them.
A sheet of one's own is made up, with the counts of the official one; or the official
sheets, where given, are copied and frames are made for them.
"""

import functools
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection
from selfme_jax.data.releases import layout, listing, registry, sheets
from selfme_jax.data.releases.record import Entry, Release
from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.types import Clip, ClipDataset, Tell, UserError

NAMES = ("video", *registry.RELEASES)
# Nobody else's; these are those of configs/synthetic_pretraining.py.
FIRST_PERSON = 1000
PEOPLE, CLIPS = 40, 6  # of video, clips of each
_TRIES = 480  # clips of a person, to find as many of a class as anybody has
_MOST = 60  # nobody has more
_TURNS = 5  # of looking for a clip whose face is found
_FOUND = 64  # pixels; smaller faces are not found at all


class Look(NamedTuple):
    """How the frames of a release are made."""

    size: int = 128  # height and width of the face, pixels
    frames: int = 12  # rendered per clip; the release's frame rate repeats them
    seed: int = 0


def write(
    name: str,
    output: Path,
    *,
    source: Path | None = None,
    number: int = 3,
    look: Look = Look(),  # noqa: B008 (immutable)
    tell: Tell = lambda *_: None,
) -> int:
    """Write an imitation of a release below ``output``; the number of clips.

    Args:
        name: of a release, or video (folders of frames, no sheet).
        output: folder, new or empty.
        source: folder with the official sheet; None makes one up.
        number: of classes of the protocol whose clips get frames.
        look: of the frames.
        tell: called as the work goes on.

    Raises:
        UserError: unknown name, or ``output`` is not empty.
    """
    if name not in NAMES:
        raise UserError(f"unknown release {name!r}. Known: {', '.join(NAMES)}.")
    if name != "video":
        registry.protocols(name, number)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} is not empty. Choose another --output.")
    output.mkdir(parents=True, exist_ok=True)
    (output / layout.IMITATION).write_text(
        "Synthetic faces in the layout of an official release: not its data.\n"
    )
    if name == "video":
        return _videos(output, look, tell)
    release = registry.RELEASES[name]
    if source is None:
        write_sheet(release, output)
    else:
        sheet = sheets.find(source, release.sheet.pattern)
        if sheet is None:
            raise UserError(f"no sheet of {name} below {source}. Correct --source.")
        shutil.copy(sheet, output)
    entries = listing.read(output, release, number=number)
    with ThreadPoolExecutor(2) as pool:
        make = functools.partial(_clip, release, output, look)
        work = pool.map(make, entries, _ranks(entries))
        for done, _ in enumerate(work, start=1):
            tell("imitating clips", done, len(entries), entries[done - 1].name)
    return len(entries)


def write_sheet(release: Release, folder: Path) -> None:
    """A sheet with the counts and quirks of the official one, made up otherwise."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = release.imitation.title
    for row in release.imitation.rows():
        book.active.append(row)
    book.save(folder / release.imitation.file)


def _videos(output: Path, look: Look, tell: Tell) -> int:
    """A folder of frames for each clip: <person>/<clip>/000.png."""
    import cv2

    data = synthetic.load(
        subjects=PEOPLE,
        clips_per_subject=CLIPS,
        first_subject=FIRST_PERSON,
        **look._asdict(),
    )
    for done, sample in enumerate(data.samples, start=1):
        folder = output / sample.subject / sample.sample
        folder.mkdir(parents=True)
        for number, frame in enumerate(data.clip(done - 1).frames):
            path = folder / f"{number:03d}.png"
            cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        name = f"{sample.subject}/{sample.sample}"
        tell("imitating clips", done, len(data.samples), name)
    return len(data.samples)


def _ranks(entries: Sequence[Entry]) -> list[int]:
    """The how-manieth clip of its person and look each entry is."""
    counts: Counter = Counter()
    ranks = []
    for entry in entries:
        key = entry.subject, _shown(entry)
        ranks.append(counts[key])
        counts[key] += 1
    return ranks


def _clip(release: Release, output: Path, look: Look, entry: Entry, rank: int) -> None:
    import cv2

    clip = _render(release, entry, rank, look)
    onset, apex, offset = _span(release, entry, rank, len(clip.frames))
    numbers = np.arange(onset, offset + 1)
    shown = _course(numbers, apex, clip.apex, len(clip.frames))
    for number, index in zip(numbers, shown, strict=True):
        path = output / release.imitation.frame(entry, int(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = cv2.cvtColor(clip.frames[index], cv2.COLOR_RGB2BGR)
        if release.imitation.grey:
            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            border = (look.size // 4,) * 4
            frame = cv2.copyMakeBorder(frame, *border, cv2.BORDER_REPLICATE)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else []
        cv2.imwrite(str(path), frame, quality)


def _span(
    release: Release, entry: Entry, rank: int, rendered: int
) -> tuple[int, int | None, int]:
    """Onset, apex and offset of the frames that are made, bad annotation or not."""
    onset, apex, offset = entry.onset, entry.apex, entry.offset
    if onset is None:  # a folder is onset to offset
        onset = 1000 * (rank + 1)
        return onset, None, onset + rendered - 1
    if offset is None or offset <= max(onset, apex or 0):
        offset = max(onset, apex or 0) + rendered
    if release.longest:  # no videos of hours, as some offsets would have it
        offset = min(offset, onset + release.longest)
    return onset, apex if apex and onset < apex < offset else None, offset


def _render(release: Release, entry: Entry, rank: int, look: Look) -> Clip:
    """A clip of the entry's own person that shows the entry's class.

    Where a face will have to be found, one whose face is found.
    """
    digits = "".join(c for c in entry.subject if c.isdigit())
    data = _person(release.imitation.person + int(digits), look)
    wanted = _shown(entry)
    fitting = [i for i, s in enumerate(data.samples) if s.label == wanted]
    scenes = "cropped" not in release.imitation.frame(entry, 0).lower()
    for turn in range(_TURNS if scenes and look.size >= _FOUND else 1):
        clip = data.clip(fitting[(rank + turn * _MOST) % len(fitting)])
        if all(_has_face(frame) for frame in clip.frames[:2]):
            break
    return clip


def _has_face(frame: np.ndarray) -> bool:
    return detection.detect(frame) is not None


@functools.lru_cache(maxsize=256)
def _person(number: int, look: Look) -> ClipDataset:
    return synthetic.load(
        subjects=1,
        clips_per_subject=_TRIES,
        first_subject=number,
        **look._asdict(),
    )


def _shown(entry: Entry) -> int:
    """Which of the three classes the face shows; 'others' looks negative."""
    looks = {"happiness": 1, "happy": 1, "positive": 1, "surprise": 2}
    return looks.get(entry.emotion, 0)


def _course(
    numbers: np.ndarray, apex: int | None, rendered_apex: int, count: int
) -> np.ndarray:
    """Index of the rendered frame that each number shows; the apexes fall together."""
    known = [numbers[0], numbers[-1]], [0, count - 1]
    if apex is not None:
        known = [numbers[0], apex, numbers[-1]], [0, rendered_apex, count - 1]
    return np.interp(numbers, *known).round().astype(int)
