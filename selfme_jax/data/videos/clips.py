"""Clips in a folder: videos, and folders of frames, read frame by frame."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.types import UserError

VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
# Containers often promise a few frames more than they hold: that is no damage.
_PROMISED = 0.95


class ClipFile(NamedTuple):
    """A video, or a folder of frames."""

    name: str  # relative to where it was looked for
    path: Path
    bytes: int  # of the video, or of all frames
    images: tuple[Path, ...] = ()  # the frames in order, if it is a folder


class DamagedError(Exception):
    """A clip cannot be read further; what came before is good."""


def find(source: str | os.PathLike) -> tuple[ClipFile, ...]:
    """All clips below a folder, by name.

    Hidden files and folders are passed over, links to folders are not followed.

    Raises:
        UserError: no such folder, or no clip in it.
    """
    root = Path(source).expanduser()
    holds = (
        f"It should hold videos ({', '.join(VIDEOS)}) or folders of at least 2 frames "
        f"({', '.join(IMAGES)}), at any depth."
    )
    if not source or not root.is_dir():
        raise UserError(f"no folder {str(source)!r}. Set --source.\n{holds}")
    found = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in files if not name.startswith(".")]
        paths = [path for path in paths if path.is_file()]  # no dangling links
        images = [path for path in paths if path.suffix.lower() in IMAGES]
        if len(images) >= 2:
            found.append(_clip(root, Path(place), tuple(sorted(images, key=_natural))))
        videos = [path for path in paths if path.suffix.lower() in VIDEOS]
        found.extend(_clip(root, path, ()) for path in videos)
    if not found:
        raise UserError(f"no clip in {source}. {holds}")
    return tuple(sorted(found))


def expected_frames(clip: ClipFile) -> int:
    """How many frames a clip says it has; 0 where it does not say."""
    import cv2

    if clip.images:
        return len(clip.images)
    return max(0, int(_open(clip).get(cv2.CAP_PROP_FRAME_COUNT)))


def fps(clip: ClipFile) -> float:
    """Frames per second; 0 where not known."""
    import cv2

    value = 0.0 if clip.images else _open(clip).get(cv2.CAP_PROP_FPS)
    return float(value) if 0 < value <= 1000 else 0.0  # nan is not known either


def read(clip: ClipFile) -> Iterator[np.ndarray]:
    """[h, w, 3] uint8 RGB frames, one in memory at a time.

    Raises:
        DamagedError: after the last good frame, if more should follow.
    """
    frames = _read_images(clip) if clip.images else _read_video(clip)
    shape = None
    for number, frame in enumerate(frames):
        if frame.shape != (shape or frame.shape):
            raise DamagedError(
                f"frame {number} is {frame.shape[1]}x{frame.shape[0]}, those before "
                f"{shape[1]}x{shape[0]}"
            )
        shape = frame.shape
        yield frame


def _clip(root: Path, path: Path, images: tuple[Path, ...]) -> ClipFile:
    name = path.relative_to(root).as_posix() if path != root else path.resolve().name
    # File names may hold bytes that are no text; names of clips are text.
    name = os.fsencode(name).decode(errors="replace")
    return ClipFile(name, path, sum(f.stat().st_size for f in images or [path]), images)


def _natural(path: Path) -> list:
    """Sorting key: numbers by value ('img9' before 'img010'), the rest as text."""
    parts = re.split(r"(\d+)", path.stem)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _read_images(clip: ClipFile) -> Iterator[np.ndarray]:
    import cv2

    for before, path in itertools.pairwise((None, *clip.images)):
        if before is not None and _natural(before) == _natural(path):
            raise DamagedError(f"{before.name} and {path.name} are the same frame")
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise DamagedError(
                f"{path.name} cannot be read ({error.strerror})"
            ) from None
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is None:
            raise DamagedError(f"{path.name} is not a readable image")
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _read_video(clip: ClipFile) -> Iterator[np.ndarray]:
    import cv2

    video = _open(clip)
    if not video.isOpened():
        raise DamagedError("not a readable video")
    expected = expected_frames(clip)
    # The last frame of a cut file is often half grey, so one frame is held back.
    count, held = 0, None
    while (frame := video.read()[1]) is not None:
        if held is not None:
            yield held
        held = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1
    if count < _PROMISED * expected:
        good = max(0, count - 1)
        raise DamagedError(f"it ends after {good} of {expected} frames")
    if held is not None:
        yield held


def _open(clip: ClipFile):
    import cv2

    # Damage is told by us, by name; these would print what no user can act on.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    return cv2.VideoCapture(os.fspath(clip.path), cv2.CAP_FFMPEG)
