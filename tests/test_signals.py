"""What ends a command from outside, while it starts and while it speaks."""

import os
import signal
import subprocess
import sys
import time

import command
import pytest

from selfme_jax.__main__ import COMMANDS

WAYS = (
    *(["-m", f"selfme_jax.{name}"] for name in COMMANDS),
    ["-m", "selfme_jax", "main"],
)


def handles(pid, number):
    """Whether the process has a handler of its own for that signal."""
    with open(f"/proc/{pid}/status") as file:
        (caught,) = (line.split()[1] for line in file if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def has_loaded(pid, word):
    with open(f"/proc/{pid}/maps") as file:
        return word in file.read()


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="no /proc")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 75, "SIGTERM"), (signal.SIGINT, 130, "interrupted")],
)
def test_signals_that_arrive_during_imports(way, number, code, word):
    """As a scheduler may send them at any moment; nobody's traceback is printed."""
    process = subprocess.Popen(
        [sys.executable, *way],
        cwd=command.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not handles(process.pid, signal.SIGTERM):
        assert time.monotonic() < end
        time.sleep(0.002)
    assert not has_loaded(process.pid, "jaxlib")  # the imports are before it
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert (out, len(err.splitlines())) == ("", 1)
    assert f"error: {word}; nothing had begun" in err


@pytest.mark.parametrize("way", [WAYS[0], WAYS[-1]])
@pytest.mark.parametrize(
    ("name", "value"), [("JAX_NUM_CPU_DEVICES", "abc"), ("JAX_ENABLE_X64", "perhaps")]
)
def test_what_jax_cannot_read_of_its_environment_is_said(way, name, value):
    ended = subprocess.run(
        [sys.executable, *way, "--config=synthetic"],
        cwd=command.ROOT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2, ended.stderr
    assert (ended.stdout, len(ended.stderr.splitlines())) == ("", 2)
    assert value in ended.stderr and name in ended.stderr


COMPILES = """
'What compiles for seconds.'
import os, signal, sys, threading
import jax, jax.numpy as jnp
from selfme_jax.run import cli

def main():
    number = getattr(signal, os.environ["NUMBER"])
    threading.Timer(1.5, os.kill, (os.getpid(), number)).start()
    def long(x):
        for i in range(400):
            x = jnp.sin(x @ x) + i
        return x
    jax.jit(long)(jnp.ones((64, 64)))

cli.run(main)
"""


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 75), ("SIGINT", 130)])
def test_signals_that_arrive_while_jax_compiles(number, code, tmp_path):
    """Not by a segmentation fault: JAX is not fit for an orderly end after them."""
    ended = subprocess.run(
        [sys.executable, "-c", COMPILES],
        cwd=command.ROOT,
        env=os.environ
        | {
            "NUMBER": number,
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",  # or compiling takes no time
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == code, ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    """``| head -1``: the exit code is that of a program that SIGPIPE ended."""
    data = command.write_flow_images(tmp_path / "toy")
    words = [command.CONFIG, f"--config.data.root={data}", *command.TINY]
    process = command.start(*words, f"--workdir={tmp_path / 'run'}")
    assert "toy: 20 clips" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == 141
