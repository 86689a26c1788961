"""A folder of this machine whose files go to another place, for what appends or seeks.

Programs that write films or read back what they wrote need a disk; a bucket holds whole
objects. Where the place is a folder of this machine, that folder is used as it is.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import fsspec
from etils import epath

from selfme_jax.files.places import below, remote


class Mirror(NamedTuple):
    """Two places of the same files.

    folder: where they are written. place: where they go. alike: of those that are the
    same in both, when the one here was written.
    """

    folder: Path
    place: epath.Path
    alike: dict[str, int]

    def pull(self) -> None:
        """Bring what is in the place and not yet here."""
        if remote(self.place):
            for path in below(self.place):
                here = self.folder / path.relative_to(self.place)
                if not here.exists():
                    here.parent.mkdir(parents=True, exist_ok=True)
                    _service().get_file(os.fspath(path), str(here))
                    self.alike[str(here)] = here.stat().st_mtime_ns

    def push(self, part: str = "", *, last: str, deep: bool = True) -> None:
        """Make the files of a part of the place those that are here.

        Args:
          part: a folder below; '' = the whole. last: name of the file that says that
            all others are there. deep: with what lies in folders below.
        """
        if not remote(self.place):
            return
        here, there = self.folder / part, self.place / part
        found = [p for p in here.glob("**/*" if deep else "*") if p.is_file()]
        for path in below(there) if deep else ():
            if not (here / path.relative_to(there)).exists():
                path.unlink()
        for path in sorted(found, key=lambda path: path.name == last):
            written = path.stat().st_mtime_ns
            if self.alike.get(str(path)) != written:
                target = there / path.relative_to(here)
                _service().put_file(str(path), os.fspath(target))
                self.alike[str(path)] = written


@contextmanager
def opened(place: epath.Path) -> Iterator[Mirror]:
    """The mirror of a place, with what is there already."""
    if not remote(place):
        yield Mirror(Path(place), place, {})
        return
    folder = tempfile.mkdtemp(prefix="selfme_jax_")
    try:
        made = Mirror(Path(folder), place, {})
        made.pull()
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _service() -> fsspec.AbstractFileSystem:
    return fsspec.filesystem("gcs")
