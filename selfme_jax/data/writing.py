"""One process at a time writes a dataset; what a killed one left is cleared."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfme_jax.types import UserError


@contextmanager
def alone(data_dir: str | os.PathLike, place: Path) -> Iterator[Path]:
    """Let one process write below ``place`` in ``data_dir``; a folder for scratch.

    TFDS writes a dataset under a name ``incomplete.*`` and renames it when it is
    complete, so a kill leaves nothing that is taken for one.

    Raises:
        UserError: another one is writing, or nothing can be written there.
    """
    import fcntl

    def clear() -> None:
        for left in place.glob("incomplete.*"):
            shutil.rmtree(left)

    try:
        place.mkdir(parents=True, exist_ok=True)
        with (Path(data_dir).expanduser() / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process
            clear()
            try:
                yield place / "incomplete.scratch"
            finally:
                clear()
    except BlockingIOError as error:
        raise UserError(
            f"another process is preparing {data_dir}. Wait for it, and run this again."
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot write to {data_dir}: {error.strerror or error}. Make room there, "
            "or choose another --data_dir."
        ) from error
