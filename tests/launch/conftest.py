"""A copy of the launch scripts, and stubs that stand in for the programs they call."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

# Every stub notes how it was called, then plays its part.
STUB = """#!{python} -IS
import json, os, sys
name, argv = os.path.basename(sys.argv[0]), sys.argv[1:]
stdin = sys.stdin.read() if "--filename=-" in argv else ""
def note(**what):
    line = json.dumps({{"name": name, "argv": argv, "stdin": stdin}} | what) + "\\n"
    with open({calls!r}, "a") as file:
        file.write(line)
play = {play!r}
if name != "python" or argv[:2] == ["-m", "selfme_jax.main"]:
    note(env=dict(os.environ), pid=os.getpid())
elif argv[:1] == ["-c"] or argv == ["--version"]:
    os.execv({python!r}, [{python!r}, "-IS", *argv])
elif argv[:2] == ["-m", "venv"]:
    os.makedirs(argv[-1] + "/bin", exist_ok=True)
    with open(__file__) as here, open(argv[-1] + "/bin/python", "w") as there:
        there.write(here.read())
    os.chmod(argv[-1] + "/bin/python", 0o755)
    play = ""
else:
    note()
    play = ""
exec(play)
"""


class Call(NamedTuple):
    """One call of a stub."""

    name: str
    argv: list[str]
    stdin: str
    env: dict[str, str]
    signal: int  # one that the stub got later, else 0


class Stage:
    """A folder with launch/ and stubs, first on PATH.

    ``python`` stands in for the interpreter, and for that of the environments that it
    makes: it is really Python for ``-c``, installs nothing, and runs ``play`` in the
    place of selfme_jax.main.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.tree = folder / "tree"
        self.bin = folder / "bin"
        self.bin.mkdir()
        shutil.copytree(ROOT / "launch", self.tree / "launch")
        shutil.copytree(ROOT / "constraints", self.tree / "constraints")
        shutil.copy(ROOT / "setup.cfg", self.tree)
        self.log = folder / "calls.jsonl"
        self.stub("python")
        keep = {"LANG", "LC_ALL", "SYSTEMROOT"}
        self.env = {k: v for k, v in os.environ.items() if k in keep} | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHON": str(self.bin / "python"),
            "HOME": str(folder),
        }

    def stub(self, name: str, play: str = "") -> None:
        path = self.bin / name
        text = STUB.format(python=sys.executable, calls=str(self.log), play=play)
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *command: str, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            cwd=self.tree,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess:
        process = self.start(*command, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def calls(self, name: str = "", signals: bool = False) -> list[Call]:
        """What was called so far; or the signals that stubs noted."""
        if not self.log.exists():
            return []
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        rows = [r for r in rows if name in ("", r["name"])]
        rows = [r for r in rows if ("signal" in r) == signals]
        return [
            Call(
                *(r[k] for k in ("name", "argv", "stdin")),
                r.get("env", {}),
                r.get("signal", 0),
            )
            for r in rows
        ]

    def mains(self) -> list[Call]:
        """The runs of selfme_jax.main."""
        return [c for c in self.calls("python") if c.argv[1] == "selfme_jax.main"]

    def wait_for(self, what, seconds: float = 20) -> None:
        """Until ``what()`` is true."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path)
