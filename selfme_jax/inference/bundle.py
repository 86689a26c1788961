"""An exported model as it lies in a folder, read and checked.

config.json holds ``format_version``, the format, the model's Description, and where it
is from. SHA256SUMS holds the hashes of all files but the card (README.md), in the form
that ``sha256sum -c`` reads.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, overload

from selfme_jax import files
from selfme_jax.inference import model
from selfme_jax.inference.model import Description, Model
from selfme_jax.inference.predictor import Predictor
from selfme_jax.train import variables as names
from selfme_jax.types import UserError
from selfme_jax.workdir import tuples

VERSION = 2
SUMS, CONFIG, CARD = "SHA256SUMS", "config.json", "README.md"
ARRAYS = "model.safetensors"


def _of_classes(config: dict) -> dict:
    """Version 1 knew no other target."""
    config["description"]["target"] = "classes"
    return config


# What makes a config.json of version n one of n + 1. Raise VERSION and add a line
# whenever inference needs a key that it did not need before, or names arrays anew.
MIGRATIONS: dict[int, Callable[[dict], dict]] = {1: _of_classes}


BUILTIN = "builtin"


@overload
def load(given: Literal["builtin"]) -> Predictor: ...  # type: ignore[overload-overlap]


@overload
def load(given: str | os.PathLike) -> Model: ...


def load(given: str | os.PathLike) -> Model | Predictor:
    """An exported model: `Model.apply` with `Model.variables` is what it says.

    Both kinds answer own clips by their ``predict``.

    Args:
      given: 'builtin', the model that comes with the package; or a folder that
        ``python -m selfme_jax.export --format=safetensors`` wrote, by this version or
        an older one.

    Raises:
      UserError: no such folder, a newer version, a damaged file, or other arrays than
        its config has (a diff of names and shapes).
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if given == BUILTIN:
        from selfme_jax.inference import answering

        return Predictor(answering.load(BUILTIN), BUILTIN)
    folder = Path(given)
    empty = model.build(read(folder, "safetensors"))
    try:
        if not (folder / ARRAYS).is_file():  # a pipe would be waited for
            raise OSError("no such file")
        arrays = load_file(folder / ARRAYS)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{folder / ARRAYS} cannot be read ({error}): cut off, or no safetensors "
            "file.\nCopy the folder again, or export it again."
        ) from error
    names.check(folder / ARRAYS, arrays, names.flatten(empty.template()))
    verify(folder)
    return empty._replace(variables=names.unflatten(arrays))


def read(folder: Path, kind: str) -> Description:
    """The description in an exported folder, of this version or an older one.

    Raises:
      UserError: no such folder, another format, or a newer version.
    """
    path, remedy = folder / CONFIG, f"Export it again, with --format={kind}."
    try:
        config = files.read_json(path, remedy)
    except UserError as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{folder} is no exported model: {said}.\n{remedy}") from error
    try:
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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder} is no exported model: {path.name} cannot be read ({error}).\n"
            f"{remedy}"
        ) from error


def verify(folder: Path) -> None:
    """That no file changed since the export.

    Raises:
      UserError: one did, or is missing.
    """
    remedy = "Copy the folder again, or export it again."
    lines = files.read_text(folder / SUMS, remedy).splitlines()
    for line in lines:
        wanted, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file() or digest(path) != wanted:
            what = "changed" if path.is_file() else "is missing"
            raise UserError(
                f"{path} {what} since the export (by {SUMS}). Copy the folder again, "
                "or export it again."
            )


def digest(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
