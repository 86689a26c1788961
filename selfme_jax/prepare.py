"""Make data ready for training: once, so that training reads it fast.

    python -m selfme_jax.prepare NAME --source=DIR [--verify]
    python -m selfme_jax.prepare synthetic --as=NAME --output=DIR
    python -m selfme_jax.prepare video --source=DIR

NAME is an official dataset (docs/datasets.md lists them): a table says what of the
release is there; --verify stops after it. synthetic: an imitation of a release, to try
all that without a licence. video: a folder of face videos and of folders of frames, to
learn motion from. Faces are cut out of every clip; faces.png in the data_dir shows how.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

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

_SHEET_CLIPS = 12
_FULL, _SMALL = 256, 128  # pixels of frames that configs are for
_SCALE = 640.0  # what configs have as flow.scale x size: motion in sides of a face
# Datasets that have no config of their own, and whose they take.
_CONFIGS = {"dfme_test_a": "dfme", "dfme_test_b": "dfme"}


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    flags.DEFINE_string("source", "", "Folder of what is to be prepared.")
    flags.DEFINE_string("data_dir", None, "Default: data/<dataset>.")
    flags.DEFINE_integer(
        "size",
        256,
        "Sides of face crops (synthetic: of faces, default 128).",
    )
    flags.DEFINE_string(
        "detector",
        "mesh",
        "mesh; haar; frame (faces are cut out already); a MediaPipe face landmarker "
        "(.task).",
    )
    flags.DEFINE_bool("verify", False, "Look at the release, write nothing.")
    flags.DEFINE_bool(
        "allow_partial", False, "Go on with the clips that are there, and say so."
    )
    flags.DEFINE_integer(
        "classes",
        3,
        "Of the protocol (3, 4, 5, 7 or 8, where a dataset has them; 0: every clip, "
        "for action units). synthetic: whose clips get frames, default all.",
    )
    flags.DEFINE_enum(
        "apex",
        "annotated",
        inspection.APEXES,
        "Where the apex is from; without a good annotation, where most motion is.",
    )
    flags.DEFINE_enum(
        "frames",
        "all",
        inspection.FRAMES,
        "Onset to offset, onset to apex, or these two.",
    )
    flags.DEFINE_string("as", "", "synthetic: the release that is imitated.")
    flags.DEFINE_string("output", "", "synthetic: a new folder.")
    flags.DEFINE_integer("stride", 1, "video: take every so-manieth frame.")
    flags.DEFINE_integer(
        "max_frames", 0, "video: of a clip, the first so many; 0 = all."
    )


def video(data_dir: Path) -> None:
    """Prepare face videos, and say what was found, where it is, how to go on."""
    given = flags.FLAGS
    found = clips.find(given.source)
    folders = sum(bool(clip.images) for clip in found)
    megabytes = sum(clip.bytes for clip in found) / 1e6
    print(
        f"{given.source}: {len(found) - folders} video(s) and {folders} folder(s) of "
        f"frames, {megabytes:.1f} MB; face crops of {given.size}x{given.size} go to "
        f"{data_dir}",
        flush=True,
    )
    frames = videos.prepare(
        given.source,
        data_dir,
        size=given.size,
        detector=given.detector,
        stride=given.stride,
        max_frames=given.max_frames,
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
        f"python -m selfme_jax.main {_config('video', given.size)} "
        f"--config.data.root={shlex.quote(str(data_dir))}",
        flush=True,
    )


def synthetic(data_dir: Path) -> None:
    """Imitate a release, and say how to go on."""
    del data_dir
    given = flags.FLAGS
    if not given.output:
        raise UserError("no folder to write to. Set --output to a new one.")
    look = imitation.Look()
    if given["size"].present:
        look = look._replace(size=given.size)
    name = str(given["as"].value)
    number = given.classes
    if name in registry.RELEASES and not given["classes"].present:
        number = ALL if ALL in registry.numbers(name) else number
    count = imitation.write(
        name,
        Path(given.output).expanduser(),
        source=Path(given.source).expanduser() if given.source else None,
        number=number,
        look=look,
        tell=Teller(),
    )
    more = f" --detector=frame --size={look.size}" if name == "video" else ""
    if name in registry.RELEASES and number not in (3, ALL):
        more = f" --classes={number}"
    print(
        f"{count} synthetic clips, laid out as {name}, in {given.output}; then\n"
        f"python -m selfme_jax.prepare {name} --source="
        f"{shlex.quote(given.output)} --data_dir=DIR{more}",
        flush=True,
    )


def release(name: str, data_dir: Path) -> None:
    """Verify an official dataset, and unless only that is asked for write it."""
    given = flags.FLAGS
    options = inspection.Options(
        given.classes, given.size, given.detector, given.apex, given.frames
    )
    tell = Teller()
    found = inspection.run(name, given.source, options, data_dir / "faces.json", tell)
    print(verification.text(found, registry.classes(name, options.classes)), flush=True)
    prepared.check(found, options.classes, allow_partial=given.allow_partial)
    total = f"{len(found.usable)} of {len(found.entries)} clips of {name}"
    if given.verify:
        print(f"{total} are there and usable", flush=True)
        return
    prepared.write(name, found, data_dir, options, tell)
    sheet = data_dir / "faces.png"
    data = prepared.load(
        name,
        root=str(data_dir),
        classes=options.classes,
        allow_partial=given.allow_partial,
    )
    contact_sheet.save(_clip_strips(data), sheet)
    partial = " --config.data.allow_partial=True" if given.allow_partial else ""
    number = options.classes
    classes = f" --config.data.classes={number}" if number != 3 else ""
    config = _config(name, given.size)
    print(
        f"{total} in {data_dir}; look at {sheet}, then\n"
        f"python -m selfme_jax.main {config} "
        f"--config.data.root={shlex.quote(str(data_dir))}{classes}{partial}",
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
    given = flags.FLAGS
    for flag in ("data_dir", "output", "source"):
        if files.remote(given[flag].value or ""):
            raise UserError(
                f"--{flag}={given[flag].value}: datasets are prepared on this machine. "
                "Give a folder of it;\nthen gcloud storage cp -r takes what was made "
                "to a bucket, and --config.data.root=gs://BUCKET/DIR reads it there."
            )
    DATASETS[dataset](Path(given.data_dir or f"data/{dataset}").expanduser())


def _config(name: str, size: int) -> str:
    """The flags of the config for frames of this size; the full networks want 256."""
    if size == _FULL:
        named = _CONFIGS.get(name, name)
        other = f" --config.data.name={name}" if named != name else ""
        return f"--config={named}{other}"
    small = "video_small" if name == "video" else "casme2_small"
    other = "" if small.startswith(name) else f" --config.data.name={name}"
    if size == _SMALL:
        return f"--config={small}{other}"
    scale = f" --config.flow.scale={_SCALE / size:g}" if name != "video" else ""
    return f"--config={small}{other} --config.motion.frame_size={size}{scale}"


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
    define()
    cli.run(main, positional=1, devices=False)


if __name__ == "__main__":
    start()
