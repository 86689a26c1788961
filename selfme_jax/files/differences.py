"""In what two nested dicts differ, as keys and as words."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flax import traverse_util

_NAMED = 5  # keys; the others are counted
_LONGEST, _BEGINNING = 60, 10  # characters of a value; of one that is longer


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings -> dotted keys, values as JSON gives them back."""
    return traverse_util.flatten_dict(json.loads(json.dumps(tree)), sep=".")


def keys(
    old: Mapping[str, Any], new: Mapping[str, Any], *, free: tuple[str, ...] = ()
) -> list[str]:
    """Dotted keys that only one of them has, or that have other values, in order.

    Args:
      old, new: JSON-able; lists and tuples are alike.
      free: dotted keys, or of whole parts, that may differ.
    """
    before, now = flat(old), flat(new)
    return sorted(
        key
        for key in before.keys() | now.keys()
        if before.get(key, ()) != now.get(key, ()) and not _within(key, free)
    )


def words(
    old: Mapping[str, Any], new: Mapping[str, Any], *, free: tuple[str, ...] = ()
) -> list[str]:
    """'key: old -> new' of the first few of ``keys``, and how many more there are."""
    before, now, odd = flat(old), flat(new), keys(old, new, free=free)
    lines = [f"{k}: {_shown(before, k)} -> {_shown(now, k)}" for k in odd[:_NAMED]]
    more = len(odd) - _NAMED
    return [*lines, f"and {more} more"] if more > 0 else lines


def _within(key: str, parts: Iterable[str]) -> bool:
    return any(key == part or key.startswith(f"{part}.") for part in parts)


def _shown(found: Mapping[str, Any], key: str) -> str:
    text = str(found.get(key, "(absent)"))
    return text if len(text) <= _LONGEST else f"{text[:_BEGINNING]}..."
