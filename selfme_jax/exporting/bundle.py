"""The folder of an exported model: config.json, hashes, and what older ones lack.

config.json holds ``format_version``, the format, the model's Description, and where it
is from. SHA256SUMS holds the hashes of all files but the card (README.md), in the form
that ``sha256sum -c`` reads.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfme_jax.inference.model import Description
from selfme_jax.types import UserError
from selfme_jax.workdir import tuples

VERSION = 2
SUMS, CONFIG, CARD = "SHA256SUMS", "config.json", "README.md"


def _of_classes(config: dict) -> dict:
    """Version 1 knew no other target."""
    config["description"]["target"] = "classes"
    return config


# What makes a config.json of version n one of n + 1. Raise VERSION and add a line
# whenever inference needs a key that it did not need before, or names arrays anew.
MIGRATIONS: dict[int, Callable[[dict], dict]] = {1: _of_classes}


def vacant(folder: Path) -> None:
    """Refuse a folder that holds something, before anything is trained for it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(
            f"{folder} is not empty. Choose another --output, or delete it."
        )


@contextmanager
def new(folder: Path) -> Iterator[Path]:
    """A place to write to, which becomes ``folder`` when all is written.

    Raises:
      UserError: ``folder`` holds something, or cannot be written.
    """
    vacant(folder)
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
        partial.mkdir(parents=True)
        yield partial
        os.replace(partial, folder)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror}. Choose another --output."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write(folder: Path, kind: str, description: Description, origin: dict) -> dict:
    """Write config.json and SHA256SUMS beside what is there already.

    Args:
      folder: holds the model's files. kind: of the format.
      origin: where the model is from; JSON-ready.

    Returns:
      Hex SHA-256 by file name, config.json's as well.
    """
    config = {
        "format": f"selfme_jax {kind}",
        "format_version": VERSION,
        "description": description._asdict(),
        "origin": origin,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    sums = {path.name: _hash(path) for path in sorted(folder.iterdir())}
    lines = [f"{digest}  {name}\n" for name, digest in sums.items()]
    (folder / SUMS).write_text("".join(lines))
    return sums


def read(folder: Path, kind: str) -> Description:
    """The description in an exported folder, of this version or an older one.

    Raises:
      UserError: no such folder, another format, or a newer version.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
        found, version = config["format"], config["format_version"]
        if found != f"selfme_jax {kind}":
            raise UserError(f"{folder} holds {found}, not selfme_jax {kind}.")
        if version > VERSION:
            raise UserError(
                f"{path} has format_version {version}; this selfme_jax knows up to "
                f"{VERSION}. Install a newer one."
            )
        for older in range(version, VERSION):
            config = MIGRATIONS[older](config)
        return Description(**tuples(config["description"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder} is no exported model: {path.name} cannot be read ({error}).\n"
            f"Export it again, with --format={kind}."
        ) from error


def verify(folder: Path) -> None:
    """That no file changed since the export.

    Raises:
      UserError: one did, or is missing.
    """
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / SUMS} cannot be read. Copy the folder again, or export it "
            "again."
        ) from error
    for line in lines:
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file() or _hash(path) != digest:
            what = "changed" if path.is_file() else "is missing"
            raise UserError(
                f"{path} {what} since the export (by {SUMS}). Copy the folder again, "
                "or export it again."
            )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
