"""Face crops of any folder of videos, prepared once, then read frame by frame.

A clip in which the face moves far, or is gone for a while, gives several runs of
frames: each has one framing. ``prepare`` looks for the face in every clip and writes
the crops as TFDS array_record shards; ``load`` gives random access to them. Neither
needs TensorFlow.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfme_jax.data import writing
from selfme_jax.data.faces import detection
from selfme_jax.data.pairs import ClipInfo
from selfme_jax.data.videos import clips, crops
from selfme_jax.data.videos.crops import Cut, Options
from selfme_jax.types import Tell, UserError


@dataclass(frozen=True)
class VideoFrames:
    """Meets ``pairs.Frames``: random access to the frames of a prepared dataset.

    clips: in the order of their frames. size: height and width of every frame.
    left_out, damaged: the reason, by name, of clips that are not there at all, or only
      up to some frame.
    notes: by name, what was cut out of a clip and when, and what is odd about it.
    records: the TFDS data source.
    """

    clips: tuple[ClipInfo, ...]
    size: int
    left_out: Mapping[str, str]
    damaged: Mapping[str, str]
    notes: Mapping[str, Sequence[str]]
    records: Sequence[dict[str, Any]]

    def frame(self, index: int) -> np.ndarray:
        """[size, size, 3] uint8 RGB; may be called from several threads."""
        from selfme_jax.data import shards

        return shards.decode(self.records[index]["image"])


def prepare(
    source: str | os.PathLike,
    data_dir: str | os.PathLike,
    *,
    size: int = 256,
    detector: str = detection.DEFAULT,
    stride: int = 1,
    max_frames: int = 0,
    tell: Tell = lambda *_: None,
) -> VideoFrames:
    """Write the face crops of all clips below a folder, unless that is done already.

    A kill leaves nothing that is taken for a dataset.

    Args:
        source: folder of videos and of folders of frames.
        data_dir: of the dataset.
        size: height and width of the crops.
        detector: of faces, see ``detection.load``.
        stride: take every so-manieth frame.
        max_frames: of a clip, the first so many (after stride); 0 = all.
        tell: called as the work goes on, with (what, done, total, where).

    Raises:
        UserError: a value out of range, no usable clip, data_dir cannot be written, or
          holds a dataset made of another source or with other options.
    """
    if size < 16 or stride < 1 or max_frames < 0 or max_frames == 1:
        raise UserError(
            "videos need size of at least 16, stride of at least 1, and max_frames of "
            "0 (all) or at least 2. Change these flags."
        )
    options = Options(size, detector, stride, max_frames)
    detection.load(detector)
    found = clips.find(source)
    source_bytes = {clip.name: clip.bytes for clip in found}
    if _folder(data_dir).exists():
        from selfme_jax.data import shards

        _, made = shards.read(_folder(data_dir), ("image",))
        both = made["options"], options._asdict()
        writing.check_same(data_dir, both, (made["source"], source_bytes))
        return load(data_dir)
    with writing.alone(data_dir, _folder(data_dir).parent) as scratch:
        usable, left_out = crops.look(found, options, tell)
        if not usable:
            some = "; ".join(f"{name}: {left_out[name]}" for name in list(left_out)[:3])
            raise UserError(
                f"none of {len(found)} clip(s) in {source} can be used ({some}).\n"
                "Give clips that show a face from the front."
            )
        metadata = {
            "options": options._asdict(),
            "source": source_bytes,
            "clips": _table(usable),
            "left_out": left_out,
            "damaged": {cut.clip.name: cut.damage for cut in usable if cut.damage},
            "notes": {cut.clip.name: list(cut.notes) for cut in usable if cut.notes},
        }
        frames = functools.partial(crops.crops, usable, options, tell)
        from selfme_jax.data.videos.builder import FaceVideos

        place = Path(data_dir).expanduser()
        FaceVideos(place, frames=frames, metadata=metadata).write(scratch)
    return load(data_dir)


def load(data_dir: str | os.PathLike) -> VideoFrames:
    """Open a dataset that ``prepare`` wrote.

    Raises:
        UserError: there is none.
    """
    if not _folder(data_dir).exists():
        raise UserError(
            f"no prepared videos in {data_dir}. Prepare them:\n"
            f"python -m selfme_jax.prepare video --source=DIR --data_dir={data_dir}"
        )
    from selfme_jax.data import shards

    records, table = shards.read(_folder(data_dir), ("image",))
    return VideoFrames(
        tuple(ClipInfo(*(c[key] for key in ClipInfo._fields)) for c in table["clips"]),
        table["options"]["size"],
        table["left_out"],
        table["damaged"],
        table["notes"],
        records,
    )


def _folder(data_dir: str | os.PathLike) -> Path:
    """Where the dataset is; TFDS gives the folder this name when it is complete."""
    from selfme_jax.data.videos.builder import FaceVideos

    return Path(data_dir).expanduser() / FaceVideos.name / str(FaceVideos.VERSION)


def _table(usable: Sequence[Cut]) -> list[dict]:
    rows, start = [], 0
    for cut in usable:
        for window in cut.windows:
            count = window.stop - window.start
            info = ClipInfo(cut.name(window), start, count, cut.fps)
            framed = {"framing": window.framed._asdict(), "first": window.start}
            rows.append(info._asdict() | framed)
            start += count
    return rows
