"""Arrays as safetensors: no code, nothing unpickled; loads back to the same bits."""

from pathlib import Path

import numpy as np

from selfme_jax.inference.bundle import ARRAYS
from selfme_jax.inference.model import Model
from selfme_jax.train import variables as names


def write(made: Model, folder: Path) -> None:
    """Write model.safetensors, arrays named as in 'motion/params/detect/...'."""
    from safetensors.numpy import save_file

    arrays = names.flatten(made.variables)
    arrays = {name: np.ascontiguousarray(x) for name, x in arrays.items()}
    save_file(arrays, folder / ARRAYS, metadata={"format": "selfme_jax"})
