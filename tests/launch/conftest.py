"""A copy of the launch scripts, and stubs that stand in for the programs they call."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

MODULES = ("selfme_jax.main", "selfme_jax.tables")

# Every stub notes how it was called, then plays its part.
STUB = """#!{python} -IS
import json, os, sys
name, argv = os.path.basename(sys.argv[0]), sys.argv[1:]
stdin = sys.stdin.read() if {{"--filename=-", "--config"}} & set(argv) else ""
def note(**what):
    line = json.dumps({{"name": name, "argv": argv, "stdin": stdin}} | what) + "\\n"
    with open({calls!r}, "a") as file:
        file.write(line)
play = {play!r}
if name != "python" or argv[1:2] and argv[1] in {modules!r}:
    note(env=dict(os.environ), pid=os.getpid())
elif argv[:1] == ["-c"] or argv == ["--version"]:
    bare = [] if "fsspec" in argv[-3:][0] else ["-IS"]
    os.execv({python!r}, [{python!r}, *bare, *argv])
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

# A run that saves and ends when it is told to.
TRAINING = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(75))
print("training", flush=True)
time.sleep(60)
"""

# Describe says the states in turn, the last one for ever. scp and ssh act on folders:
# homeK for worker K, homeS.K where there are slices, whose nodes are called pod-S.
GCLOUD = """
import shutil, subprocess
here = os.environ["CLOUD"]
if "describe" in argv:
    with open(here + "/states") as file:
        states = json.load(file)
    with open(here + "/states", "w") as file:
        json.dump(states[1:] or states, file)
    if states[0] in ("ABSENT", "DENIED"):
        reason = {"ABSENT": "NOT_FOUND: Resource was not found", "DENIED": "403"}
        sys.exit("ERROR: " + reason[states[0]])
    print(states[0])
if argv[:2] == ["config", "get-value"]:
    print(os.environ.get("PROJECT", "mine"))
if argv[2] == "tpu-vm":
    node = argv[5].split(":")[0] if argv[3] == "scp" else argv[4]
    slice = node.partition("-")[2]
    (worker,) = (word[9:] for word in argv if word.startswith("--worker="))
    code = 0
    for k in (0, 1) if worker == "all" else [int(worker)]:
        home = f"{here}/home{slice + '.' if slice else ''}{k}"
        if argv[3] == "scp":
            shutil.copy(argv[4], home + "/" + argv[5].split(":")[1])
        else:
            (command,) = (word[10:] for word in argv if word.startswith("--command="))
            env = dict(os.environ, HOME=home, WORKER=str(k))
            done = subprocess.run(["bash", "-c", command], cwd=home, env=env)
            code = done.returncode or code
    sys.exit(code)
"""


# The metadata of a machine, and Google's answers to it: each DELETE gets the next one
# of those set, the last one for ever.
CURL = """
here = os.environ["CLOUD"]
url = argv[-1]
if "metadata.google.internal" in url:
    key = url.rsplit("/", 1)[1]
    with open(here + "/metadata") as file:
        known = json.load(file)
    known["token"] = '{"access_token":"SECRET","expires_in":3599}'
    if key not in known:
        sys.exit(22)
    print(known[key])
elif "testIamPermissions" in url:
    print(os.environ.get("MAY", '{"permissions": ["tpu.nodes.delete"]}') + "\\n200")
else:
    with open(here + "/answers") as file:
        codes = json.load(file)
    with open(here + "/answers", "w") as file:
        json.dump(codes[1:] or codes, file)
    print("{}\\n" + str(codes[0]))
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

    training = TRAINING

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
        text = STUB.format(
            python=sys.executable, calls=str(self.log), play=play, modules=MODULES
        )
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
        """The runs of selfme_jax."""
        return [c for c in self.calls("python") if c.argv[1] in MODULES]

    def running(self, homes: list[Path]) -> list[int]:
        """Process ids of the runs that are going on, in checkouts of workers."""
        return running(homes)

    def wait_for(self, what, seconds: float = 20) -> None:
        """Until ``what()`` is true."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)


def running(homes):
    """Process ids of the runs that are going on."""
    pids = [int((p / "runs" / "pod.pid").read_text()) for p in homes]
    return [p for p in pids if os.path.exists(f"/proc/{p}/cmdline") and cmdline(p)]


def cmdline(pid):
    """Empty for a process that has ended and nobody asked about."""
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def cloud(stage):
    """The stage with gcloud; the states are those that it will say."""
    stage.cloud = stage.folder / "cloud"
    for home in ("0", "1", "0.0", "0.1", "1.0", "1.1"):
        (stage.cloud / f"home{home}").mkdir(parents=True)
    (stage.cloud / "metadata").write_text("{}")
    (stage.cloud / "answers").write_text("[200, 404]")
    stage.stub("curl", CURL)
    stage.env |= {"CLOUD": str(stage.cloud), "SELFME_TPU_POLL": "0"}
    stage.stub("gcloud", GCLOUD)
    stage.stub("hostname", "print('t1v-n-0a1b-w-' + os.environ['WORKER'])")
    stage.stub("python", TRAINING)
    stage.states = lambda *states: (stage.cloud / "states").write_text(
        json.dumps(states)
    )
    yield stage
    for file in stage.cloud.glob("*/selfme_jax/runs/pod.pid"):
        try:
            os.killpg(int(file.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.fixture
def checkout(cloud):
    """The tree as a git repository with one commit."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com"]
    (cloud.tree / ".gitignore").write_text(".venv*/\n/runs/\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=cloud.tree, check=True, env=cloud.env)
    return cloud
