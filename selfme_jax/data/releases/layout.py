"""Where the clips of an official release are on disk.

Frame folders come in many layouts: raw or cropped, unpacked twice (X/X/...), subjects
named or numbered. So the whole tree is walked once; a folder is a clip by its name,
and a frame by the number its name ends with.
"""

import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from selfme_jax.data.releases.cells import clean
from selfme_jax.data.releases.record import Entry, Key, Release
from selfme_jax.data.releases.sheets import walk
from selfme_jax.types import UserError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
IMITATION = "SYNTHETIC.txt"  # lies in imitations, so that no score hides it
NEAR = 3  # frames; a missing onset or apex is stood in for by one this near


class Found(NamedTuple):
    """A clip and its frames.

    numbers, paths: of the frames from onset to offset, in order. missing: (first, last)
    of each run of numbers that should be there. apex: index into them, None if it is to
    be estimated. cropped: the release holds faces, not scenes. notes: what is odd.
    """

    entry: Entry
    numbers: tuple[int, ...]
    paths: tuple[Path, ...]
    missing: tuple[tuple[int, int], ...]
    apex: int | None
    cropped: bool
    notes: tuple[str, ...]


def folders(root: Path, release: Release) -> dict[Key, list[Path]]:
    """All folders below ``root`` that hold clips, by key.

    Raises:
        UserError: ``root`` is no folder.
    """
    if not str(root) or not root.is_dir():
        raise UserError(f"no folder {root}. Set --source to the unpacked release.")
    found: dict[Key, list[Path]] = {}
    for path, names, files in walk(root):
        key = release.identify(path.relative_to(root)) if path != root else None
        own = release.colour if release.colour in names else ""
        if key is None or (key[1] == "" and not own and not any(map(_image, files))):
            continue
        found.setdefault(key, []).append(path / own)
        names[:] = []  # a clip holds no clips
    return found


def _image(name: str) -> bool:
    return name.lower().endswith(IMAGES)


def locate(
    entries: Sequence[Entry],
    places: Mapping[Key, list[Path]],
    root: Path,
    release: Release,
) -> Iterator[Found | str]:
    """What of each entry is on disk: its frames, or a line saying what is wrong.

    Args:
        entries: of a dataset.
        places: its folders, from ``folders``.
        root: below which they were looked for; raw or cropped is told by the names
          from there on.
        release: which it is.
    """
    kinds = {path: _kind(path, root) for own in places.values() for path in own}
    preferred = _variant(places, kinds)
    for entry in entries:
        keys = [key for key in release.folders(entry) if key in places]
        if not keys:
            yield "no folder"
            continue
        own = places[keys[0]]
        ranked = sorted(own, key=lambda path: (kinds[path] != preferred, path))
        try:
            yield _frames(entry, ranked, kinds, release)
        except (OSError, ValueError) as error:
            yield getattr(error, "strerror", None) or str(error)


def index_frames(folder: Path) -> tuple[dict[int, Path], list[str]]:
    """Frames by number, and what is odd: folders, other files, numbers twice."""
    frames: dict[int, Path] = {}
    odd = []
    with os.scandir(folder) as found:
        files = sorted(found, key=lambda file: file.name)
    for file in files:
        path = folder / file.name
        digits = re.search(r"(\d+)\D*$", path.stem)
        if path.name.startswith((".", "Thumbs")) or digits is None:
            continue
        if not _image(path.name):
            odd.append(f"{path.name}: no image by its name")
        elif file.is_dir():
            odd.append(f"{path.name}: a folder, not a frame")
        elif not file.is_file() and not file.is_symlink():
            odd.append(f"{path.name}: {_special(path)}, not a frame")
        elif int(digits[1]) in frames:
            odd.append(f"{path.name}: frame {int(digits[1])} twice")
        else:
            frames[int(digits[1])] = path
    return frames, odd


