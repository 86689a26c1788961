"""Arrays by name, and what is wrong with a set of them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from selfme_jax.files import seal
from selfme_jax.types import UserError

SHOWN = 8  # differences; the others are counted


def flatten(tree: Any) -> dict[str, Any]:
    """Leaves by path: {'motion/params/detect/stem/conv/kernel': leaf}."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): x for p, x in leaves}


def digest(tree: Any) -> str:
    """Hex SHA-256 of the arrays of a tree, by name; None is one without any."""
    found = hashlib.sha256()
    for name, leaf in sorted(flatten(tree).items()):
        found.update(f"{name} {seal.sha256(np.asarray(leaf))}".encode())
    return found.hexdigest()


def unflatten(named: Mapping[str, Any]) -> dict:
    """Nested dicts, of what `flatten` made of nested dicts."""
    return traverse_util.unflatten_dict(dict(named), sep="/")


def check(place: object, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """That the same arrays are found as wanted, by name, dtype and shape.

    Args:
      place: where they were found. found, wanted: arrays or shapes by name.

    Raises:
      UserError: a diff, - what is wanted and + what is found.
    """
    lines = diff(found, wanted)
    if not lines:
        return
    more = [f"... {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    raise UserError(
        "\n".join(
            [
                f"{place} does not fit its config (- wanted, + found):",
                *lines[:SHOWN],
                *more,
                "It was damaged, or made by something else; make it again.",
            ]
        )
    )


def diff(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Lines '- name: dtype [shape]' and '+ ...' where the two differ, by name."""
    lines = []
    for name in sorted(found.keys() | wanted.keys()):
        pair = [_form(side[name]) if name in side else "" for side in (wanted, found)]
        if pair[0] != pair[1]:
            marks = zip("-+", pair, strict=True)
            lines += [f"{mark} {name}: {form}" for mark, form in marks if form]
    return lines


def _form(array: Any) -> str:
    shape = list(getattr(array, "shape", ()))
    return f"{getattr(array, 'dtype', type(array).__name__)} {shape}"
