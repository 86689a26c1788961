"""Weights of a published network from the user's safetensors file.

Nothing is ever fetched: whoever wants weights saves torchvision's, or takes timm's.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import safe_open

from selfme_jax import files
from selfme_jax.types import UserError

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in [0, 1]
SD = (0.229, 0.224, 0.225)

_READABLE = ("F16", "F32", "F64")  # numpy has no bfloat16


class Source(NamedTuple):
    """Which file is wanted; for messages.

    kind: of network, 'VGG-19'. model: torchvision's function, 'vgg19'. hub: the same
    weights in timm's names, '' = none. key: of the config, that names the file.
    reader: of the config, what its arrays must fit.
    """

    kind: str
    model: str
    hub: str
    key: str
    reader: str

    @property
    def remedy(self) -> str:
        """How to come by the file, in one line."""
        other = f"timm's {self.hub}, or " if self.hub else ""
        return (
            f"Set --config.{self.key}=FILE: {other}what safetensors.torch.save_file("
            f"torchvision.models.{self.model}(weights='IMAGENET1K_V1').state_dict(), "
            "'FILE') writes."
        )


class TensorFile:
    """An open file. names: of its arrays, sorted."""

    def __init__(self, file: safe_open, path: str, source: Source):
        self._file, self._path, self._source = file, path, source
        self.names = tuple(sorted(file.keys()))

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array as float32.

        Raises:
          UserError: it is not there, has another shape, or is not of floats.
        """
        first = self.names[0] if self.names else "nothing"
        found: str | tuple[int, ...] = f"none (the first array is {first})"
        if name in self.names:
            with files.reading(self._path, self._source.remedy):
                piece = self._file.get_slice(name)
                found, kind = tuple(piece.get_shape()), piece.get_dtype()
                if found == shape and kind in _READABLE:
                    return self._file.get_tensor(name).astype(np.float32)
            found = kind if found == shape else found
        raise UserError(
            f"{self._path} does not fit config.{self._source.reader}: {name} should be "
            f"{shape}, found {found}.\n{self._source.remedy}"
        )


@contextmanager
def reading(path: str, source: Source) -> Iterator[TensorFile]:
    """The arrays of a file, one by one.

    Raises:
      UserError: no such file, or not safetensors.
    """
    path = files.local(path)
    if not Path(path).is_file():
        raise UserError(
            f"no {source.kind} weights at {path!r} for config.{source.reader}.\n"
            f"{source.remedy}"
        )
    with ExitStack() as opened:
        with files.reading(path, f"It must be of safetensors. {source.remedy}"):
            file = TensorFile(
                opened.enter_context(safe_open(path, "numpy")), path, source
            )
        yield file
