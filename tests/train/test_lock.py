"""A workdir has one writer: real processes, killed ones, other machines, a bucket."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import bucket
import fsspec
import pytest

from selfme_jax import files
from selfme_jax.train import lock
from selfme_jax.types import UserError

# Without jax, which takes seconds to import: nothing but the lock is of interest.
HOLDER = """
import sys, types
name = "selfme_jax.train.parallel"
sys.modules[name] = types.SimpleNamespace(leads=lambda: True)
from selfme_jax import files
from selfme_jax.train import lock
lock.BEAT = 0.1
with lock.held(files.path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
print("given back", flush=True)
"""
ROOT = Path(lock.__file__).parents[2]


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a folder until its input is closed."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        while (line := process.stdout.readline()) != "held\n":
            assert line  # watching an older holder
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 1.0)
    monkeypatch.setattr(lock, "BEAT", 0.1)
    monkeypatch.setattr(lock, "_SETTLED", 0.5)


def take(folder):
    with lock.held(files.path(folder)):
        pass


def test_a_second_process_is_told_who_and_since_when(holder, tmp_path):
    process = holder(tmp_path / "run")
    said = json.loads((tmp_path / "run" / "lock").read_text())
    expected = (
        f"in use by process {process.pid} on {said['host']} since {said['since']}"
    )
    for refused in (take, lambda folder: lock.free(files.path(folder))):
        with pytest.raises(UserError, match="in use by") as caught:
            refused(tmp_path / "run")
        assert expected in str(caught.value)
        assert len(str(caught.value).splitlines()) == 2
    take(tmp_path / "another")
    process.communicate("")
    assert not (tmp_path / "run" / "lock").exists()
    take(tmp_path / "run")


def test_a_killed_holder_leaves_no_lock(holder, tmp_path, capsys):
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "lock").exists()
    lock.free(files.path(tmp_path))
    take(tmp_path)
    assert "watching" not in capsys.readouterr().out  # at once
    assert not (tmp_path / "lock").exists()


def test_of_many_that_start_at_once_one_holds(tmp_path):
    many = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    end = time.monotonic() + 120
    while sum(p.poll() is None for p in many) > 1 and time.monotonic() < end:
        time.sleep(0.05)
    alive = [p for p in many if p.poll() is None]
    out = [p.communicate("") for p in many]
    assert len(alive) == 1
    assert sorted(text for text, _ in out) == ["", "", "", "held\ngiven back\n"]
    assert sum("in use by process" in err for _, err in out) == 3


def test_who_has_locked_it_and_not_yet_said_so_is_waited_for(tmp_path):
    slow = """
import fcntl, sys, time
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.readline()
    file.write('{"host": "h", "pid": 8, "since": "2026"}')
    file.flush()
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", slow, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    later = threading.Timer(0.1, lambda: print(file=process.stdin, flush=True))
    later.start()
    with pytest.raises(UserError, match="in use by process 8 on h since 2026"):
        take(tmp_path)
    later.join()
    process.communicate("")


def foreign(folder, **changes):
    """The lock of a holder on another machine."""
    words = {"host": "other", "pid": 7, "since": "2026", "kernel": "k", "token": "t"}
    (folder / "lock").write_text(json.dumps(words | changes))


def test_a_dead_lease_of_another_machine_is_taken_over(tmp_path, capsys):
    foreign(tmp_path)
    begin = time.monotonic()
    take(tmp_path)
    assert time.monotonic() - begin >= 1.0
    assert "held by process 7 on other since 2026: watching" in capsys.readouterr().out


def test_a_live_lease_of_another_machine_is_not(holder, tmp_path, monkeypatch):
    """Its kernel's lock does not reach here: as on Lustre with -o localflock."""
    holder(tmp_path)
    monkeypatch.setattr(lock._Local, "_locked", lambda *_, **__: False)
    for refused in (take, lambda folder: lock.free(files.path(folder))):
        with pytest.raises(UserError, match="in use by process"):
            refused(tmp_path)


def test_without_locks_of_the_kernel_the_last_one_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lock._Local, "_locked", lambda *_, **__: False)
    take(tmp_path)

    def overtaken(seconds):
        foreign(tmp_path)

    monkeypatch.setattr(lock.time, "sleep", overtaken)
    with pytest.raises(UserError, match="in use by process 7 on other"):
        take(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0", '{"pid": 1}', "[" * 9999])
def test_whatever_the_file_holds(tmp_path, content):
    (tmp_path / "lock").write_text(content)
    take(tmp_path)


def test_a_pipe_of_that_name_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lock")
    for refused in (take, lambda folder: lock.free(files.path(folder))):
        with pytest.raises(UserError, match="lock is no file but a pipe"):
            refused(tmp_path)


def test_only_the_first_process_of_a_pod_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(lock.parallel, "leads", lambda: False)
    with lock.held(files.path(tmp_path)):
        assert not list(tmp_path.iterdir())


def test_it_is_given_back_after_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.held(files.path(tmp_path)):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_in_a_bucket(tmp_path, monkeypatch):
    with bucket.Bucket() as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        fsspec.filesystem("gcs").invalidate_cache()
        folder = files.path("gs://bucket/run")
        with lock.held(folder):
            with pytest.raises(UserError, match=f"in use by process {os.getpid()} on"):
                take(folder)
            with pytest.raises(UserError, match="in use by process"):
                lock.free(folder)
        assert not cloud.names("bucket/run/lock")
        cloud.put(("bucket", "run/lock"), b'{"host": "gone", "pid": 1, "since": "2"}')
        take(folder)
        assert not cloud.names("bucket/run/lock")


def test_a_file_that_is_given_back_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Between opening and locking it: what is locked then has no name any more."""
    real, calls = lock._Local._locked, []

    def locked(self, file, **options):
        if not calls:
            self._path.unlink()
        calls.append(file)
        return real(self, file, **options)

    monkeypatch.setattr(lock._Local, "_locked", locked)
    with lock.held(files.path(tmp_path)):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert len(calls) == 2
