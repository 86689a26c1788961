"""The official datasets: prepared once from a release, then read as clips."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfme_jax.data import key_frames, protocol, writing
from selfme_jax.data.releases import inspection, records, registry
from selfme_jax.data.releases.inspection import Options, Survey
from selfme_jax.types import Clip, ClipDataset, Sample, Tell, UserError


@dataclass(frozen=True)
class OfficialClips:
    """Meets ``types.ClipDataset``; frames are decoded whenever a clip is asked for.

    max_frames: of a clip, evenly chosen among those that are there; onset and apex
      always. 0 = all. imitation: whether faces are synthetic. size: of them, pixels.
      off: onset and apex are wrong by up to so many frames (``data.key_frames``).
      detector: that cut the faces out, by name; '' = not one and the same for all.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    records: Sequence[dict[str, Any]]
    max_frames: int = 0
    imitation: bool = False
    size: int = 0
    off: int = 0
    detector: str = ""

    def clip(self, index: int) -> Clip:
        """Frames [t, size, size, 3] and the apex."""
        record = self.records[index]
        onset, apex, count = 0, int(record["apex_index"]), len(record["frames"])
        if self.off:
            onset, apex = key_frames.off(self.samples[index], count, apex, self.off)
        chosen = np.arange(onset, count)
        if self.max_frames and len(chosen) > self.max_frames:
            chosen = np.linspace(onset, count - 1, self.max_frames).round().astype(int)
            if apex not in chosen:  # it takes the place of an inner one
                inner = chosen[1:-1] if self.max_frames > 2 else chosen[1:]
                inner[np.argmin(abs(inner - apex))] = apex
        from selfme_jax.data import shards

        frames = np.stack([shards.decode(record["frames"][i]) for i in chosen])
        return Clip(frames, int(np.flatnonzero(chosen == apex)[0]))


def folder(name: str, data_dir: str | os.PathLike, number: int) -> Path:
    """Where a prepared dataset is; TFDS gives it this name when it is complete."""
    from selfme_jax.data.releases.builders import BUILDERS

    made = BUILDERS[name]
    place = Path(data_dir).expanduser() / made.name / f"{number}class"
    return place / str(made.VERSION)


def write(
    name: str, found: Survey, data_dir: str | os.PathLike, options: Options, tell: Tell
) -> None:
    """Write what a survey found usable, unless it is there already.

    Raises:
        UserError: data_dir cannot be written, or holds another preparation.
    """
    from selfme_jax.data.releases.builders import BUILDERS

    metadata: dict[str, Any] = {
        "options": options._asdict(),
        "classes": list(registry.classes(name, options.classes)),
        "size": options.size,
        "lengths": [len(clip.paths) for clip in found.usable],
        "expected": len(found.entries),
        "unusable": found.unusable,
        "imitation": found.imitation,
        "contents": [[clip.entry.name, clip.content] for clip in found.usable],
    }
    place = folder(name, data_dir, options.classes)
    if place.exists():
        _, _, made = _open(place)
        both = made["options"], metadata["options"]
        contents = dict(made["contents"]), dict(metadata["contents"])
        writing.check_same(data_dir, both, contents)
        return
    with writing.alone(data_dir, place.parent) as scratch:
        builder = BUILDERS[name](
            Path(data_dir).expanduser(),
            clips=functools.partial(records.stream, found.usable, options, tell),
            metadata=metadata,
            config=f"{options.classes}class",
        )
        builder.write(scratch)


def load(
    name: str,
    *,
    root: str = "",
    source: str = "",
    classes: int = 3,
    size: int = 256,
    allow_partial: bool = False,
    max_frames: int = 0,
    key_frames_off: int = 0,
    tell: Tell = lambda *_: None,
) -> OfficialClips:
    """Open a prepared dataset; prepare it first where a release is given.

    Args:
        name: of ``registry.NAMES``.
        root: its data_dir; '' = data/<name>.
        source: folder of the release, used if there is nothing prepared.
        classes: of the protocol; 0 = every clip, for action units.
        size: height and width of the faces where they are prepared first.
        allow_partial: accept other counts than the protocol's.
        max_frames: see OfficialClips. key_frames_off: its ``off``.
        tell: called as preparing goes on.

    Raises:
        UserError: nothing prepared and no source, or clips are missing.
    """
    data_dir = Path(root or Path("data") / name)
    if max_frames < 0 or max_frames == 1:
        raise UserError(
            f"max_frames is {max_frames}; it must be 0 (all) or at least 2."
        )
    names = registry.classes(name, classes)
    place = folder(name, data_dir, classes)
    if not place.exists() and source:
        options = Options(classes=classes, size=size)
        found = inspection.run(name, source, options, data_dir / "faces.json", tell)
        check(found, classes, allow_partial=allow_partial)
        write(name, found, data_dir, options, tell)
    if not place.exists():
        flag = f" --classes={classes}" if classes != 3 else ""
        flag += f" --size={size}" if size != Options().size else ""
        raise UserError(
            f"no prepared {name} ({classes} classes) in {data_dir}. Prepare it:\n"
            f"python -m selfme_jax.prepare {name} --source=DIR{flag} "
            f"--data_dir={data_dir}   (or set --config.data.source=DIR)"
        )
    stored, samples, metadata = _open(place)
    if not allow_partial:
        _check_counts(name, samples, classes)
    imitation = bool(metadata["imitation"])
    size = int(metadata["size"])
    detector = Path(str(metadata["options"]["detector"])).name
    shown = max_frames, imitation, size, key_frames_off, detector
    return OfficialClips(names, samples, stored, *shown)


_REMEDY = (
    "Complete the release (prepare --verify says what is missing), or accept it as it "
    "is: --allow_partial here, --config.data.allow_partial=True in a run."
)


def check(found: Survey, number: int, *, allow_partial: bool) -> None:
    """Refuse a release of which not all clips of the protocol are usable.

    Raises:
        UserError: with the numbers found and expected.
    """
    if allow_partial and found.usable:
        return
    entries = [clip.entry for clip in found.usable]
    _check_counts(found.name, entries, number)
    expected = registry.total(found.name, number) or len(found.entries)
    if len(entries) != expected or not entries:
        raise UserError(
            f"{found.name}: found {len(entries)} clips; expected {expected}.\n{_REMEDY}"
        )


def _check_counts(name: str, samples: Sequence, number: int) -> None:
    protocol.check_counts(
        samples,
        datasets=[part.dataset for part in registry.parts(name)],
        known=protocol.counts(name, number),
        classes=registry.classes(name, number),
        remedy=_REMEDY,
    )


def _open(place: Path) -> tuple[Sequence, tuple[Sample, ...], dict]:
    """Records, samples and metadata of a dataset.

    Raises:
        UserError: it is damaged.
    """
    from selfme_jax.data import shards

    stored, metadata = shards.read(place, ("onset", "apex", "frames"))
    try:
        return stored, tuple(_sample(record) for record in stored), metadata
    except Exception as error:  # damage of a shard shows when it is read
        raise shards.damaged(place, error) from error


def _sample(record: dict[str, Any]) -> Sample:
    keys = ("emotion", "sha256", "apex_source", "aus")
    texts = {key: _text(record[key]) for key in ("dataset", "subject", "sample", *keys)}
    return Sample(label=int(record["label"]), **texts)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


LOADERS: dict[str, Callable[..., ClipDataset]] = {
    name: functools.partial(load, name) for name in registry.NAMES
}
