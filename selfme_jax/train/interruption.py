"""Ctrl-C, which must not strike within the compiler: there it can end in a crash.

Training notes the first one and stops where nothing is lost, after the step or the
compilation under way. A second one acts at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from selfme_jax.train import parallel

_ASKED = threading.Event()


@contextmanager
def held() -> Iterator[None]:
    """Within, the first ctrl-C is only noted: ask ``asked`` where stopping is safe.

    Raises:
      KeyboardInterrupt: at the end, if one was noted and nothing else is raised.
    """
    before = signal.getsignal(signal.SIGINT)
    ours = before == signal.default_int_handler  # not ignored, nobody else's
    main = threading.current_thread() is threading.main_thread()
    if not (ours and main and parallel.alone()):  # a pod has ways of its own
        yield
        return
    signal.signal(signal.SIGINT, _note)
    try:
        yield
        if asked():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
        _ASKED.clear()


def asked() -> bool:
    """Whether ctrl-C was noted."""
    return _ASKED.is_set()


def _note(number: int, frame: object) -> None:
    del number, frame
    if asked():
        raise KeyboardInterrupt
    _ASKED.set()
    print("interrupted: ending this step (once more to stop at once) ...", flush=True)
