"""Writing a dataset: by one process at a time, and never over another one."""

import os
import shutil
from collections.abc import Iterator, Mapping
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


def check_same(
    data_dir: str | os.PathLike,
    options: tuple[Mapping, Mapping],
    contents: tuple[Mapping[str, object], Mapping[str, object]],
) -> None:
    """Refuse a dataset that is not what would be made now.

    Args:
        data_dir: of the dataset.
        options: (those it was made with, those of now).
        contents: what tells each clip's content, by its name, alike.

    Raises:
        UserError: naming what differs.
    """
    made, wanted = options
    changes = [
        f"{key}: {made[key]} -> {value}"
        for key, value in wanted.items()
        if made[key] != value
    ]
    before, now = contents
    counts = {
        "new": len(now.keys() - before.keys()),
        "gone": len(before.keys() - now.keys()),
        "changed": sum(before[name] != now[name] for name in now.keys() & before),
    }
    changes += [f"{count} clip(s) {how}" for how, count in counts.items() if count]
    if changes:
        raise UserError(
            f"{data_dir} holds crops that were made otherwise ({'; '.join(changes)}).\n"
            "Choose another --data_dir, or delete that one."
        )
