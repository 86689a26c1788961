"""What the benchmarks share: contestants that take turns, and a table."""

import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import date

# Before jax is imported: its threads, and room on a GPU for the other side.
os.environ.setdefault("PJRT_NPROC", "2")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# Where others use the cores too, PyTorch's threads spin: 6 times slower, measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import flax
import jax
import torch

GPU = jax.default_backend() == "gpu" and torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"


def start() -> None:
    """As many threads for PyTorch as for XLA; say where and with what this runs."""
    threads = int(os.environ["PJRT_NPROC"])
    torch.set_num_threads(threads)
    name = torch.cuda.get_device_name() if GPU else f"CPU, {threads} threads"
    versions = f"jax {jax.__version__}, flax {flax.__version__}"
    print(f"{name}; {versions}, torch {torch.__version__}; {date.today()}")
    print(f"load average before: {os.getloadavg()[0]:.1f}")


def race(
    contestants: dict[str, Callable], repeats: int, *, alone: str = ""
) -> dict[str, float]:
    """Median seconds of each, one after the other in every round; or of one alone."""
    if alone:
        contestants = {alone: contestants[alone]}
    times = {name: [] for name in contestants}
    for number in range(repeats + 1):  # the first round compiles and warms up
        for name, run in contestants.items():
            begin = time.perf_counter()
            jax.block_until_ready(run())
            if GPU:
                torch.cuda.synchronize()
            if number:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, seconds: dict[str, float], *, per: int = 1) -> None:
    """The first is ours; all as multiples of it. per: items in one run."""
    print(f"\n{title}")
    ours = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"  {name:<40}{1e3 * value / per:10.2f} ms{value / ours:8.2f} x")
        keep(title, name, f"{1e3 * value / per:.2f} ms", f"{value / ours:.2f}")


def keep(title: str, name: str, value: str, ratio: str = "") -> None:
    """A row for speed.py, if that is what started us."""
    if path := os.environ.get("SELFME_SPEED_ROWS"):
        with open(path, "a") as file:
            file.write(json.dumps([title, name, value, ratio]) + "\n")
