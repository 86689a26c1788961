"""Arrays as safetensors: no code, nothing unpickled; loads back to the same bits."""

from pathlib import Path

import numpy as np

from selfme_jax.exporting import bundle
from selfme_jax.inference import model
from selfme_jax.inference.model import Model
from selfme_jax.train import variables as names
from selfme_jax.types import UserError

FILE = "model.safetensors"


def write(made: Model, folder: Path) -> None:
    """Write model.safetensors, arrays named as in 'motion/params/detect/...'."""
    from safetensors.numpy import save_file

    arrays = names.flatten(made.variables)
    arrays = {name: np.ascontiguousarray(x) for name, x in arrays.items()}
    save_file(arrays, folder / FILE, metadata={"format": "selfme_jax"})


def load(folder: str | Path) -> Model:
    """An exported model: `Model.apply` with `Model.variables` is what it says.

    Args:
      folder: what ``python -m selfme_jax.export --format=safetensors`` wrote, by this
        version or an older one.

    Raises:
      UserError: no such folder, a newer version, a damaged file, or other arrays than
        its config has (a diff of names and shapes).
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    empty = model.build(bundle.read(folder, "safetensors"))
    try:
        arrays = load_file(folder / FILE)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{folder / FILE} cannot be read ({error}): cut off, or no safetensors "
            "file.\nCopy the folder again, or export it again."
        ) from error
    names.check(folder / FILE, arrays, names.flatten(empty.template()))
    bundle.verify(folder)
    return empty._replace(variables=names.unflatten(arrays))
