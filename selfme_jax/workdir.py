"""The folder of a run: claimed by one config, resumed by the same one."""

import json

from etils import epath

from selfme_jax import files
from selfme_jax.types import UserError


def claim(folder: epath.Path, config: dict, *, free: tuple[str, ...]) -> None:
    """Create ``folder`` for ``config``, or check that it was made for the same one.

    Args:
      folder: created with its parents.
      config: nested dict of the run, written to config.json.
      free: dotted keys that may change between runs (they change no result).

    Raises:
      UserError: the folder holds a run of another config (names the keys), or
        cannot be written.
    """
    check(folder, config, free=free)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", config)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {files.reason(error)}. "
            "Choose another --workdir."
        ) from error


def check(folder: epath.Path, config: dict, *, free: tuple[str, ...]) -> None:
    """What ``claim`` checks; writes nothing.

    Raises:
      UserError: the folder holds a run of another config (names the keys).
    """
    path = folder / "config.json"
    files.reach(folder)
    try:
        if path.exists():
            _compare(folder, read_json(path), config, free)
    except ValueError as error:
        raise UserError(
            f"{path} is not readable JSON ({error}). Choose another --workdir."
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {files.reason(error)}. Choose another --workdir."
        ) from error


def write_json(path: epath.Path, value: dict) -> None:
    """Atomic: a kill leaves the old file or the new one."""
    files.write(path, json.dumps(value, indent=2) + "\n")


def read_json(path: epath.Path) -> dict:
    """What `write_json` wrote."""
    return json.loads(path.read_text())


def _compare(folder: epath.Path, old: dict, new: dict, free: tuple[str, ...]) -> None:
    before, now = _flat(old, free), _flat(json.loads(json.dumps(new)), free)
    keys = sorted(
        k for k in before.keys() | now.keys() if before.get(k, ()) != now.get(k, ())
    )
    if keys:
        changes = "; ".join(
            f"{k}: {before.get(k, '(absent)')} -> {now.get(k, '(absent)')}"
            for k in keys
        )
        raise UserError(
            f"{folder} holds a run of another config ({changes}).\n"
            "Choose another --workdir, or delete that one."
        )


def _flat(tree: dict, free: tuple[str, ...], prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        if prefix + key in free:
            continue
        if isinstance(value, dict):
            flat |= _flat(value, free, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
