"""The clips that a release should hold, by its annotation sheet."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from selfme_jax.data.releases import sheets
from selfme_jax.data.releases.cells import clean, integer
from selfme_jax.data.releases.record import Entry, Key, Protocol, Release
from selfme_jax.types import UserError

FRAMES = ("onset", "apex", "offset")


def read(root: Path, release: Release, *, number: int) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    Raises:
        UserError: no sheet, an unreadable one, an odd name or number, or a clip listed
          twice.
    """
    wanted = release.protocols[number]
    if release.listing is not None:
        return _known(root, release, release.listing(), wanted)
    sheet = release.sheet
    path = sheets.find(root, sheet.pattern)
    if path is None:
        raise UserError(f"no annotation sheet {sheet.file} below {root}. Put it there.")
    entries: dict[Key, Entry] = {}
    for row in sheets.read(path, sheet.required, names=sheet.columns):
        emotion = row["emotion"].lower()
        emotion = sheet.spellings.get(emotion, emotion)
        label = _label(wanted, emotion)
        if label is None:
            continue
        try:
            entry = _entry(release, row, emotion, label)
        except ValueError as error:
            raise UserError(f"{path}: {error}. Restore the official sheet.") from None
        if entry.key in entries:
            raise UserError(f"{path} lists {entry.name} twice. Restore the sheet.")
        entries[entry.key] = entry
    found = list(entries.values())
    if wanted.needs_apex:
        return [e for e in found if e.apex is not None and e.apex != e.onset]
    return found


def _label(wanted: Protocol, emotion: str) -> int | None:
    if not wanted.words:
        return 0
    name = wanted.words.get(emotion)
    return None if name is None else wanted.classes.index(name)


def _entry(release: Release, row: Mapping[str, str], emotion: str, label: int) -> Entry:
    key = release.sheet.key(row)
    onset, apex, offset = (_number(row, column, key) for column in FRAMES)
    entry = Entry(
        *(release.dataset, *key, label, emotion),
        onset=onset,
        apex=apex,
        offset=offset,
        aus=_aus(release, row, key),
        fps=integer(row["fps"]) or release.fps,
    )
    return entry._replace(notes=release.sheet.remarks(entry))


def _aus(release: Release, row: Mapping[str, str], key: Key) -> str:
    cell = " ".join(row["aus"].split())
    written, meant = release.sheet.settled.get(key, ("", ""))
    same = written and re.sub(r"\s", "", written) == re.sub(r"\s", "", cell)
    return meant if same else cell


def _number(row: Mapping[str, str], column: str, key: Key) -> int | None:
    try:
        return integer(row[column])
    except ValueError as error:
        raise ValueError(f"{column} of {'/'.join(key)}: {error}") from None


def _known(
    root: Path,
    release: Release,
    clips: Iterable[tuple[Key, str]],
    wanted: Protocol,
) -> list[Entry]:
    """The clips of a release that lists them by itself."""
    spans = _spans(root, release)
    return [
        Entry(
            *(release.dataset, *key, wanted.classes.index(emotion), emotion),
            onset=spans.get(key, (None, None))[0],
            offset=spans.get(key, (None, None))[1],
            fps=release.fps,
        )
        for key, emotion in clips
    ]


def _spans(root: Path, release: Release) -> dict[Key, tuple[int | None, int | None]]:
    """Onset and offset by clip, where the long clips lie below ``root``."""
    path = sheets.find(root, release.sheet.pattern)
    if path is None or not any(root.rglob(release.long)):
        return {}
    spans = {}
    for row in sheets.read(path, release.sheet.required):
        key = release.identify(Path(clean(row["sample"])))
        if key is None:
            continue
        try:
            spans[key] = _number(row, "onset", key), _number(row, "offset", key)
        except ValueError as error:
            raise UserError(f"{path}: {error}. Restore the official sheet.") from None
    return spans
