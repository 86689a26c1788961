"""A trained model by the folder it lies in."""

import os
from pathlib import Path

from selfme_jax.inference import bundle
from selfme_jax.inference.model import Model
from selfme_jax.types import UserError


def load(given: str | os.PathLike) -> Model:
    """The model in an exported folder (format safetensors).

    Raises:
      UserError: no such folder, a newer version, a damaged file, or other arrays than
        its config has (a diff of names and shapes).
    """
    folder = Path(given)
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder. Give what python -m selfme_jax.export "
            "--format=safetensors wrote."
        )
    return bundle.load(folder)
