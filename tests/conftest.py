"""Set-up of the whole suite: CPU, eight virtual devices, the place of real data."""

import os
import signal
import time
from pathlib import Path

# Before jax is imported. Child processes inherit this one; not the device count.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

# A suite started in the background ignores ctrl-C, and so would the commands that it
# starts, which must not.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data (flow28/, ststnet/, annotations/, videos/)."""
    place = os.environ.get("SELFME_TEST_DATA")
    if not place:
        pytest.skip("SELFME_TEST_DATA is not set: no real data here")
    if not Path(place).is_dir():
        pytest.fail(f"SELFME_TEST_DATA is not a folder: {place}")
    return Path(place).resolve()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the whole of launch/test.sh took, not only pytest's part."""
    if started := os.environ.get("SELFME_TEST_STARTED"):
        seconds = time.time() - int(started)
        terminalreporter.write_line(f"set-up, lint and tests: {seconds:.0f} s")
