"""What of an official release is there and usable, clip by clip."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import apex
from selfme_jax.data.faces import detection as faces
from selfme_jax.data.faces import framing as align
from selfme_jax.data.faces.cache import FaceCache
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.data.releases import layout, listing, registry, sheets
from selfme_jax.data.releases.layout import Found
from selfme_jax.data.releases.record import Entry, Release
from selfme_jax.types import Tell, UserError

APEXES = ("annotated", "motion", "midpoint")
FRAMES = ("all", "rise", "ends")
LOOKS = 8  # frames from the onset on in which a face is looked for
WORKERS = 4  # OpenCV decodes without Python's lock


class Options(NamedTuple):
    """What determines a prepared dataset, besides the release."""

    classes: int = 3  # of the protocol; 0 = every clip, for action units
    size: int = 256  # height and width of the faces
    detector: str = faces.DEFAULT  # see its load; where the release holds whole scenes
    apex: str = "annotated"  # motion where there is none | motion | midpoint
    frames: str = "all"  # onset to offset | rise: onset to apex | ends: these two


class Usable(NamedTuple):
    """A clip that can be prepared.

    numbers, paths: of the frames that are taken. apex: index into them. matrix: [2,
    3] of ``align``. content: SHA-256 of onset and apex. notes: what is odd about it.
    """

    entry: Entry
    numbers: tuple[int, ...]
    paths: tuple[Path, ...]
    apex: int
    apex_source: str
    matrix: np.ndarray
    content: str
    missing: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


class Survey(NamedTuple):
    """Of a release: entries, what is usable, and why the others are not, by name."""

    name: str
    entries: tuple[Entry, ...]
    usable: tuple[Usable, ...]
    unusable: dict[str, str]
    imitation: bool = False  # made by ``imitation.write``
    classes: int = 3

    @property
    def duplicates(self) -> list[tuple[str, ...]]:
        """Names of clips with the same onset and apex."""
        by_content: dict[str, list[str]] = {}
        for clip in self.usable:
            by_content.setdefault(clip.content, []).append(clip.entry.name)
        return [tuple(names) for names in by_content.values() if len(names) > 1]


def run(name: str, source: str, options: Options, cache: Path, tell: Tell) -> Survey:
    """Look at all clips of a dataset below ``source``; every frame is decoded.

    Args:
        name: of ``registry.NAMES``.
        source: folder of the release; of a composite, one above all its parts. Where
          each part has a folder called as it is, with its sheet, it is looked for
          nowhere else: clips of CASME and CASME II are called alike.
        options: of the preparation.
        cache: file that faces are kept in.
        tell: called as the work goes on.

    Raises:
        UserError: no such folder, an option out of range, or no usable sheet.
    """
    check(name, options)
    root = Path(os.path.expanduser(source))  # leaves an unknown ~name alone
    if not source or not root.is_dir():
        raise UserError(_how_to_get(name, source))
    roots = _roots(registry.parts(name), root)
    entries: list[Entry] = []
    located: list[Found | str] = []
    for part in registry.parts(name):
        place = roots[part.name]
        own = listing.read(place, part, number=options.classes)
        places = layout.folders(place, part)
        entries += own
        located += layout.locate(own, places, place, part)
    if all(isinstance(found, str) for found in located):
        raise UserError(
            f"none of the {len(entries)} clips of {name} is below {source}.\n"
            + _how_to_get(name, source)
        )
    kept = FaceCache(cache, options.detector)
    looked = list(_look_at_all(entries, located, options, kept, tell))
    kept.write()
    pairs = list(zip(entries, looked, strict=True))
    return Survey(
        name,
        tuple(entries),
        tuple(found for _, found in pairs if isinstance(found, Usable)),
        {entry.name: why for entry, why in pairs if isinstance(why, str)},
        any(layout.IMITATION in files for _, _, files in sheets.walk(root)),
        options.classes,
    )


def _roots(parts: Sequence[Release], root: Path) -> dict[str, Path]:
    """Where to look for each part of a dataset."""
    own = {part.name: root / part.name for part in parts}
    whole = all(
        own[part.name].is_dir()
        and (part.listing or sheets.find(own[part.name], part.sheet.pattern))
        for part in parts
    )
    return own if whole and len(parts) > 1 else dict.fromkeys(own, root)


def check(name: str, options: Options) -> None:
    """Raises UserError on an option out of range."""
    registry.classes(name, options.classes)
    for key, known in (("apex", APEXES), ("frames", FRAMES)):
        value = getattr(options, key)
        if value not in known:
            raise UserError(f"unknown {key} {value!r}. Known: {', '.join(known)}.")
    if options.size < 16:
        raise UserError(f"size is {options.size}; it must be at least 16.")
    faces.load(options.detector)


def decode(path: Path) -> np.ndarray | str:
    """[h, w, 3] uint8 RGB, or why it cannot be read."""
    import cv2

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            return "no regular file"
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        return error.strerror or str(error)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        return "empty" if not data.size else "no readable image"
    raw = data.tobytes()
    # A JPEG that ends before its end marker: OpenCV may fill the rest with grey.
    if raw[:2] == b"\xff\xd8" and raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
        return "cut off"
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _look_at_all(
    entries: Sequence[Entry],
    located: Sequence[Found | str],
    options: Options,
    kept: FaceCache,
    tell: Tell,
) -> Iterator[Usable | str]:
    def look(found: Found | str) -> Usable | str:
        return found if isinstance(found, str) else _look(found, options, kept)

    with ThreadPoolExecutor(WORKERS) as pool:
        for done, result in enumerate(pool.map(look, located), start=1):
            tell("looking at clips", done, len(entries), entries[done - 1].name)
            yield result


def _look(found: Found, options: Options, kept: FaceCache) -> Usable | str:
    images: dict[int, np.ndarray] = {}
    notes, shape = list(found.notes), None
    apex_number = None if found.apex is None else found.numbers[found.apex]
    for number, path in zip(found.numbers, found.paths, strict=True):
        image = decode(path)
        if isinstance(image, np.ndarray) and shape and image.shape != shape:
            image = f"{image.shape[1]}x{image.shape[0]}, not {shape[1]}x{shape[0]}"
        if isinstance(image, str):
            if number in (found.numbers[0], apex_number):
                which = "onset" if number == found.numbers[0] else "apex"
                return f"{which} frame {path} cannot be used ({image})"
            notes.append(f"frame {path.name} left out ({image})")
            continue
        shape = image.shape
        images[number] = image
    if len(images) < 2:
        return f"fewer than 2 readable frames in {found.paths[0].parent}"
    onset = images[found.numbers[0]]
    matrix = align.whole(onset.shape)
    if not found.cropped:
        number, similarity = _face(found.entry.name, images, kept)
        if similarity is None:
            return f"no face found in the onset frame {found.paths[0]}, nor later"
        if number != found.numbers[0]:
            notes.append(f"no face found in the onset; that of frame {number} is used")
        matrix = align.affine(similarity)
    numbers = tuple(images)
    index, how = _apex(list(images.values()), numbers, apex_number, options.apex)
    every, rise = range(len(numbers)), range(index + 1)
    taken = {"all": every, "rise": rise, "ends": (0, index)}[options.frames]
    paths = dict(zip(found.numbers, found.paths, strict=True))
    digest = hashlib.sha256(onset.tobytes() + images[numbers[index]].tobytes())
    return Usable(
        found.entry,
        tuple(numbers[i] for i in taken),
        tuple(paths[numbers[i]] for i in taken),
        list(taken).index(index),
        how,
        matrix,
        digest.hexdigest(),
        found.missing,
        tuple(notes),
    )


def _face(
    name: str, images: dict[int, np.ndarray], kept: FaceCache
) -> tuple[int, Similarity | None]:
    """The face of the onset or, if none is found there, of a frame soon after."""
    for number in list(images)[:LOOKS]:
        similarity = kept.find(name, images[number])
        if similarity is not None:
            return number, similarity
    return number, None


def _apex(images, numbers, annotated: int | None, how: str) -> tuple[int, str]:
    """Index of the apex, and where it is from."""
    if how == "annotated" and annotated is not None:
        return numbers.index(annotated), "annotated"
    if how == "midpoint":
        return max(1, len(images) // 2), "midpoint"
    return apex.estimate(images), "motion"


def _how_to_get(name: str, source: str) -> str:
    parts = registry.parts(name)
    apply = "; ".join(dict.fromkeys(part.apply for part in parts))
    tree = "\n".join("  " + line for p in parts for line in p.tree.splitlines())
    return (
        f"no release of {name} in {source or '--source (not given)'}. Apply for it at "
        f"{apply};\nthen unpack it and set --source to the folder that holds:\n{tree}"
    )
