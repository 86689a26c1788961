"""The processes of a pod: join it, know when one is lost, and leave it.

A process is part of one where JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
JAX_PROCESS_ID are set, or with SELFME_POD=auto where JAX detects a cluster (TPU pod,
GKE, Slurm). The same command runs in all of them, with a workdir that all of them see.

Several TPU slices are one pod: their machines are told so by MEGASCALE_*, in the
environment (GKE) or in the metadata (TPU VMs), from which JAX numbers the processes,
slice by slice. SELFME_SLICES says how many there have to be.

Whoever waits says for how many; whoever is lost ends all the others with a message,
within a second if its process dies (half a minute if its machine does). JAX's own
heartbeats stay as they are, for a process that hangs.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from jax._src.clusters import ClusterEnv  # no public way to ask before it connects
from jax._src.clusters.cloud_tpu_cluster import BaseTpuCluster

from selfme_jax.train.rendezvous import SIGN_OF_LIFE, Server, keep_alive, lines, send
from selfme_jax.types import UserError

LOST = 75  # exit code; schedulers start it again
_KEYS = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


class Place(NamedTuple):
    """Who this process is: worker ``number`` of ``size``."""

    host: str
    port: int  # of JAX's coordinator, in worker 0
    size: int
    number: int
    devices: tuple[int, ...] | None = None  # of this machine, None = all

    @property
    def meeting(self) -> int:
        """Port of the rendezvous."""
        return self.port + 1 if self.port < 65535 else self.port - 1


def place(environment: Mapping[str, str]) -> Place | None:
    """Where the environment puts this process; None = on its own.

    Raises:
      UserError: it is not complete, or says what cannot be.
    """
    # Words, or numbers that JAX found.
    given: list[Any] = [environment.get(key) for key in _KEYS]
    devices = None
    if environment.get("SELFME_POD") == "auto":
        count, number = (int(x) if x and x.isdigit() else None for x in given[1:])
        *given, devices = ClusterEnv.auto_detect_unset_distributed_params(
            given[0], count, number, None, None, int(_timeout(environment))
        )
        _check_slices(environment)
    elif not any(given[1:]):  # an address alone may be meant for something else
        return None
    missing = [k for k, v in zip(_KEYS, given, strict=True) if v in (None, "")]
    if missing:
        auto = "SELFME_POD=auto finds no cluster here; "
        said = auto if environment.get("SELFME_POD") == "auto" else ""
        raise UserError(
            f"{said}{', '.join(missing)} not set. A pod needs {', '.join(_KEYS)} in "
            "every process; a single process none of them."
        )
    try:
        host, _, port = given[0].rpartition(":")
        found = Place(host.strip("[]"), int(port), int(given[1]), int(given[2]))
        if not (host and 0 < found.port < 65536 and 0 <= found.number < found.size):
            raise ValueError
    except ValueError:
        said = " ".join(f"{k}={v}" for k, v in zip(_KEYS, given, strict=True))
        raise UserError(
            f"{said}: give HOST:PORT, a count, and a number from 0 to count - 1."
        ) from None
    if found.size == 1:
        return None
    return found._replace(devices=tuple(devices) if devices else None)


def _check_slices(environment: Mapping[str, str]) -> None:
    """Slices that nobody joined would be pods of their own, each with the whole run.

    Raises:
      UserError: there are others than SELFME_SLICES says.
    """
    wanted = environment.get("SELFME_SLICES", "1")
    if wanted == "1":
        return
    found = environment.get("MEGASCALE_NUM_SLICES") or BaseTpuCluster._get_num_slices()
    if str(found) != wanted:
        raise UserError(
            f"SELFME_SLICES={wanted}, but this machine belongs to a pod of {found} "
            "(MEGASCALE_NUM_SLICES).\nMake the slices together: --slices of "
            "launch/tpu_vm.sh create or launch/gke.sh apply."
        )


def join(environment: Mapping[str, str]) -> "Member | None":
    """Join the pod that the environment names; None = there is none.

    Call it before anything touches a device. Only worker 0 prints from then on.

    Raises:
      UserError: see ``place``; or not all workers came in time, names the missing.
    """
    found = place(environment)
    if found is None:
        return None
    timeout, server = _timeout(environment), None
    try:
        if found.number == 0:
            server = Server(found.meeting, found.size, timeout)
            server.start()
    except OSError as error:
        raise UserError(
            f"port {found.meeting}, beside that of JAX_COORDINATOR_ADDRESS, cannot be "
            f"opened: {error.strerror}. Choose another port."
        ) from error
    member = Member(found, _connect(found, timeout), server)
    member.wait(timeout)
    try:
        jax.distributed.initialize(
            f"{found.host}:{found.port}",
            found.size,
            found.number,
            local_device_ids=found.devices,
            cluster_detection_method="deactivate",
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"JAX cannot start the pod: {reason}.") from error
    member.watch()
    if found.number:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 the others say the same
    return member


class Member:
    """This process in its pod; worker 0 has the server in a thread."""

    def __init__(self, place: Place, connection: socket.socket, server: Server | None):
        self.place = place
        self._server = server
        self._connection = connection
        self._lines = lines(connection)
        self._over = threading.Event()
        send(connection, f"hello {place.number} {place.size}")

    def wait(self, timeout: float) -> None:
        """Until all are there.

        Raises:
          UserError: they are not, in time, or this one is one too many.
        """
        where = self.place
        for line in self._lines:
            verb, _, rest = line.partition(" ")
            if verb == "go":
                return
            if verb == "refused":
                raise UserError(f"{rest}. Give each process of the pod its own place.")
            ids = rest.split(",")
            if verb == "late":
                self._let_server_end()
                raise UserError(_late(where, ids, timeout))
            _say(
                f"worker {where.number}: waiting for {len(ids)} of {where.size} "
                f"workers ({', '.join(ids)}) ..."
            )
        raise UserError(_late(where, ["0"], timeout))

    def watch(self) -> None:
        """From now on the loss of a worker ends this process."""
        threading.Thread(target=self._follow, daemon=True).start()

    def finish(self) -> None:
        """All is done here: wait for the others, then leave together."""
        send(self._connection, "done")
        self._over.wait()
        jax.distributed.shutdown()

    def leave(self, code: int, text: str) -> None:
        """End this process now, and with it all the others, who are told why."""
        send(self._connection, f"bye {code} {text}")
        self._let_server_end()
        _end(code)

    def _follow(self) -> None:
        where = self.place
        verb, _, rest = next(self._lines, "lost 0").partition(" ")
        self._let_server_end()
        if verb == "end":
            self._over.set()
        elif verb == "bye":
            number, code, text = rest.split(" ", 2)
            text = text.replace("\t", "\n")
            _end(int(code), f"error: worker {number} of {where.size}: {text}")
        else:
            _end(
                LOST,
                f"error: worker {rest} of {where.size} is lost (killed, out of memory "
                "or its machine is gone): all workers end.\nStart the same command on "
                "all of them again: it resumes.",
            )

    def _let_server_end(self) -> None:
        """The others hear of the end before worker 0, which tells them, is gone."""
        if self._server:
            self._server.join(5)


def _connect(where: Place, timeout: float) -> socket.socket:
    """To the server in worker 0, which may not have started yet."""
    begin = spoke = time.monotonic()
    while True:
        try:
            connection = socket.create_connection((where.host, where.meeting), 5)
            connection.settimeout(None)
            keep_alive(connection)
            return connection
        except OSError as error:
            now = time.monotonic()
            if now - begin > timeout:
                raise UserError(_late(where, ["0"], timeout)) from error
            if now - spoke > SIGN_OF_LIFE:
                spoke = now
                _say(
                    f"worker {where.number}: waiting for worker 0 at {where.host}:"
                    f"{where.meeting}: at least 1 of {where.size} workers is missing "
                    f"({error.strerror or error}) ..."
                )
            time.sleep(0.2)


def _late(where: Place, missing: list[str], timeout: float) -> str:
    return (
        f"{len(missing)} of {where.size} workers did not come within {timeout:.0f} s: "
        f"{', '.join(missing)}.\nStart the same command on all of them, each with its "
        f"own JAX_PROCESS_ID, and let them reach ports {where.port} and "
        f"{where.meeting} of {where.host}; SELFME_POD_TIMEOUT=SECONDS waits longer."
    )


def _timeout(environment: Mapping[str, str]) -> float:
    given = environment.get("SELFME_POD_TIMEOUT") or "300"
    try:
        return float(given)
    except ValueError:
        raise UserError(
            f"SELFME_POD_TIMEOUT={given} is no number of seconds."
        ) from None


def _say(text: str) -> None:
    print(text, flush=True)


def _end(code: int, text: str = "") -> None:
    """At once: the usual way out waits for the others, who may be gone."""
    if text:
        os.write(2, text.encode() + b"\n")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
