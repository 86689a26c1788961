"""An official release on disk: which clips it should hold, and where they are.

Frame folders come in many layouts: raw or cropped, unpacked twice (X/X/...), subjects
named or numbered. So the whole tree is walked once; a folder is a clip by its name,
and a frame by the number its name ends with.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from selfme_jax.data.sheets import clean, walk
from selfme_jax.types import UserError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
IMITATION = "SYNTHETIC.txt"  # lies in imitations, so that no score hides it
NEAR = 3  # frames; a missing onset or apex is stood in for by one this near


class Entry(NamedTuple):
    """A clip that the release should hold; frame numbers as annotated, or None."""

    dataset: str
    subject: str
    sample: str
    label: int
    emotion: str
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    aus: str = ""
    fps: int = 200

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all clips of its dataset."""
        return self.subject, self.sample

    @property
    def name(self) -> str:
        """As reports print it."""
        return f"{self.dataset}/{self.subject}/{self.sample}"


class Found(NamedTuple):
    """A clip and its frames.

    numbers, paths: of the frames from onset to offset, in order. missing: numbers
    that should be there. apex: index into them, None if it is to be estimated.
    cropped: the release holds faces, not scenes. notes: what is odd about it.
    """

    entry: Entry
    numbers: tuple[int, ...]
    paths: tuple[Path, ...]
    missing: tuple[int, ...]
    apex: int | None
    cropped: bool
    notes: tuple[str, ...]


# (path of a folder below the source) -> key of the clip, or None.
Identify = Callable[[Path], tuple[str, str] | None]


def folders(root: Path, identify: Identify) -> dict[tuple[str, str], list[Path]]:
    """All folders below ``root`` that are clips, by key.

    Raises:
        UserError: ``root`` is no folder.
    """
    if not str(root) or not root.is_dir():
        raise UserError(f"no folder {root}. Set --source to the unpacked release.")
    found: dict[tuple[str, str], list[Path]] = {}
    for path, names, _ in walk(root):
        key = identify(path.relative_to(root)) if path != root else None
        if key is not None:
            found.setdefault(key, []).append(path)
            names[:] = []  # a clip holds no clips
    return found


def locate(
    entries: Sequence[Entry], places: dict[tuple[str, str], list[Path]], root: Path
) -> Iterator[Found | str]:
    """What of each entry is on disk: its frames, or a line saying what is wrong.

    Args:
        entries: of a dataset.
        places: its folders, from ``folders``.
        root: below which they were looked for; raw or cropped is told by the names
          from there on.
    """
    kinds = {path: _kind(path, root) for own in places.values() for path in own}
    preferred = _variant(places, kinds)
    for entry in entries:
        own = places.get(entry.key, [])
        if not own:
            yield "no folder"
            continue
        ranked = sorted(own, key=lambda path: (kinds[path] != preferred, path))
        try:
            yield _frames(entry, ranked, kinds)
        except (OSError, ValueError) as error:
            yield getattr(error, "strerror", None) or str(error)


def index_frames(folder: Path) -> tuple[dict[int, Path], list[str]]:
    """Frames by number, and what is odd: folders, other files, numbers twice."""
    frames: dict[int, Path] = {}
    odd = []
    for path in sorted(folder.iterdir()):
        digits = re.search(r"(\d+)\D*$", path.stem)
        if path.name.startswith((".", "Thumbs")) or digits is None:
            continue
        if path.suffix.lower() not in IMAGES:
            odd.append(f"{path.name}: no image by its name")
        elif path.is_dir():
            odd.append(f"{path.name}: a folder, not a frame")
        elif int(digits[1]) in frames:
            odd.append(f"{path.name}: frame {int(digits[1])} twice")
        else:
            frames[int(digits[1])] = path
    return frames, odd


def _frames(entry: Entry, ranked: Sequence[Path], kinds: dict[Path, str]) -> Found:
    folder = ranked[0]
    frames, notes = index_frames(folder)
    if len(ranked) > 1 and kinds[ranked[1]] == kinds[folder]:
        notes.append(f"there {len(ranked)} times; {folder} is used")
    if not frames:
        raise ValueError(f"no frames in {folder}")
    onset, offset = _range(entry, frames)
    if (onset, offset) != (entry.onset, entry.offset) and (
        entry.dataset != "smic" or "SMIC_HS_E" in folder.parts  # its long clips
    ):
        notes.append("onset and offset are not known; all of the folder is used")
    numbers = [n for n in sorted(frames) if onset <= n <= offset]
    if not numbers or numbers[0] > onset + NEAR:
        raise ValueError(f"onset frame {onset} is missing in {folder}")
    if len(numbers) < 2:
        raise ValueError(f"fewer than 2 frames of {onset} to {offset} in {folder}")
    if numbers[0] != onset:
        notes.append(f"onset {onset} is missing; {numbers[0]} stands in")
    apex = None
    if entry.apex is not None:
        if not onset < entry.apex <= offset:
            notes.append(f"apex {entry.apex} is out of {onset} to {offset}")
        else:
            near = min(numbers[1:], key=lambda n: abs(n - entry.apex))
            if abs(near - entry.apex) > NEAR:
                raise ValueError(f"apex frame {entry.apex} is missing in {folder}")
            if near != entry.apex:
                notes.append(f"apex {entry.apex} is missing; {near} stands in")
            apex = numbers.index(near)
    present = set(numbers)
    missing = tuple(n for n in range(onset, offset + 1) if n not in present)
    paths = tuple(frames[n] for n in numbers)
    return Found(
        entry,
        tuple(numbers),
        paths,
        missing,
        apex,
        kinds[folder] == "cropped",
        tuple(notes),
    )


def _range(entry: Entry, frames: dict[int, Path]) -> tuple[int, int]:
    """Onset and offset: as annotated, or the whole folder where they are not."""
    first, last = min(frames), max(frames)
    if entry.onset is None or entry.offset is None or entry.onset >= entry.offset:
        return first, last
    return entry.onset, entry.offset


def _kind(path: Path, root: Path) -> str:
    words = "/".join(clean(part).lower() for part in path.relative_to(root).parts)
    if "cropped" in words:
        return "cropped"
    return "selected" if "select" in words else "raw"


def _variant(places: dict[tuple[str, str], list[Path]], of: dict[Path, str]) -> str:
    """The kind of folder that is there for most clips; 'cropped' among equals."""
    kinds = [{of[path] for path in own} for own in places.values()]
    order = ("raw", "selected", "cropped")
    return max(
        order, key=lambda kind: (sum(kind in k for k in kinds), order.index(kind))
    )
