"""Clips that an official sheet lists with onset, apex, offset and emotion."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from selfme_jax.data import protocol, sheets
from selfme_jax.data.release import Entry
from selfme_jax.types import UserError

FRAMES = ("onset", "apex", "offset")


class Sheet(NamedTuple):
    """What one release's sheet is like.

    pattern: of its name, see ``sheets.find``; file: its name, for people. columns: it
    has besides FRAMES and emotion. three: emotion -> class of MEGC 2019. five: the
    classes of the other protocol, which are emotions. other: what an emotion may be
    written as. key: (subject, sample) of a row, a ValueError where it names none.
    """

    dataset: str
    pattern: str
    file: str
    columns: tuple[str, ...]
    three: Mapping[str, str]
    five: tuple[str, ...]
    other: Mapping[str, str]
    key: Callable[[Mapping[str, str]], tuple[str, str]]

    def classes(self, number: int) -> tuple[str, ...]:
        """Names of the classes of a protocol."""
        return protocol.CLASSES if number == 3 else self.five


def read(root: Path, sheet: Sheet, *, number: int) -> list[Entry]:
    """The clips of a protocol of so many classes, from the sheet below ``root``.

    Raises:
        UserError: no sheet, an unreadable one, an odd name or a clip listed twice.
    """
    path = sheets.find(root, sheet.pattern)
    if path is None:
        raise UserError(f"no annotation sheet {sheet.file} below {root}. Put it there.")
    classes = sheet.classes(number)
    entries: dict[tuple[str, str], Entry] = {}
    columns = (*sheet.columns, *FRAMES, "emotion")
    for row in sheets.read(path, columns, optional=("aus",)):
        emotion = row["emotion"].lower()
        emotion = sheet.other.get(emotion, emotion)
        name = sheet.three.get(emotion) if number == 3 else emotion
        if name not in classes:
            continue
        try:
            key = sheet.key(row)
        except ValueError as error:
            raise UserError(f"{path}: {error}. Restore the official sheet.") from None
        frames = (sheets.integer(row[column]) for column in FRAMES)
        label = classes.index(name)
        entry = Entry(sheet.dataset, *key, label, emotion, *frames, row["aus"])
        if key in entries:
            raise UserError(f"{path} lists {entry.name} twice. Restore the sheet.")
        entries[key] = entry
    return list(entries.values())
