"""The folder of an exported model, written: whole or not at all.

What is in it, ``inference.bundle`` says.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfme_jax.inference.bundle import CONFIG, SUMS, VERSION, digest
from selfme_jax.inference.model import Description
from selfme_jax.types import UserError


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
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): digest(path) for path in found}
    lines = [f"{value}  {name}\n" for name, value in sums.items()]
    (folder / SUMS).write_text("".join(lines))
    return sums
