"""Frames of a clip, one in memory at a time, with their times.

By PyAV (FFmpeg in its wheel): any container and codec that it knows, the times of each
frame where the rate varies, the rotation that phones write, and files of any name.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.data.videos import clips
from selfme_jax.data.videos.clips import ClipFile

# Containers often promise a few frames more than they hold, or a little more time: that
# is no damage.
PROMISED, LASTS = 0.95, 0.9
LARGEST = 64_000_000  # pixels of a frame; 8K has 33 million


class Timed(NamedTuple):
    """A frame and when it is shown."""

    seconds: float  # since the first frame; nan where the clip does not say
    image: np.ndarray  # [h, w, 3] uint8 RGB


class DamagedError(Exception):
    """A clip cannot be read further; what came before is good."""


def expected_frames(clip: ClipFile) -> int:
    """How many frames a clip says it has; 0 where it does not say."""
    if clip.images:
        return len(clip.images)
    with contextlib.suppress(DamagedError), _open(clip.path) as (container, stream):
        lasts = (container.duration or 0) / 1e6
        return max(0, stream.frames or round(lasts * _rate(stream)))
    return 0


def fps(clip: ClipFile) -> float:
    """Frames per second on average; 0 where not known."""
    if clip.images:
        return 0.0
    with contextlib.suppress(DamagedError), _open(clip.path) as (_, stream):
        return _rate(stream)
    return 0.0


def read(clip: ClipFile) -> Iterator[np.ndarray]:
    """[h, w, 3] uint8 RGB frames, one in memory at a time.

    Raises:
        DamagedError: after the last good frame, if more should follow.
    """
    return (frame.image for frame in read_timed(clip))


def read_timed(clip: ClipFile) -> Iterator[Timed]:
    """Frames with their times, one in memory at a time; times never go back.

    Raises:
        DamagedError: after the last good frame, if more should follow.
    """
    frames = _read_images(clip) if clip.images else _read_video(clip)
    shape: tuple[int, ...] | None = None
    for number, frame in enumerate(frames):
        if shape is not None and frame.image.shape != shape:
            h, w = frame.image.shape[:2]
            raise DamagedError(
                f"frame {number} is {w}x{h}, those before {shape[1]}x{shape[0]}"
                + _advice(clip)
            )
        shape = frame.image.shape
        yield frame


def still(path: Path) -> np.ndarray:
    """[h, w, 3] uint8 RGB of a picture; turned as its EXIF says, alpha left away.

    Raises:
        DamagedError: it cannot be read, or is larger than LARGEST pixels.
    """
    import cv2

    try:
        with _regular(path) as file:
            data = np.frombuffer(file.read(), np.uint8)
    except OSError as error:
        raise DamagedError(f"{path.name} cannot be read ({error.strerror})") from None
    width, height = _header(data)
    if width * height > LARGEST:
        raise DamagedError(f"{path.name} says it is {width}x{height} pixels: too large")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise DamagedError(f"{path.name} is not a readable image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _read_images(clip: ClipFile) -> Iterator[Timed]:
    for before, path in zip((None, *clip.images), clip.images, strict=False):
        if before is not None and clips.natural(before) == clips.natural(path):
            raise DamagedError(f"{before.name} and {path.name} are the same frame")
        yield Timed(np.nan, still(path))


def _read_video(clip: ClipFile) -> Iterator[Timed]:
    # The last frame of a cut file is often half grey, so one frame is held back.
    count, held = 0, None
    with _open(clip.path) as (container, stream):
        frames, lasts = max(0, stream.frames), (container.duration or 0) / 1e6
        step, first, last = 1 / (_rate(stream) or 25), None, -np.inf
        for frame in _decode(container, stream):
            if held is not None:
                yield held
            now = frame.time
            if now is None:
                now = (0 if first is None else first + last) + step
            first = now if first is None else first
            last = max(now - first, last + step / 100)
            held = Timed(last, _picture(frame))
            count += 1
    if count < PROMISED * frames:
        raise DamagedError(f"it ends after {max(0, count - 1)} of {frames} frames")
    if not frames and last + 2 * step < LASTS * lasts:
        raise DamagedError(f"it ends after {max(0, last):.1f} of {lasts:.1f} seconds")
    if held is not None:
        yield held


def _picture(frame) -> np.ndarray:
    """[h, w, 3] uint8 RGB, upright; 10-bit, grey and alpha are brought to that."""
    if frame.width * frame.height > LARGEST:
        raise DamagedError(f"frames of {frame.width}x{frame.height} are too large")
    image = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4  # counterclockwise
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _decode(container, stream) -> Iterator:
    """Frames of a stream; what cannot be decoded in between is passed over."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:  # the file ends here
            with contextlib.suppress(av.FFmpegError):
                yield from stream.decode(None)
            return
        with contextlib.suppress(av.FFmpegError):
            yield from packet.decode()


@contextlib.contextmanager
def _regular(path: Path):
    """A file opened for reading; pipes and devices, which may never end, are not."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "no regular file")
        yield file


@contextlib.contextmanager
def _open(path: Path):
    """(container, its first video stream).

    FFmpeg gets an open file and no name: some names crash it, and a play list that
    calls itself a video must not make it read other files or addresses.

    Raises:
        DamagedError: no video, or not readable.
    """
    import av

    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(_regular(path))
            if not os.fstat(file.fileno()).st_size:
                raise DamagedError("not a readable video")
            nowhere = {"protocol_whitelist": "none"}
            container = stack.enter_context(
                av.open(file, metadata_errors="replace", options=nowhere)
            )
        except OSError as error:
            raise DamagedError(f"it cannot be read ({error.strerror})") from None
        except av.FFmpegError:
            raise DamagedError("not a readable video") from None
        if not container.streams.video:
            raise DamagedError("no pictures in it, only sound")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise DamagedError("a video codec that this FFmpeg does not know")
        stream.thread_type = "AUTO"
        yield container, stream


def _rate(stream) -> float:
    value = float(stream.average_rate or stream.guessed_rate or 0)
    return value if 0 < value <= 1000 else 0.0


def _header(data: np.ndarray) -> tuple[int, int]:
    """Width and height that a picture claims; (0, 0) where they cannot be told."""
    import io

    from PIL import Image

    if data[:8].tobytes() == b"\x89PNG\r\n\x1a\n" and data.size >= 24:
        width, height = data[16:24].view(">u4").tolist()
        return width, height
    try:
        return Image.open(io.BytesIO(data.data)).size
    except Image.DecompressionBombError:
        return LARGEST, LARGEST
    except Exception:  # of any kind: OpenCV says whether it is a picture
        return 0, 0


def _advice(clip: ClipFile) -> str:
    if len(clip.images) == 2:
        return "; for two stills: python -m selfme_jax.predict ONSET APEX"
    return ""
