"""Flow images as files: a folder with manifest.csv, or the published LOSO folders.

The RGB of a file is (u, v, optical strain) of onset -> apex. In the images published
with STSTNet each channel of each image is stretched to 0..255, so its zero is lost.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.data import loso_folders, manifest
from selfme_jax.data.loso_folders import Entry
from selfme_jax.data.protocol import CLASSES, check_counts, parse_label
from selfme_jax.types import Sample, UserError

COLUMNS = ("dataset", "subject", "sample", "label", "file")


class FlowImages(NamedTuple):
    """Meets ``types.FlowDataset``; rows are sorted by dataset, subject, sample.

    images: [n, h, w, 3] float32, grey levels 0..255, channels (u, v, strain).
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    images: np.ndarray


def load(*, root: str, datasets: str = "", allow_partial: bool = False) -> FlowImages:
    """Read a folder of flow images in either layout.

    Args:
        root: folder with ``manifest.csv`` (dataset, subject, sample, label, file; where
          there are any: emotion, aus), or with the published
          ``<held-out subject>/{u_train,u_test}/<class>`` folders.
        datasets: names to take, separated by commas; empty takes all.
        allow_partial: accept other counts than the protocol's for casme2, smic, samm.

    Raises:
        UserError: anything missing, unreadable or inconsistent.
    """
    entries = sorted(_select(_entries(root), datasets))
    images = _decode_all(entries)
    samples = tuple(
        Sample(*entry[:5], sha256=manifest.content_sha256(image), aus=entry.aus)
        for entry, image in zip(entries, images, strict=True)
    )
    if not allow_partial:
        check_counts(
            samples,
            remedy=f"Complete {root}, or accept it with data.allow_partial=True.",
        )
    return FlowImages(CLASSES, samples, images.astype(np.float32))


def _entries(root: str) -> list[Entry]:
    if not root:
        raise UserError("no folder of flow images given. Set data.root=FOLDER.")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"no folder {root}. Set data.root to the flow images.")
    if (folder / "manifest.csv").exists():
        return _read_manifest(folder)
    held_out = loso_folders.find(folder)
    if held_out is None:
        raise UserError(
            f"{root} holds neither manifest.csv nor <subject>/u_test folders.\n"
            "Set data.root to a folder of flow images in one of these layouts."
        )
    return loso_folders.read(held_out)


def _read_manifest(folder: Path) -> list[Entry]:
    path = folder / "manifest.csv"
    entries: dict[tuple[str, ...], Entry] = {}
    for number, row in enumerate(manifest.rows(path, COLUMNS), start=1):
        empty = [name for name in COLUMNS if not row[name]]
        if empty:
            raise UserError(f"{path}, row {number}: no {', '.join(empty)}. Fill it in.")
        try:
            label = parse_label(row["label"])
        except UserError as error:
            raise UserError(f"{path}, row {number}: {error}") from error
        key = (row["dataset"], row["subject"], row["sample"])
        if key in entries:
            raise UserError(
                f"{path}, row {number}: {'/'.join(key)} is listed twice. Remove one."
            )
        entries[key] = Entry(
            *(*key, label, row.get("emotion", ""), folder / row["file"]),
            aus=row.get("aus", ""),
        )
    return list(entries.values())


def _select(entries: list[Entry], datasets: str) -> list[Entry]:
    found = {entry.dataset for entry in entries}
    wanted = {name.strip() for name in datasets.split(",")} - {""} or found
    if not wanted <= found:
        raise UserError(
            f"no samples of {', '.join(sorted(wanted - found))}; the folder holds "
            f"{', '.join(sorted(found)) or 'none'}. Change data.datasets or data.root."
        )
    if not wanted:
        raise UserError("the folder of flow images lists no samples. Check data.root.")
    return [entry for entry in entries if entry.dataset in wanted]


def _decode_all(entries: list[Entry]) -> np.ndarray:
    images = [_decode(entry.path) for entry in entries]
    for entry, image in zip(entries, images, strict=True):
        if image.shape != images[0].shape:
            raise UserError(
                f"{entry.path} is {_size(image)} pixels but {entries[0].path} is "
                f"{_size(images[0])}. Make all images the same size."
            )
    return np.stack(images)


def _decode(path: Path) -> np.ndarray:
    """[h, w, 3] uint8 RGB."""
    import cv2

    data = np.frombuffer(manifest.read_bytes(path), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise UserError(
            f"{path} is not a readable image ({data.size} bytes). Copy it again."
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise UserError(
            f"{path} has {channels} channel(s) of {image.dtype}; needed: 3 of uint8, "
            "RGB = (u, v, strain). Convert it."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
