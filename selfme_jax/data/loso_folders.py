"""The published LOSO-folder layout of flow images.

``<held-out subject>/{u_train,u_test}/<class 0|1|2>/<subject>_<sample> .png``: every
image appears once per held-out subject. The u_test side says who is in an image; the
u_train side repeats it and is only checked.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from selfme_jax.data.manifest import read_bytes
from selfme_jax.data.protocol import parse_label
from selfme_jax.types import UserError

# How the published download names subjects, and the width their number has.
NAMING = (
    (re.compile(r"sub(\d+)"), "casme2", "sub{:02d}"),
    (re.compile(r"s(\d+)"), "smic", "s{:02d}"),
    (re.compile(r"(\d+)"), "samm", "{:03d}"),
)


class Entry(NamedTuple):
    """One sample and the file that shows it."""

    dataset: str
    subject: str
    sample: str
    label: int
    emotion: str
    path: Path
    aus: str = ""


def find(root: Path) -> Path | None:
    """The folder of the held-out subjects: ``root`` or up to two levels below.

    Raises:
        UserError: more than one at the same level.
    """
    for pattern in ("*/u_test", "*/*/u_test", "*/*/*/u_test"):
        found = sorted({path.parent.parent for path in root.glob(pattern)})
        if len(found) > 1:
            raise UserError(
                f"{root} holds several sets of LOSO folders: "
                f"{', '.join(str(path) for path in found)}. Give one of them as root."
            )
        if found:
            return found[0]
    return None


def read(folder: Path) -> list[Entry]:
    """One entry per image, from the u_test folders, after a check of u_train.

    Raises:
        UserError: odd subject or class name, or two folders that disagree.
    """
    held_out = sorted(path.parent for path in folder.glob("*/u_test") if path.is_dir())
    entries: dict[tuple[str, str, str], Entry] = {}
    for subject in held_out:
        images = list(_images(subject / "u_test"))
        if not images:
            raise UserError(
                f"{subject / 'u_test'} holds no <class>/*.png. Unpack the images again."
            )
        for label, path in images:
            entry = _entry(subject.name, label, path)
            twin = entries.setdefault(entry[:3], entry)
            if twin.label != label or read_bytes(twin.path) != read_bytes(path):
                raise UserError(
                    f"{'/'.join(entry[:3])} is there twice, with different class or "
                    f"content: {twin.path} and {path}.\nRemove the wrong one."
                )
    _check_train(held_out, list(entries.values()))
    return list(entries.values())


def name_subject(folder: str) -> tuple[str, str]:
    """Dataset and padded subject id of a held-out folder's name ('s1': smic, s01)."""
    for pattern, dataset, form in NAMING:
        match = pattern.fullmatch(folder.strip().lower())
        if match:
            return dataset, form.format(int(match[1]))
    raise UserError(
        f"cannot tell the dataset of the folder {folder!r} (known: sub01, s01, 006).\n"
        "For other datasets give a manifest.csv (dataset,subject,sample,label,file)."
    )


def _entry(folder: str, label: int, path: Path) -> Entry:
    dataset, subject = name_subject(folder)
    stem = path.stem.strip()  # the published names have a blank before '.png'
    for prefix in (folder, subject):
        rest = stem.removeprefix(f"{prefix}_")
        # Clip names of smic and samm begin with the subject: 's01_s01_ne_01' is
        # the clip s01_ne_01, but so is a bare 's01_ne_01'.
        if rest != stem and (dataset == "casme2" or rest.startswith(f"{prefix}_")):
            return Entry(dataset, subject, rest, label, "", path)
    return Entry(dataset, subject, stem, label, "", path)


def _images(folder: Path) -> Iterator[tuple[int, Path]]:
    for part in sorted(folder.iterdir()):
        if part.name.startswith(".") or not part.is_dir():
            continue
        try:
            label = parse_label(part.name)
        except UserError as error:
            raise UserError(f"{part}: {error}") from error
        for path in sorted(part.iterdir()):
            if path.suffix.lower() == ".png" and not path.name.startswith("."):
                yield label, path


def _check_train(held_out: list[Path], entries: list[Entry]) -> None:
    """Every u_train image is a u_test image of somebody else, with its class.

    Images that a u_train folder lacks do no harm: folds are made anew from u_test.
    """
    known: dict[tuple[str, int], list[tuple[tuple[str, str], bytes]]] = {}
    for entry in entries:
        key = entry.path.stem.strip(), entry.label
        known.setdefault(key, []).append((entry[:2], read_bytes(entry.path)))
    for subject in held_out:
        own, train = name_subject(subject.name), subject / "u_train"
        for label, path in _images(train) if train.is_dir() else ():
            content = read_bytes(path)
            twins = known.get((path.stem.strip(), label), [])
            if not any(own != who and content == other for who, other in twins):
                raise UserError(
                    f"{path} is in no other subject's u_test with the same class and "
                    "content.\nThe download is incomplete or mixed up: unpack it again."
                )
