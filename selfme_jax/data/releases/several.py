"""Several prepared datasets read as one: --config.data.name=casme2+samm."""

import bisect
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfme_jax.data.releases import prepared, registry
from selfme_jax.data.releases.prepared import OfficialClips
from selfme_jax.types import Tell, UserError

JOINED = "+"


class Chain(Sequence):
    """Sequences one after the other; nothing is read before it is asked for."""

    def __init__(self, parts: Sequence[Sequence[Any]]):
        self.parts = parts
        self.ends = list(itertools.accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> Any:  # type: ignore[override]
        index = range(len(self))[index]
        part = bisect.bisect_right(self.ends, index)
        return self.parts[part][index - (self.ends[part - 1] if part else 0)]


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
    """Open several datasets that were prepared each by itself.

    Args:
        name: those of ``registry.NAMES``, joined by +.
        root: folder above their data_dirs, which are called as they are; '' = data.
        source: folder of all their releases, for what is not prepared yet.
        classes: of the protocol, which must have the same names in all of them.
        size, allow_partial, max_frames, key_frames_off, tell: see ``prepared.load``.

    Raises:
        UserError: as ``prepared.load``; or they cannot be joined.
    """
    names = name.split(JOINED)
    twice = sorted({part for part in names if names.count(part) > 1})
    if twice:
        raise UserError(f"{name} names {', '.join(twice)} twice. Name each once.")
    known = {part: registry.classes(part, classes) for part in names}
    other = [part for part in names if known[part] != known[names[0]]]
    if other:
        raise UserError(
            f"{names[0]} and {other[0]} have other classes when they have {classes}. "
            "Use --config.data.classes=3, or 0 for action units."
        )
    opened = [
        prepared.load(
            part,
            root=str(Path(root or "data") / part),
            source=source,
            classes=classes,
            size=size,
            allow_partial=allow_partial,
            max_frames=max_frames,
            tell=tell,
        )
        for part in names
    ]
    sizes = {part: data.size for part, data in zip(names, opened, strict=True)}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{part} {size}x{size}" for part, size in sizes.items())
        raise UserError(
            f"faces of different sizes: {said}. Prepare them with the same --size."
        )
    detectors = {data.detector for data in opened}
    return OfficialClips(
        known[names[0]],
        tuple(sample for data in opened for sample in data.samples),
        Chain([data.records for data in opened]),
        max_frames,
        any(data.imitation for data in opened),
        opened[0].size,
        key_frames_off,
        detectors.pop() if len(detectors) == 1 else "",
    )
