"""What somebody gives: videos, folders of frames, two pictures, frames in memory."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfme_jax.data.videos import clips, reading
from selfme_jax.data.videos.clips import ClipFile
from selfme_jax.data.videos.reading import DamagedError, Timed
from selfme_jax.types import UserError

KNOWN = (
    "Give a video, a folder of frames, a folder of videos, or two pictures (onset "
    "apex)."
)
FASTEST = 2000.0  # frames per second that are believed


class Source(NamedTuple):
    """One clip, which can be read more than once.

    name: relative to what was given; path: as it was given; both are text.
    read: frames with their times, one in memory at a time; DamagedError after the last
      good one, if more should follow.
    expected: frames, about; 0 where not known. fps: 0 for a pair of pictures.
    state: JSON-ready; changes with the content.
    """

    name: str
    path: str
    read: Callable[[], Iterator[Timed]]
    expected: int
    fps: float
    state: Mapping[str, Any]


class Given(NamedTuple):
    """sources: the clips. left_out: by path, why others are none.

    several: whether a folder or several clips were given, so that each gets a folder.
    """

    sources: tuple[Source, ...]
    left_out: Mapping[str, str]
    several: bool


def find(what: Sequence[str | os.PathLike], *, fps: float = 0.0) -> Given:
    """All clips of what is given.

    Args:
        what: videos, folders; or two pictures, onset and apex.
        fps: frames per second of folders of frames; of videos it takes the place of
          what they say (a fast camera's film that plays slowly).

    Raises:
        UserError: nothing there, no clip, no frame rate for folders of frames alone.
    """
    if not what:
        raise UserError(f"nothing is given. {KNOWN}")
    if not 0 <= fps <= FASTEST:
        raise UserError(f"--fps={fps:g}: give frames per second, 0 to {FASTEST:g}.")
    paths = [Path(one).expanduser() for one in what]
    for path, one in zip(paths, what, strict=True):
        if not str(one) or not path.exists():
            raise UserError(f"no file or folder {_text(one)!r}. {KNOWN}")
    pictures = [p for p in paths if p.is_file() and p.suffix.lower() in clips.IMAGES]
    if pictures:
        if len(paths) == len(pictures) == 2:
            return Given((pair(*paths),), {}, False)
        raise UserError(
            f"{len(pictures)} picture(s) among {len(paths)} that are given: two are "
            f"an onset and an apex, and stand alone.\n{KNOWN}"
        )
    found, left_out = [], {}
    for path in paths:
        for clip in _clips(path):
            shown = _text(path if clip.path == path else path / clip.name)
            if clip.images and not fps:
                left_out[shown] = "frames without a frame rate; set --fps"
            else:
                found.append(of_clip(clip, shown, fps=fps))
    if not found:
        raise UserError(
            f"{next(iter(left_out))}: a folder of frames does not say how many there "
            "are per second. Set --fps."
        )
    alone = len(paths) == 1 and not left_out and found[0].path == _text(paths[0])
    return Given(tuple(found), left_out, several=not alone)


def of_clip(clip: ClipFile, shown: str, *, fps: float = 0.0) -> Source:
    """A video or a folder of frames; see ``find`` for fps."""

    def read() -> Iterator[Timed]:
        for number, frame in enumerate(reading.read_timed(clip)):
            yield frame._replace(seconds=number / fps) if fps else frame

    files = clip.images or (clip.path,)
    changed = max(path.stat().st_mtime_ns for path in files)
    state = {"bytes": clip.bytes, "files": len(files), "changed": changed}
    rate = fps or reading.fps(clip)
    return Source(clip.name, shown, read, reading.expected_frames(clip), rate, state)


def pair(onset: Path, apex: Path) -> Source:
    """Two pictures.

    Raises:
        UserError: one cannot be read, or they are of different sizes.
    """
    try:
        images = [reading.still(path) for path in (onset, apex)]
    except DamagedError as error:
        raise UserError(f"{error}. {KNOWN}") from None
    (h, w), (h2, w2) = (image.shape[:2] for image in images)
    if (h, w) != (h2, w2):
        raise UserError(
            f"{_text(onset)} is {w}x{h} pixels, {_text(apex)} {w2}x{h2}: give two "
            "frames of one clip."
        )
    sizes = [path.stat() for path in (onset, apex)]
    state = {
        "bytes": sum(s.st_size for s in sizes),
        "changed": max(s.st_mtime_ns for s in sizes),
    }
    name = f"{_text(onset.name)} {_text(apex.name)}"
    return in_memory(images, name)._replace(
        path=f"{_text(onset)} {_text(apex)}", state=state
    )


def in_memory(
    frames: Sequence[np.ndarray], name: str = "frames", *, fps: float = 0.0
) -> Source:
    """Frames that are there already: [h, w, 3] uint8 RGB each.

    Raises:
        UserError: other arrays, fewer than 2.
    """
    good = [
        isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.shape[2:] == (3,)
        for x in frames
    ]
    if len(frames) < 2 or not all(good) or len({x.shape for x in frames}) > 1:
        raise UserError(
            "frames must be at least 2 arrays of uint8, [h, w, 3] RGB, of one size."
        )

    def read() -> Iterator[Timed]:
        for number, image in enumerate(frames):
            yield Timed(number / (fps or 1.0), image)

    return Source(name, name, read, len(frames), fps, {})


def names(sources: Sequence[Source]) -> list[str]:
    """A name of a folder for each, all different; of letters, digits and -_. alone."""
    found: list[str] = []
    for source in sources:
        plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in source.name)
        plain = plain.strip(".")[:80] or "clip"
        tries = (plain if not i else f"{plain}-{i + 1}" for i in itertools.count())
        found.append(next(t for t in tries if t not in found))
    return found


def _clips(path: Path) -> tuple[ClipFile, ...]:
    """Clips at a place, messages for whoever predicts."""
    if path.is_dir():
        try:
            return clips.find(path)
        except UserError:
            raise UserError(f"no clip in {_text(path)}. {clips.HOLDS}") from None
    if not path.is_file():
        raise UserError(f"{_text(path)} is no regular file. {KNOWN}")
    return clips.find(path)


def _text(name: str | os.PathLike) -> str:
    """Names may hold bytes that are no text; what is written is text."""
    return os.fsencode(name).decode(errors="replace")
