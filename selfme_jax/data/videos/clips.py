"""Clips that are on disk: videos, and folders of frames."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from selfme_jax.types import UserError

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
    *(".gif", ".3gp", ".ts", ".mts", ".ogv", ".flv"),
)
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
HOLDS = (
    f"It should hold videos ({', '.join(VIDEOS)}) or folders of at least 2 frames "
    f"({', '.join(IMAGES)}), at any depth."
)


class ClipFile(NamedTuple):
    """A video, or a folder of frames."""

    name: str  # relative to where it was looked for
    path: Path
    bytes: int  # of the video, or of all frames
    images: tuple[Path, ...] = ()  # the frames in order, if it is a folder


def find(source: str | os.PathLike) -> tuple[ClipFile, ...]:
    """A video, or all clips below a folder, by name.

    Hidden files and folders are passed over, links to folders are not followed, and
    what is no regular file (pipes, devices) is no clip.

    Raises:
        UserError: no such file or folder, or no clip in it.
    """
    root = Path(source).expanduser()
    if source and root.is_file():
        return (_single(root),)
    if not source or not root.is_dir():
        what = "is no regular file" if source and root.exists() else ""
        what = f"{str(source)!r} {what}" if what else f"no folder {str(source)!r}"
        raise UserError(f"{what}. Set --source.\n{HOLDS}")
    found = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in files if not name.startswith(".")]
        paths = [path for path in paths if path.is_file()]  # no dangling links
        images = [path for path in paths if path.suffix.lower() in IMAGES]
        if len(images) >= 2:
            found.append(_clip(root, Path(place), tuple(sorted(images, key=natural))))
        videos = [path for path in paths if path.suffix.lower() in VIDEOS]
        found.extend(_clip(root, path, ()) for path in videos)
    if not found:
        raise UserError(f"no clip in {source}. {HOLDS}")
    return tuple(sorted(found))


def natural(path: Path) -> list:
    """Sorting key: numbers by value ('img9' before 'img010'), the rest as text."""
    parts = re.split(r"(\d+)", path.stem)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _single(path: Path) -> ClipFile:
    if path.suffix.lower() in IMAGES:
        raise UserError(
            f"{_text(path)} is a single picture, which shows no motion.\n"
            "Give a video or a folder of frames; for an onset and an apex: "
            "python -m selfme_jax.predict ONSET APEX"
        )
    return ClipFile(_text(path.name), path, path.stat().st_size)


def _clip(root: Path, path: Path, images: tuple[Path, ...]) -> ClipFile:
    name = path.relative_to(root).as_posix() if path != root else path.resolve().name
    total = sum(f.stat().st_size for f in images or [path])
    return ClipFile(_text(name), path, total, images)


def _text(name: str | Path) -> str:
    """File names may hold bytes that are no text; names of clips are text."""
    return os.fsencode(name).decode(errors="replace")
