"""Typed readers of what lies on a user's disk: each gives its type or a ``UserError``.

Arrays (.npy) carry a seal behind their data, where numpy does not look: one file, which
is whole or not there, and which any program reads.
"""

import csv
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
from etils import epath

from selfme_jax.files import places, seal
from selfme_jax.files.guards import reading

_TEXT, _ARRAYS = 2**28, 2**33  # bytes of a text and of an .npz that are read at most
_SEAL = 2**22
_AGAIN = "Delete it; the same command makes it again."


def read_bytes(place: str | os.PathLike, remedy: str, *, most: int = _TEXT) -> bytes:
    """Content of a file.

    Raises:
      UserError: nothing there, a folder, a pipe or a device, more than ``most`` bytes.
    """
    with reading(place, remedy):
        path = places.path(place)
        _regular(path)
        with path.open("rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise ValueError(f"it has more than {most / 2**20:.0f} MiB")
    return data


def read_text(place: str | os.PathLike, remedy: str) -> str:
    """UTF-8 text, with or without a byte order mark; ``read_bytes`` raises."""
    data = read_bytes(place, remedy)
    with reading(place, remedy):
        return data.decode("utf-8-sig")


def read_json(place: str | os.PathLike, remedy: str, *, kind: type = dict) -> Any:
    """A JSON value of a kind (dict, list ...); ``read_bytes`` raises."""
    text = read_text(place, remedy)
    with reading(place, remedy):
        found = json.loads(text)
        if not isinstance(found, kind):
            raise ValueError(f"it holds a {type(found).__name__}, no {kind.__name__}")
    return found


def read_csv(place: str | os.PathLike, remedy: str) -> list[list[str]]:
    """Rows of a CSV file, the header among them; at least one."""
    text = read_text(place, remedy)
    with reading(place, remedy):
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        if not rows:
            raise ValueError("it is empty")
    return rows


def write_array(
    place: epath.Path, array: np.ndarray, depends: Mapping[str, Any] | None = None
) -> None:
    """Write a sealed .npy file, its folder made; a kill leaves the old or the new one.

    Args:
      depends: what the array was made from (``seal.make``).
    """
    array = np.asarray(array)
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    sealed = seal.make({"": array}, depends or {})
    content.write(json.dumps(sealed).encode())
    place.parent.mkdir(parents=True, exist_ok=True)
    places.write(place, content.getbuffer())


def read_array(
    place: str | os.PathLike,
    *,
    depends: Mapping[str, Any] | None = None,
    shape: Sequence[int | None] | None = None,
    dtype: Any = None,
    remedy: str = _AGAIN,
) -> np.ndarray:
    """What ``write_array`` wrote, checked against its seal.

    Args:
      depends: what it must have been made from; None = not asked.
      shape: that it must have, None = any length; dtype: likewise.

    Raises:
      UserError: not there, cut, changed since, of another shape or type, without a
        seal, or made from something else (which parts are named).
    """
    with reading(place, remedy):
        path = places.path(place)
        _regular(path)
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            array, rest = _array(file, size), file.read(_SEAL)
        found = seal.parse(json.loads(rest) if rest else None)
        seal.verify(found.sha256, {"": array})
        _fits(array, shape, dtype)
    if depends is not None:
        seal.check(place, found.depends, depends, remedy)
    return array


def read_npz(
    place: str | os.PathLike, remedy: str, *, most: int = _ARRAYS
) -> dict[str, np.ndarray]:
    """Arrays of numbers of an .npz file, by name; no pickles, no text."""
    with reading(place, remedy):
        path = places.path(place)
        _regular(path)
        arrays = {}
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > most:
                raise ValueError(f"it has more than {most / 2**20:.0f} MiB")
            for member in members:
                with archive.open(member) as content:
                    array = _array(content, member.file_size)
                if array.dtype.kind not in "biuf":
                    raise ValueError(
                        f"{member.filename} holds {array.dtype}, no numbers"
                    )
                arrays[member.filename.removesuffix(".npy")] = array
        if not arrays:
            raise ValueError("it holds no arrays")
    return arrays


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """The array of an .npy file of ``size`` bytes; the file is left behind its data."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"it is of version {version} of .npy")
    shape, _, dtype = readers[version](file)
    need = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or file.tell() + need > size:
        raise ValueError(f"it is cut off: {size} bytes do not hold {shape} {dtype}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _fits(array: np.ndarray, shape: Sequence[int | None] | None, dtype: Any) -> None:
    """ValueError where an array has not the shape or type asked for."""
    if dtype is not None and array.dtype != dtype:
        raise ValueError(f"it holds {array.dtype}, not {np.dtype(dtype)}")
    if shape is None:
        return
    alike = len(shape) == array.ndim and all(
        wanted in (None, n) for wanted, n in zip(shape, array.shape, strict=True)
    )
    if not alike:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"it is of shape {array.shape}, not ({wanted})")


def _regular(place: epath.Path) -> None:
    """ValueError for a folder, a pipe or a device, which could be read for ever."""
    if places.remote(place):
        return
    mode = os.stat(place).st_mode
    if stat.S_ISDIR(mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(mode):
        raise ValueError("it is no file but a pipe, a socket or a device")
