"""SIGTERM, with which schedulers announce that they take a machine back.

Training notes it, saves at the next step that all processes agree on, and stops; any
other work stops at once, as nothing of it could be lost.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ASKED, _HELD = threading.Event(), threading.Event()


class PreemptedError(Exception):
    """The scheduler asked us to stop; what can be saved is saved (exit 75).

    agreed: all processes of a pod stop here.
    """

    def __init__(self, text: str, *, agreed: bool = False):
        super().__init__(text)
        self.agreed = agreed


def watch() -> None:
    """Handle SIGTERM from now on; call it in the main thread."""
    signal.signal(signal.SIGTERM, _note)


@contextmanager
def held() -> Iterator[None]:
    """Within, a SIGTERM is only noted: ask ``asked`` where stopping loses nothing."""
    _HELD.set()
    try:
        yield
    finally:
        _HELD.clear()


def asked() -> bool:
    """Whether this process got a SIGTERM."""
    return _ASKED.is_set()


def _note(number: int, frame: object) -> None:
    del number, frame
    _ASKED.set()
    if not _HELD.is_set():
        raise PreemptedError("stopped as asked to")
