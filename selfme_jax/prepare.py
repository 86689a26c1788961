"""Make data ready for training: once, so that training reads it fast.

    python -m selfme_jax.prepare video --source=DIR

video: a folder of face videos and of folders of frames, to learn motion from. The face
is cut out of every clip; faces.png in the data_dir shows how.
"""

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from selfme_jax import cli
from selfme_jax.data import clips
from selfme_jax.data import video as videos
from selfme_jax.data.video import VideoFrames
from selfme_jax.report import contact_sheet
from selfme_jax.train.log import Progress
from selfme_jax.types import UserError

_SOURCE = flags.DEFINE_string("source", "", "Folder of what is to be prepared.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Default: data/<dataset>.")
_SIZE = flags.DEFINE_integer("size", 256, "video: height and width of face crops.")
_DETECTOR = flags.DEFINE_string(
    "detector", "haar", "video: haar, or a MediaPipe face landmarker (a .task file)."
)
_STRIDE = flags.DEFINE_integer("stride", 1, "video: take every so-manieth frame.")
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 0, "video: of a clip, the first so many; 0 = all."
)

_SHEET_CLIPS = 12


def video(data_dir: Path) -> None:
    """Prepare face videos, and say what was found, where it is, how to go on."""
    found = clips.find(_SOURCE.value)
    folders = sum(bool(clip.images) for clip in found)
    megabytes = sum(clip.bytes for clip in found) / 1e6
    print(
        f"{_SOURCE.value}: {len(found) - folders} video(s) and {folders} folder(s) of "
        f"frames, {megabytes:.1f} MB; face crops of {_SIZE.value}x{_SIZE.value} go to "
        f"{data_dir}",
        flush=True,
    )
    frames = videos.prepare(
        _SOURCE.value,
        data_dir,
        size=_SIZE.value,
        detector=_DETECTOR.value,
        stride=_STRIDE.value,
        max_frames=_MAX_FRAMES.value,
        tell=_Teller(),
    )
    for name, why in frames.left_out.items():
        print(f"left out: {name} ({why})")
    for name, why in frames.damaged.items():
        print(f"used up to the damage: {name} ({why})")
    sheet = data_dir / "faces.png"
    contact_sheet.save(_strips(frames), sheet)
    print(
        f"{len(frames.records)} frames of {len(frames.clips)} clip(s) in {data_dir}; "
        f"look at {sheet}, then\n"
        "python -m selfme_jax.main --config=configs/video.py "
        f"--config.data.root={shlex.quote(str(data_dir))}",
        flush=True,
    )


DATASETS: dict[str, Callable[[Path], None]] = {"video": video}


def main(dataset: str = "") -> None:
    """Prepare the dataset of this name."""
    if dataset not in DATASETS:
        raise UserError(
            f"{f'unknown dataset {dataset!r}' if dataset else 'no dataset given'}. "
            f"Known: {', '.join(DATASETS)}.\n"
            f"python -m selfme_jax.prepare {next(iter(DATASETS))} --source=DIR"
        )
    DATASETS[dataset](Path(_DATA_DIR.value or f"data/{dataset}").expanduser())


class _Teller:
    """Lines with an ETA for each part of the work."""

    def __init__(self):
        self._parts: dict[str, Progress] = {}

    def __call__(self, what: str, done: int, total: int, where: str) -> None:
        if what not in self._parts:
            self._parts[what] = Progress(what, total)
        self._parts[what](done, where)


def _strips(frames: VideoFrames) -> dict[str, list[np.ndarray]]:
    """First, middle and last frame of some clips, evenly chosen, by their names."""
    count = len(frames.clips)
    chosen = np.unique(np.linspace(0, count - 1, _SHEET_CLIPS).round().astype(int))
    return {
        clip.name: [
            frames.frame(clip.start + i)
            for i in (0, (clip.count - 1) // 2, clip.count - 1)
        ]
        for clip in (frames.clips[i] for i in chosen)
    }


if __name__ == "__main__":
    cli.run(main, positional=1)
