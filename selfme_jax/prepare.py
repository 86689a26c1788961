"""Make data ready for training: once, so that training reads it fast.

    python -m selfme_jax.prepare NAME --source=DIR [--verify]
    python -m selfme_jax.prepare synthetic --as=NAME --output=DIR
    python -m selfme_jax.prepare video --source=DIR

NAME is an official dataset (docs/datasets.md lists them): a table says what of the
release is there; --verify stops after it. synthetic: an imitation of a release, to try
all that without a licence. video: a folder of face videos and of folders of frames, to
learn motion from. Faces are cut out of every clip; faces.png in the data_dir shows how.
"""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from selfme_jax import files
from selfme_jax.data.releases import imitation, inspection, prepared, registry
from selfme_jax.data.releases.record import ALL
from selfme_jax.data.videos import clips
from selfme_jax.data.videos import prepared as videos
from selfme_jax.data.videos.prepared import VideoFrames
from selfme_jax.report import contact_sheet
from selfme_jax.run import cli, verification
from selfme_jax.train.log import Teller
from selfme_jax.types import UserError

_SOURCE = flags.DEFINE_string("source", "", "Folder of what is to be prepared.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Default: data/<dataset>.")
_SIZE = flags.DEFINE_integer(
    "size", 256, "Height and width of face crops (synthetic: of faces, default 128)."
)
_DETECTOR = flags.DEFINE_string(
    "detector",
    "mesh",
    "mesh; haar; frame (faces are cut out already); a MediaPipe face landmarker "
    "(.task).",
)
_VERIFY = flags.DEFINE_bool("verify", False, "Look at the release, write nothing.")
_PARTIAL = flags.DEFINE_bool(
    "allow_partial", False, "Go on with the clips that are there, and say so."
)
_CLASSES = flags.DEFINE_integer(
    "classes",
    3,
    "Of the protocol (3, 4, 5, 7 or 8, where a dataset has them; 0: every clip, for "
    "action units). synthetic: whose clips get frames, default all.",
)
_APEX = flags.DEFINE_enum(
    "apex",
    "annotated",
    inspection.APEXES,
    "Where the apex is from; without a good annotation, it is where most motion is.",
)
_FRAMES = flags.DEFINE_enum(
    "frames", "all", inspection.FRAMES, "Onset to offset, onset to apex, or these two."
)
_AS = flags.DEFINE_string("as", "", "synthetic: the release that is imitated.")
_OUTPUT = flags.DEFINE_string("output", "", "synthetic: a new folder.")
_STRIDE = flags.DEFINE_integer("stride", 1, "video: take every so-manieth frame.")
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 0, "video: of a clip, the first so many; 0 = all."
)

_SHEET_CLIPS = 12
# Datasets that have no config of their own, and whose they take.
_CONFIGS = {"dfme_test_a": "dfme", "dfme_test_b": "dfme", "cd6me": "casme2"}


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
        tell=Teller(),
    )
    for name, why in frames.left_out.items():
        print(f"left out: {name} ({why})")
    for name, notes in frames.notes.items():
        for note in notes:
            print(f"{name}: {note}")
    for name, why in frames.damaged.items():
        print(f"used up to the damage: {name} ({why})")
    sheet = data_dir / "faces.png"
    contact_sheet.save(_strips(frames), sheet)
    print(
        f"{len(frames.records)} frames of {len(frames.clips)} clip(s) in {data_dir}; "
        f"look at {sheet}, then\n"
        "python -m selfme_jax.main --config=video "
        f"--config.data.root={shlex.quote(str(data_dir))}",
        flush=True,
    )


