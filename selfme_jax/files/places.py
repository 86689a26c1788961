"""Places of files: in folders of this machine, or in a bucket (gs://BUCKET/DIR).

A workdir is an ``epath.Path``, which is used as pathlib's; what has to hold in a bucket
as well goes through here. Objects of a bucket appear whole or not at all, so there a
write is atomic by itself.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import fsspec
from etils import epath

from selfme_jax import extras
from selfme_jax.files.guards import reason
from selfme_jax.types import UserError

BUCKET = "gs://"


def path(given: str | os.PathLike) -> epath.Path:
    """A place of either kind.

    Raises:
      UserError: a bucket of another kind, or nothing installed that reads buckets.
    """
    text = os.fspath(given)
    if remote(text) and not find_spec("gcsfs"):
        raise UserError(
            f"{text}: reading and writing {BUCKET} needs gcsfs. {extras.advice('gcs')}"
        )
    if "://" in text and not remote(text):
        raise UserError(f"{text}: give a folder of this machine or {BUCKET}BUCKET/DIR.")
    return epath.Path(text)


def remote(given: str | os.PathLike) -> bool:
    """Whether it lies in a bucket."""
    return os.fspath(given).startswith(BUCKET)


@contextmanager
def _whole(place: epath.Path) -> Iterator[epath.Path]:
    """A name beside ``place`` (on this machine), which becomes it at the end."""
    partial = place.with_name(place.name + ".partial")
    try:
        yield partial
        os.replace(partial, place)
    except OSError as error:
        with suppress(OSError):  # half a file takes what space there is
            partial.unlink()
        if error.filename is None:  # of a write, which knows no name
            error.filename = os.fspath(place)
        raise


def write(place: epath.Path, content: str | bytes | memoryview) -> None:
    """Write a whole file; a kill leaves the old one or the new one."""
    data = content.encode() if isinstance(content, str) else content
    if remote(place):
        place.write_bytes(data)
        return
    with _whole(place) as partial:
        partial.write_bytes(data)


def copy(source: epath.Path, target: epath.Path) -> None:
    """Copy a file to a place of the same kind, whole or not at all."""
    if remote(target):
        source.copy(target, overwrite=True)
        return
    with _whole(target) as partial:
        shutil.copyfile(source, partial)


def below(place: epath.Path) -> Iterator[epath.Path]:
    """All files in a folder and its folders, sorted; none where there is no folder."""
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        if path.is_dir():
            yield from below(path)
        else:
            yield path


def reach(place: epath.Path) -> None:
    """Try a place in a bucket before anything is computed for it.

    Raises:
      UserError: no such bucket, no network, or no leave to read it.
    """
    if not remote(place):
        return
    try:
        place.exists()
    except Exception as error:  # of the network, of HTTP, of logging in: many kinds
        raise UserError(
            f"cannot reach {place}: {reason(error)}.\nLog in (gcloud auth application-"
            "default login), or give these machines' service account "
            "roles/storage.objectAdmin on the bucket."
        ) from error


def local(given: str) -> str:
    """A file or folder on this machine: as given, or a copy of that in a bucket.

    Data are read in small pieces, for which a bucket is slow. Copies are kept (in
    $XDG_CACHE_HOME/selfme_jax/gs) for as long as the objects stay the same.

    Raises:
      UserError: nothing there, or it cannot be reached.
    """
    if not remote(given):
        return given
    source = path(given)
    reach(source)
    bucket = fsspec.filesystem("gcs")
    found = bucket.find(str(source), detail=True)
    if not found:
        raise UserError(f"nothing in {source}. Correct the place.")
    marks = [(name, info.get("generation")) for name, info in sorted(found.items())]
    kept = cache() / "gs" / hashlib.sha256(repr(marks).encode()).hexdigest()[:24]
    if not kept.exists():
        size = sum(info["size"] for info in found.values()) / 2**20
        print(f"copying {source}: {len(found)} files, {size:.0f} MiB ...", flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(dir=kept.parent)
        bucket.get(str(source), f"{scratch}/{source.name}", recursive=True)
        try:
            os.replace(scratch, kept)
        except OSError:  # another process was faster
            shutil.rmtree(scratch)
    return str(kept / source.name)


def cache() -> Path:
    """The folder of this machine for what can be had again."""
    home = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    return Path(home) / "selfme_jax"
