"""Worker 0's side of a pod: it counts who is there and says who is missing or lost.

JAX's own coordination can do neither: it waits without a word, and it knows a dead
process by missed heartbeats only. So every worker keeps a connection to a small server
in worker 0, on the port beside the coordinator's; the kernel closes it the moment a
process dies. Lines of text go over it:

    worker -> server   hello <id> <count> · done · bye <code> <message>
    server -> worker   waiting <ids> · late <ids> · refused <message> · go ·
                       bye <id> <code> <message> · lost <id> · end
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator

SIGN_OF_LIFE = 5.0  # seconds between 'waiting' lines


class Server(threading.Thread):
    """Runs until all workers are done, one is lost, or some do not come in time."""

    def __init__(self, port: int, count: int, timeout: float):
        """Listen on ``port`` for ``count`` workers, ``timeout`` seconds long.

        Raises:
          OSError: the port is taken.
        """
        super().__init__(daemon=True)
        self._listener = _listen(port)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._count, self._deadline = count, time.monotonic() + timeout
        self._workers: dict[int, socket.socket] = {}
        self._pending: dict[socket.socket, bytes] = {}
        self._done: set[int] = set()
        self._complete = self._ended = False
        self._spoke = time.monotonic()

    def run(self) -> None:
        """Serve."""
        while not self._ended:
            for key, _ in self._selector.select(timeout=0.5):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._receive(key.fileobj)
            if not self._complete:
                self._count_up()
        self._listener.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        keep_alive(connection)
        self._selector.register(connection, selectors.EVENT_READ)
        self._pending[connection] = b""

    def _receive(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        *lines, rest = (self._pending[connection] + data).split(b"\n")
        self._pending[connection] = rest
        for line in lines:
            self._heard(connection, line.decode(errors="replace"))
        if not data:
            self._closed(connection)

    def _heard(self, connection: socket.socket, line: str) -> None:
        verb, _, rest = line.partition(" ")
        number = self._number(connection)
        if verb == "hello" and number is None:
            self._greet(connection, *map(int, rest.split()))
        elif verb == "done" and number is not None:
            self._done.add(number)
            if len(self._done) == self._count:
                self._end("end")
        elif verb == "bye" and number is not None and not self._ended:
            self._end(f"bye {number} {rest}", but=connection)

    def _greet(self, connection: socket.socket, number: int, count: int) -> None:
        if count != self._count:
            why = f"JAX_NUM_PROCESSES is {count} here and {self._count} in worker 0"
        elif number in self._workers:
            why = f"there is a worker {number} already (JAX_PROCESS_ID)"
        else:
            self._workers[number] = connection
            return
        send(connection, f"refused {why}")

    def _count_up(self) -> None:
        missing = sorted(set(range(self._count)) - set(self._workers))
        now, ids = time.monotonic(), ",".join(map(str, missing))
        if not missing:
            self._complete = True
            self._tell("go")
        elif now > self._deadline:
            self._end(f"late {ids}")
        elif now - self._spoke > SIGN_OF_LIFE:
            self._spoke = now
            self._tell(f"waiting {ids}")

    def _closed(self, connection: socket.socket) -> None:
        number = self._number(connection)
        self._selector.unregister(connection)
        del self._pending[connection]
        connection.close()
        if number is None or self._ended:
            return
        del self._workers[number]
        if self._complete:
            self._end(f"lost {number}")

    def _number(self, connection: socket.socket) -> int | None:
        for number, other in self._workers.items():
            if other is connection:
                return number
        return None

    def _end(self, line: str, *, but: socket.socket | None = None) -> None:
        self._ended = True
        self._tell(line, but=but)

    def _tell(self, line: str, *, but: socket.socket | None = None) -> None:
        for connection in self._workers.values():
            if connection is not but:
                send(connection, line)


def send(connection: socket.socket, line: str) -> None:
    """A line; whether anybody hears it is seen elsewhere."""
    with contextlib.suppress(OSError):
        connection.sendall(line.replace("\n", "\t").encode() + b"\n")


def lines(connection: socket.socket) -> Iterator[str]:
    """What the other side says, until it is gone."""
    file = connection.makefile("r", errors="replace")
    with file, contextlib.suppress(OSError):
        for line in file:
            yield line.rstrip("\n")


def keep_alive(connection: socket.socket) -> None:
    """Notice within half a minute that the other machine is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True
        )
    return socket.create_server(("", port))
