"""SIGTERM, with which schedulers announce that they take a machine back.

Training notes it, saves at the next step that all processes agree on, and stops; any
other work stops at once, as nothing of it could be lost. While a command is still
importing (``starting``), it ends by the same exit code. This module imports nothing
that takes time.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

_ASKED, _HELD = threading.Event(), threading.Event()


class PreemptedError(Exception):
    """The scheduler asked us to stop; what can be saved is saved (exit 75).

    agreed: all processes of a pod stop here.
    """

    def __init__(self, text: str, *, agreed: bool = False):
        super().__init__(text)
        self.agreed = agreed


def starting() -> None:
    """Until ``watch``, SIGTERM (exit 75) and ctrl-C (130) end this process at once.

    And where JAX refuses a variable of the environment, which it reads as it is
    imported, that is said (exit 2). Call it before anything that takes time is
    imported: an exception would be lost or misread in there, and nothing has begun
    that could be saved.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    sys.excepthook = _explain


def watch() -> None:
    """Handle SIGTERM from now on; call it in the main thread."""
    signal.signal(signal.SIGTERM, _note)
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


def _leave(number: int, frame: object) -> None:
    del frame
    name, code = ("SIGTERM", 75) if number == signal.SIGTERM else ("interrupted", 130)
    os.write(2, f"error: {name}; nothing had begun. The same command does.\n".encode())
    os._exit(code)


def _explain(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Lines in place of a traceback out of JAX's reading of its variables."""
    last = trace
    while last and last.tb_next:
        last = last.tb_next
    place = last.tb_frame.f_globals.get("__name__") if last else ""
    if kind is not ValueError or place != "jax._src.config":
        sys.__excepthook__(kind, error, trace)
        return
    names = ", ".join(name for name in os.environ if name.startswith("JAX_"))
    text = f"error: JAX reads from its environment: {error}.\nCorrect one of {names}."
    print(text, file=sys.stderr, flush=True)
    os._exit(2)