def synthetic(data_dir: Path) -> None:
    """Imitate a release, and say how to go on."""
    del data_dir
    if not _OUTPUT.value:
        raise UserError("no folder to write to. Set --output to a new one.")
    look = imitation.Look()
    if flags.FLAGS["size"].present:
        look = look._replace(size=_SIZE.value)
    name = _AS.value
    number = _CLASSES.value
    if name in registry.RELEASES and not flags.FLAGS["classes"].present:
        number = ALL if ALL in registry.numbers(name) else number
    count = imitation.write(
        name,
        Path(_OUTPUT.value).expanduser(),
        source=Path(_SOURCE.value).expanduser() if _SOURCE.value else None,
        number=number,
        look=look,
        tell=Teller(),
    )
    more = f" --detector=frame --size={look.size}" if name == "video" else ""
    if name in registry.RELEASES and number not in (3, ALL):
        more = f" --classes={number}"
    print(
        f"{count} synthetic clips, laid out as {name}, in {_OUTPUT.value}; then\n"
        f"python -m selfme_jax.prepare {name} --source="
        f"{shlex.quote(_OUTPUT.value)} --data_dir=DIR{more}",
        flush=True,
    )


def release(name: str, data_dir: Path) -> None:
    """Verify an official dataset, and unless only that is asked for write it."""
    options = inspection.Options(
        _CLASSES.value, _SIZE.value, _DETECTOR.value, _APEX.value, _FRAMES.value
    )
    tell = Teller()
    found = inspection.run(name, _SOURCE.value, options, data_dir / "faces.json", tell)
    print(verification.text(found, registry.classes(name, options.classes)), flush=True)
    prepared.check(found, options.classes, allow_partial=_PARTIAL.value)
    total = f"{len(found.usable)} of {len(found.entries)} clips of {name}"
    if _VERIFY.value:
        print(f"{total} are there and usable", flush=True)
        return
    prepared.write(name, found, data_dir, options, tell)
    sheet = data_dir / "faces.png"
    data = prepared.load(
        name,
        root=str(data_dir),
        classes=options.classes,
        allow_partial=_PARTIAL.value,
    )
    contact_sheet.save(_clip_strips(data), sheet)
    partial = " --config.data.allow_partial=True" if _PARTIAL.value else ""
    number = options.classes
    classes = f" --config.data.classes={number}" if number != 3 else ""
    other = f" --config.data.name={name}" if name in _CONFIGS else ""
    print(
        f"{total} in {data_dir}; look at {sheet}, then\n"
        f"python -m selfme_jax.main --config={_CONFIGS.get(name, name)} "
        f"--config.data.root={shlex.quote(str(data_dir))}{other}{classes}{partial}",
        flush=True,
    )


DATASETS: dict[str, Callable[[Path], None]] = {
    "video": video,
    "synthetic": synthetic,
    **{name: functools.partial(release, name) for name in registry.NAMES},
}


def main(dataset: str = "") -> None:
    """Prepare the dataset of this name."""
    if dataset not in DATASETS:
        raise UserError(
            f"{f'unknown dataset {dataset!r}' if dataset else 'no dataset given'}. "
            f"Known: {', '.join(DATASETS)}.\n"
            f"python -m selfme_jax.prepare {next(iter(DATASETS))} --source=DIR"
        )
    for flag in (_DATA_DIR, _OUTPUT, _SOURCE):
        if files.remote(flag.value or ""):
            raise UserError(
                f"--{flag.name}={flag.value}: datasets are prepared on this machine. "
                "Give a folder of it;\nthen gcloud storage cp -r takes what was made "
                "to a bucket, and --config.data.root=gs://BUCKET/DIR reads it there."
            )
    DATASETS[dataset](Path(_DATA_DIR.value or f"data/{dataset}").expanduser())


def _clip_strips(data: prepared.OfficialClips) -> dict[str, list[np.ndarray]]:
    """Onset, apex and offset of some clips, evenly chosen, by their names."""
    last = len(data.samples) - 1
    strips = {}
    for i in np.unique(np.linspace(0, last, _SHEET_CLIPS).round().astype(int)):
        sample, clip = data.samples[i], data.clip(i)
        name = f"{sample.person}/{sample.sample}"
        strips[name] = [clip.frames[j] for j in (0, clip.apex, -1)]
    return strips


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


def start() -> None:
    """The command."""
    cli.run(main, positional=1, devices=False)


if __name__ == "__main__":
    start()
