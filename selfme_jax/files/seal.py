"""What a stored result was made from, and that it is still what was written.

A seal travels with what it seals: SHA-256 of the content, and what the content depends
on, as the caller says it (part of a config, digests of samples, weights, inputs).
"""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from selfme_jax.files import differences
from selfme_jax.types import UserError


class Seal(NamedTuple):
    """sha256: of the content, by name. depends: dotted key -> value, as in JSON."""

    sha256: dict[str, str]
    depends: dict[str, Any]


def make(arrays: Mapping[str, np.ndarray], depends: Mapping[str, Any]) -> dict:
    """Seal of some arrays, to be written as JSON.

    Args:
      arrays: by name.
      depends: what they depend on: JSON-able, nested mappings as well.
    """
    return {"sha256": _sums(arrays), "depends": differences.flat(depends)}


def parse(found: Any) -> Seal:
    """What ``make`` made, read back from JSON.

    Raises:
      ValueError: it is something else.
    """
    parts = found if isinstance(found, dict) else {}
    sums, depends = parts.get("sha256"), parts.get("depends")
    if not (isinstance(sums, dict) and isinstance(depends, dict)):
        raise ValueError("it has no seal: another version or program wrote it")
    return Seal(sums, depends)


def check(
    place: str | os.PathLike,
    found: Mapping[str, Any],
    depends: Mapping[str, Any],
    remedy: str,
) -> None:
    """Refuse what was made from something else than ``depends``.

    Args:
      place: for the message. found: ``Seal.depends``.
      depends: as given to ``make``; a key that only one of the two has differs.

    Raises:
      UserError: names at most five keys that differ, with short values.
    """
    if lines := differences.words(found, depends):
        raise UserError(
            f"{place} was made from something else ({'; '.join(lines)}).\n{remedy}"
        )


def verify(sums: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> None:
    """Compare content with a seal.

    Raises:
      ValueError: an array is not what was written, or there are others.
    """
    if sums.keys() != arrays.keys():
        odd = min(sums.keys() ^ arrays.keys())
        raise ValueError(f"its arrays are not those of its seal (the first is {odd})")
    for name, found in _sums(arrays).items():
        if found != sums[name]:
            what = f"{name}: its" if name else "its"
            raise ValueError(f"{what} content is not what was written (SHA-256)")


def sha256(array: np.ndarray) -> str:
    """Hex SHA-256 of an array: shape, type and bytes in C order."""
    array = np.asarray(array)
    found = hashlib.sha256(f"{array.shape} {array.dtype.str} ".encode())
    found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _sums(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        return dict(zip(arrays, pool.map(sha256, arrays.values()), strict=True))
