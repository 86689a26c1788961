"""What a release is like: one record says all that differs between datasets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

THREE = ("negative", "positive", "surprise")
ALL = 0  # 'classes' of the protocol that takes every clip, for action units
ANY = ("any",)  # its one class

# (subject, sample): what tells a clip from all others of its dataset.
Key = tuple[str, str]


class Entry(NamedTuple):
    """A clip that the release should hold; frame numbers as annotated, or None.

    aus: the cell of action units, see ``data.action_unit_labels``. notes: what is odd
    about it by its annotation.
    """

    dataset: str
    subject: str
    sample: str
    label: int
    emotion: str
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    aus: str = ""
    fps: int = 200
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What tells it from all clips of its dataset."""
        return self.subject, self.sample

    @property
    def name(self) -> str:
        """As reports print it."""
        return f"{self.dataset}/{self.subject}/{self.sample}"


class Counts(NamedTuple):
    """How many subjects a dataset has, and how many clips of each class."""

    subjects: int
    clips: tuple[int, ...]


class Protocol(NamedTuple):
    """Which clips of a release are taken, and what their classes are.

    classes: names, in order. words: emotion in the sheet (lower case) -> class; clips
    of other words are left out; empty = every clip is of the one class. total: clips
    there should be, None where no source says. counts: the same in detail, as far as a
    source says. needs_apex: clips whose onset and apex are not two annotated frames
    are left out.
    """

    classes: tuple[str, ...]
    words: Mapping[str, str]
    total: int | None
    counts: Counts | None = None
    needs_apex: bool = False


class Sheet(NamedTuple):
    """What the annotation sheet is like.

    pattern: of its name, see ``sheets.find``; file: its name, for people. required: the
    columns it must have; all others of ``sheets.NAMES`` may be there. key: of a row,
    a ValueError where it names none. columns: what this sheet calls a column, where
    that is said nowhere else. spellings: of an emotion. settled: key -> (cell of action
    units, what is meant by it). remarks: what the makers say of a clip elsewhere.
    """

    pattern: str
    file: str
    required: tuple[str, ...]
    key: Callable[[Mapping[str, str]], Key]
    columns: Mapping[str, tuple[str, ...]] = {}
    spellings: Mapping[str, str] = {}
    settled: Mapping[Key, tuple[str, str]] = {}
    remarks: Callable[[Entry], tuple[str, ...]] = lambda entry: ()


class Imitation(NamedTuple):
    """How a release is made up: sheet and frames.

    person: number of the first synthetic person, nobody else's. file, title: of the
    sheet. rows: its lines. frame: path of a frame of a clip below the release. grey:
    frames are grey scenes around the face.
    """

    person: int
    file: str
    title: str
    rows: Callable[[], Iterable[tuple]]
    frame: Callable[[Entry, int], str]
    grey: bool = False


@dataclass(frozen=True)
class Release:
    """A dataset as its makers give it.

    name: of ``prepare NAME``. dataset: of samples. title, apply, tree: for people: what
    it is called, where to apply for it, what is unpacked. fps: of its camera, where the
    sheet says no other. protocols: by the number of classes (``ALL``: every clip).
    identify: key of a folder, given its path below the source, or None; (subject, '')
    where it holds a whole video of somebody, if it holds frames. folders: keys
    of the folders that a clip may lie in, best first. colour: name of a subfolder that
    has the frames, where others have depth. cropped: all frames are faces, whatever
    their folders are called. longest: frames from the onset that are
    used at most, where the sheet's offsets cannot be trusted; 0 = as annotated.
    relative: frames of a folder may be numbered from its first one instead.
    listing: key and emotion of every clip, where no sheet is needed for that; then
    folders hold onset to offset and nothing else, but below ``long``, where a sheet is
    asked for these two.
    """

    name: str
    dataset: str
    title: str
    apply: str
    tree: str
    fps: int
    protocols: Mapping[int, Protocol]
    identify: Callable[[Path], Key | None]
    imitation: Imitation
    sheet: Sheet
    folders: Callable[[Entry], tuple[Key, ...]] = field(default=lambda e: (e.key,))
    colour: str = ""
    cropped: bool = False
    longest: int = 0
    relative: bool = False
    listing: Callable[[], Iterable[tuple[Key, str]]] | None = None
    long: str = ""


def every(total: int | None, subjects: int | None = None) -> Protocol:
    """The protocol of all clips, whatever they show."""
    counts = None if subjects is None or total is None else Counts(subjects, (total,))
    return Protocol(ANY, {}, total, counts)


def same(*words: str) -> dict[str, str]:
    """Classes that are called as the emotions are."""
    return {word: word for word in words}
