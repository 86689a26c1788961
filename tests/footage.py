"""Small films of synthetic faces, as videos and as folders of frames."""

import functools
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from selfme_jax.data.synthetic import rendered as synthetic

# Of the face in a frame: left, top, side.
PLACE = (50, 25, 160)


@functools.cache
def film(frames: int = 12, person: int = 0) -> np.ndarray:
    """[t, 210, 260, 3] uint8 RGB: a face on a plain wall."""
    data = synthetic.load(
        subjects=1,
        clips_per_subject=1,
        size=PLACE[2],
        frames=frames,
        first_subject=person,
    )
    wall = np.full((frames, 210, 260, 3), (110, 120, 130), np.uint8)
    x, y, side = PLACE
    wall[:, y : y + side, x : x + side] = data.clip(0).frames
    return wall


def write_video(path: Path, frames: Iterable[np.ndarray], *, fps: float = 25) -> Path:
    """Motion JPEG in AVI, which every OpenCV can write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(frames)
    size = frames[0].shape[1::-1]
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, size)
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def write_folder(
    path: Path, frames: Iterable[np.ndarray], *, names: str = "img{}.png", first=1
) -> Path:
    """One image a frame."""
    path.mkdir(parents=True)
    for number, frame in enumerate(frames, start=first):
        image = cv2.imencode(Path(names).suffix, frame[..., ::-1])[1]
        (path / names.format(number)).write_bytes(image.tobytes())
    return path
