"""Runs the main command as a process, on a tiny folder of flow images."""

import csv
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("negative", "positive", "surprise")
CONFIG = "--config=configs/flow_images.py"
# Seconds of work: 8 runs of 12 steps, three at a time.
TINY = (
    "--config.seeds=2",
    "--config.bootstrap=200",
    "--config.scvit.model.width=8",
    "--config.scvit.model.heads=2",
    "--config.scvit.train.batch_size=8",
    "--config.scvit.train.epochs=0",
    "--config.scvit.train.steps=12",
    "--config.engine.classifier.runs_per_device=3",
    "--config.engine.classifier.log_every=1",
    "--config.engine.classifier.save_seconds=0",
)


class Ended(NamedTuple):
    """What a process left behind."""

    code: int
    out: str
    err: str


def write_flow_images(root: Path) -> Path:
    """4 subjects with 5 clips each; the class shows as a darker band of rows."""
    import cv2

    rng = np.random.default_rng(0)
    root.mkdir()
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "subject", "sample", "label", "file"])
        for subject in range(4):
            for clip in range(5):
                label = (subject + clip) % 3
                image = rng.integers(0, 256, (28, 28, 3)).astype(np.uint8)
                image[8 * label : 8 * label + 8] //= 2
                name = f"p{subject}_{clip}.png"
                cv2.imwrite(str(root / name), image)
                row = ["toy", f"p{subject}", f"c{clip}", CLASSES[label], name]
                writer.writerow(row)
    return root


# For compilers: not as hard as for a user, which is three times as fast; and whatever
# any process of the suite compiled serves all.
COMPILING = {
    "jax_disable_most_optimizations": True,
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_compilation_cache_dir": os.environ["SELFME_TEST_COMPILED"],
}


def environment() -> dict[str, str]:
    """That of a user, but for compilers."""
    own = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    return own | {k.upper(): str(v) for k, v in COMPILING.items()}


def start(
    *arguments: str, module: str = "selfme_jax.main", **extra: str
) -> subprocess.Popen:
    """The command as a process of its own; stdout is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment() | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pod(
    count: int, *arguments: str, module: str = "selfme_jax.main", **extra: str
) -> list[subprocess.Popen]:
    """The command as ``count`` processes that work together, one device each."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    extra |= {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
    }
    return [
        start(*arguments, module=module, JAX_PROCESS_ID=str(number), **extra)
        for number in range(count)
    ]


def ends(processes: Iterable[subprocess.Popen]) -> list[Ended]:
    """What each of them ended with."""
    said = [(process, process.communicate(timeout=300)) for process in processes]
    return [Ended(process.returncode, *texts) for process, texts in said]


def run(*arguments: str, module: str = "selfme_jax.main", **extra: str) -> Ended:
    """The command from start to end, in a fork (see there)."""
    with tempfile.TemporaryDirectory() as folder:
        return fork(*arguments, folder=Path(folder), module=module, extra=extra)


def alone(*arguments: str, **extra: str) -> Ended:
    """The command from start to end, in a process of its own."""
    process = start(*arguments, **extra)
    out, err = process.communicate(timeout=560)
    return Ended(process.returncode, out, err)


def fork(
    *arguments: str,
    folder: Path,
    module: str = "selfme_jax.main",
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """The same in a fork of a process that has imported everything: 0.1 s, not 3.

    Args:
      arguments: of the command.
      folder: an existing one, where stdout and stderr are kept.
      module: the entry point. extra: variables of its environment.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["selfme_jax.run.pretrain", "pytest"])
    files = folder / "stdout", folder / "stderr"
    process = context.Process(
        target=_child, args=(arguments, files, module, dict(extra))
    )
    process.start()
    process.join(560)
    if process.is_alive():
        process.kill()
        raise TimeoutError(arguments)
    return Ended(process.exitcode, *(path.read_text() for path in files))


def _child(arguments, files, module, extra) -> None:
    import jax

    for number, path in enumerate(files, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(ROOT)
    os.environ.update(environment() | extra)
    for key, value in COMPILING.items():
        jax.config.update(key, value)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")