def _special(path: Path) -> str:
    mode = path.lstat().st_mode
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _frames(
    entry: Entry, ranked: Sequence[Path], kinds: Mapping[Path, str], release: Release
) -> Found:
    folder = ranked[0]
    frames, odd = index_frames(folder)
    notes = [*entry.notes, *odd]
    if len(ranked) > 1 and kinds[ranked[1]] == kinds[folder]:
        notes.append(f"there {len(ranked)} times; {folder} is used")
    if not frames:
        raise ValueError(f"no frames in {folder}")
    entry, said = _within(entry, frames, release)
    onset, offset, why = _range(entry, frames, release)
    if why and (release.listing is None or release.long in folder.parts):
        said = [*said, why]
    notes += said
    numbers = [n for n in sorted(frames) if onset <= n <= offset]
    if not numbers or numbers[0] > onset + NEAR:
        raise ValueError(f"onset frame {onset} is missing in {folder}")
    if len(numbers) < 2:
        raise ValueError(f"fewer than 2 frames of {onset} to {offset} in {folder}")
    if numbers[0] != onset:
        notes.append(f"onset {onset} is missing; {numbers[0]} stands in")
    apex = None
    wanted = entry.apex
    if wanted is not None:
        if not onset < wanted <= offset:
            notes.append(f"apex {wanted} is out of {onset} to {offset}")
        else:
            near = min(numbers[1:], key=lambda n: abs(n - wanted))
            if abs(near - wanted) > NEAR:
                raise ValueError(f"apex frame {wanted} is missing in {folder}")
            if near != wanted:
                notes.append(f"apex {wanted} is missing; {near} stands in")
            apex = numbers.index(near)
    return Found(
        entry,
        tuple(numbers),
        tuple(frames[n] for n in numbers),
        tuple(_gaps(numbers, onset, offset)),
        apex,
        release.cropped or kinds[folder] == "cropped",
        tuple(notes),
    )


def _gaps(numbers: Sequence[int], onset: int, offset: int) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of numbers that is not there."""
    edges = [onset - 1, *numbers, offset + 1]
    for before, after in itertools.pairwise(edges):
        if after > before + 1:
            yield before + 1, after - 1


def _within(
    entry: Entry, frames: Mapping[int, Path], release: Release
) -> tuple[Entry, list[str]]:
    """The entry in numbers of its folder, where that may count from the clip's start.

    So it is where the last annotated frame is not there, but as many as annotated are.
    """
    onset, offset, first = entry.onset, entry.offset, min(frames)
    if not release.relative or onset is None or offset is None:
        return entry, []
    if offset <= max(frames) or len(frames) != offset - onset + 1:
        return entry, []
    moved = entry._replace(
        onset=first,
        offset=offset - onset + first,
        apex=None if entry.apex is None else entry.apex - onset + first,
    )
    return moved, [f"frames are numbered from {first}, which is {onset} of the sheet"]


def _range(
    entry: Entry, frames: Mapping[int, Path], release: Release
) -> tuple[int, int, str]:
    """Onset and offset, and what is odd about them.

    As annotated; else the whole folder or, where that may hold a whole video, not more
    than the release's ``longest``.
    """
    onset, offset, last = entry.onset, entry.offset, max(frames)
    if onset is None or not release.longest:
        if onset is None or offset is None or onset >= offset:
            why = "onset and offset are not known; all of the folder is used"
            return min(frames), last, why
        return onset, offset, ""
    end = min(onset + release.longest, max(last, onset + 1))
    if offset is None:
        return onset, end, f"offset is not known; frames to {end} are used"
    if offset <= max(onset, entry.apex or 0):
        why = f"offset {offset} is not after the apex; frames to {end} are used"
        return onset, end, why
    if offset > onset + release.longest:
        why = f"offset {offset} is {offset - onset} frames after the onset"
        return onset, end, f"{why}; those to {end} are used"
    return onset, offset, ""


def _kind(path: Path, root: Path) -> str:
    words = "/".join(clean(part).lower() for part in path.relative_to(root).parts)
    if "cropped" in words or "_crop" in words:
        return "cropped"
    return "selected" if "select" in words else "raw"


def _variant(places: Mapping[Key, list[Path]], of: Mapping[Path, str]) -> str:
    """The kind of folder that is there for most clips; 'cropped' among equals."""
    kinds = [{of[path] for path in own} for own in places.values()]
    order = ("raw", "selected", "cropped")
    return max(
        order, key=lambda kind: (sum(kind in k for k in kinds), order.index(kind))
    )
