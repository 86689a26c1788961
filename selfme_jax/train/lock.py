"""One process (or pod) at a time writes to a workdir.

On the file system of this machine, and on shared ones that carry locks (NFS, GPFS,
Lustre with -o flock): flock, which the kernel takes back from whoever is killed. Where
there is none, where it may hold for one machine alone, and in a bucket: the file
``lock`` is a lease, which its holder renews every few seconds (``BEAT``). A lease of
another machine is watched for a while (``PATIENCE``), and taken over where nobody
renews it; clocks of two machines are never compared.
"""

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from etils import epath

from selfme_jax import files
from selfme_jax.train import parallel
from selfme_jax.types import UserError

NAME = "lock"
BEAT, PATIENCE = 5.0, 20.0  # seconds; a holder misses three beats before it is dead
_SETTLED = 2.0  # seconds until a lease that is still ours was taken by nobody else


@contextmanager
def held(folder: epath.Path) -> Iterator[None]:
    """Hold a workdir; in a pod its first process does, for all of them.

    Args:
      folder: made if it is not there.

    Raises:
      UserError: another process holds it: which one, where, since when.
      OSError: nothing can be written there.
    """
    if not parallel.leads():
        yield
        return
    files.reach(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if not files.remote(folder):
            raise  # which file it was, the guard of the command says
        raise UserError(
            f"cannot write to {folder}: {files.reason(error)}. "
            "Choose another --workdir."
        ) from error
    lease = (_Remote if files.remote(folder) else _Local)(folder / NAME)
    lease.take()
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(lease, stop), daemon=True)
    beating.start()
    try:
        yield
    finally:
        stop.set()
        beating.join()
        with suppress(Exception):  # what fails now is told by what failed first
            lease.release()


def free(folder: epath.Path) -> None:
    """Refuse a workdir that is held. For those who only read, and write nothing there.

    Raises:
      UserError: another process holds it.
    """
    lease = (_Remote if files.remote(folder) else _Local)(folder / NAME)
    if (folder / NAME).exists():
        lease.look_on()


def _beat(lease: "_Local | _Remote", stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(Exception):  # a failing network may be there at the next beat
            lease.renew()


class _Remote:
    """A lease: an object that says who holds it, and changes with every renewal."""

    def __init__(self, path: epath.Path):
        self._path, self._own = path, _describe()

    def take(self) -> None:
        self._watch()
        self.renew()
        self._settle()

    def look_on(self) -> None:
        self._watch()

    def renew(self) -> None:
        self._own["beat"] += 1
        files.write(self._path, json.dumps(self._own))

    def release(self) -> None:
        if self._read()[0].get("token") == self._own["token"]:
            self._path.unlink()

    def _settle(self) -> None:
        """Of several that took a lease at the same time the last one has it."""
        time.sleep(_SETTLED)
        if (holder := self._read()[0]).get("token") != self._own["token"]:
            raise self._refusal(holder)

    def _watch(self) -> None:
        """Refuse what somebody goes on renewing."""
        holder, mark = self._read()
        if not holder:
            return
        print(
            f"{self._path.parent} was held by {_named(holder)}: watching for "
            f"{PATIENCE:.0f} s whether it still is ...",
            flush=True,
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            time.sleep(min(1.0, PATIENCE / 10))
            now, changed = self._read()
            if not now:  # given back
                return
            if changed != mark:
                raise self._refusal(now)

    def _read(self) -> tuple[dict, Any]:
        """Who holds it ({} = nobody), and what changes when it is renewed."""
        text = self._path.read_text() if self._path.exists() else ""
        return _parse(text), text

    def _refusal(self, holder: dict) -> UserError:
        return UserError(
            f"{self._path.parent} is in use by {_named(holder)}.\n"
            "Wait for it, end it, or choose another --workdir."
        )


class _Local(_Remote):
    """A lease in a file, and a lock of the kernel on it wherever there is one."""

    def take(self) -> None:
        self._check()
        flags = os.O_RDWR | os.O_CREAT
        self._file = os.open(self._path, flags, 0o666)
        firm = self._locked(self._file)
        if not self._same():  # given back between those two lines
            os.close(self._file)
            return self.take()
        if self._elsewhere(firm):
            self._watch()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(self._own).encode(), 0)
        os.fsync(self._file)
        return None if firm else self._settle()

    def look_on(self) -> None:
        self._check()
        with self._path.open("rb") as file:
            firm = self._locked(file.fileno(), shared=True)
        if self._elsewhere(firm):
            self._watch()

    def renew(self) -> None:
        os.utime(self._file)

    def release(self) -> None:
        if self._same():
            self._path.unlink()
        os.close(self._file)

    def _check(self) -> None:
        """Refuse a pipe or a device of that name, which could be read for ever."""
        with suppress(FileNotFoundError):
            mode = os.stat(self._path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # that, opening says
                raise UserError(
                    f"{self._path} is no file but a pipe, a socket or a device.\n"
                    "Move it away, or choose another --workdir."
                )

    def _locked(self, file: int, *, shared: bool = False) -> bool:
        """Lock an open file; False where this system cannot.

        Raises:
          UserError: somebody else has.
        """
        try:
            import fcntl

            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._refusal(self._introduced()) from None
        except (ImportError, OSError):
            return False
        return True

    def _introduced(self) -> dict:
        """Who holds a locked file; who has just locked it is about to write it down."""
        end = time.monotonic() + _SETTLED
        while not (holder := self._read()[0]) and time.monotonic() < end:
            time.sleep(0.02)
        return holder

    def _elsewhere(self, firm: bool) -> bool:
        """Whether another machine may hold it, or any where there are no locks."""
        holder = self._read()[0]
        alike = holder.get("kernel") == self._own["kernel"] != ""
        return bool(holder) and not (firm and alike)

    def _same(self) -> bool:
        """Whether the file of that name is the one that is open."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        return False

    def _read(self) -> tuple[dict, Any]:
        try:  # opened anew: NFS asks the server then
            with self._path.open("rb") as file:
                text, when = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return {}, None
        return _parse(text), (text, when)


def _describe() -> dict[str, Any]:
    """What a holder says of itself. kernel: tells machines of the same name apart."""
    kernel = ""
    with suppress(OSError):
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
        "kernel": kernel,
        "token": uuid4().hex,
        "beat": 0,
    }


def _parse(text: str | bytes) -> dict:
    """A holder's words; {} where there are none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}


def _named(holder: dict) -> str:
    """'process 7 on host1 since 2026-01-01 12:00:00+00:00'."""
    if not {"host", "pid", "since"} <= holder.keys():
        return "another process"
    return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
