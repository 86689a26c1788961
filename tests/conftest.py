"""Set-up of the whole suite: CPU, eight virtual devices, the place of real data."""

import atexit
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

# Before jax is imported. Child processes inherit this one; not the device count.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Where commands keep what they compiled; workers get it from whoever started them.
if "SELFME_TEST_COMPILED" not in os.environ:
    os.environ["SELFME_TEST_COMPILED"] = tempfile.mkdtemp(prefix="selfme_compiled_")
    atexit.register(shutil.rmtree, os.environ["SELFME_TEST_COMPILED"], True)

import jax
import pytest

# As hard as users' programs are optimised compiles take most of the time.
jax.config.update("jax_disable_most_optimizations", True)

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


# A worker that comes to one of these last keeps the others waiting.
LONG = (
    *("test_main_pod.py", "test_predict.py", "test_main_cd6me.py", "test_main.py"),
    *("test_main_motion.py", "test_parallel.py", "test_main_units.py", "test_app.py"),
    *("test_main_killed.py", "test_prepare_official.py", "test_main_stages.py"),
    *("test_main_tables.py", "test_formats.py", "test_export.py", "test_onnx.py"),
    *("test_main_bucket.py", "test_objective.py", "test_tpu_lowering.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; launch/test.sh tells xdist to keep the order."""
    order = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONG)))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the whole of launch/test.sh took, not only pytest's part."""
    if started := os.environ.get("SELFME_TEST_STARTED"):
        seconds = time.time() - int(started)
        terminalreporter.write_line(f"set-up, lint and tests: {seconds:.0f} s")
