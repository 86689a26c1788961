"""launch/local_pod.sh: what the processes get, and how they end."""

import signal
import subprocess
import sys

import pytest

SCRIPT = "launch/local_pod.sh"
CONFIG = "--config=configs/synthetic.py"

# Notes the signals that it gets and leaves at the first: 75 as a run that saved.
PATIENT = """
import signal, time
def leave(number, frame):
    note(signal=number, env=dict(os.environ))
    time.sleep(0.3 * int(os.environ["JAX_PROCESS_ID"]))  # the first ends first
    os._exit({15: 75, 2: 130}[number])
signal.signal(signal.SIGTERM, leave)
if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, leave)
open(os.environ["HOME"] + "/ready" + os.environ["JAX_PROCESS_ID"], "w").close()
print("ready", flush=True)
time.sleep(60)
"""


def test_processes_find_one_another(stage):
    stage.stub("python", 'print("one", flush=True); sys.stderr.write("two")')
    arguments = ["--", CONFIG, "--workdir=a b", "--config.x='$HOME'"]
    done = stage.run(SCRIPT, "3", *arguments, XLA_FLAGS="--a=1")
    assert (done.returncode, done.stderr) == (0, "")
    calls = stage.mains()
    assert all(c.argv == ["-m", "selfme_jax.main", *arguments[1:]] for c in calls)
    assert sorted(c.env["JAX_PROCESS_ID"] for c in calls) == ["0", "1", "2"]
    assert {c.env["JAX_NUM_PROCESSES"] for c in calls} == {"3"}
    (address,) = {c.env["JAX_COORDINATOR_ADDRESS"] for c in calls}
    host, port = address.split(":")
    assert host == "127.0.0.1"
    assert 1024 <= int(port) <= 65535
    # Without --devices a process has what there is.
    assert {c.env["XLA_FLAGS"] for c in calls} == {"--a=1"}
    assert not any("JAX_PLATFORMS" in c.env for c in calls)
    # A last line without an end is a line as well.
    lines = done.stdout.splitlines()
    for k in range(3):
        assert [line for line in lines if line.startswith(f"[{k}] ")] == [
            f"[{k}] one",
            f"[{k}] two",
        ]


def test_tables_run_as_well(stage):
    done = stage.run(SCRIPT, "2", "--", "tables", "--table=sota", CONFIG)
    assert done.returncode == 0, done.stderr
    words = ["-m", "selfme_jax.tables", "--table=sota", CONFIG]
    assert [c.argv for c in stage.mains()] == [words] * 2


def test_the_port_and_that_beside_it_are_free(stage):
    play = """
import socket
port = int(os.environ["JAX_COORDINATOR_ADDRESS"].split(":")[1])
with socket.socket() as one, socket.socket() as two:
    one.bind(("", port))
    two.bind(("", port + 1 if port < 65535 else port - 1))
"""
    stage.stub("python", play)
    done = stage.run(SCRIPT, "1", "--", CONFIG)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_printed_is_lost(stage):
    stage.stub("python", "print('x\\n' * 30000, end='')")
    with (stage.folder / "out").open("w+") as file:
        process = subprocess.Popen(
            [SCRIPT, "2", "--", CONFIG], cwd=stage.tree, env=stage.env, stdout=file
        )
        process.wait(timeout=30)
        file.seek(0)
        lines = file.read().splitlines()
    assert [lines.count(f"[{k}] x") for k in (0, 1)] == [30000, 30000]


def test_devices_are_those_of_the_cpu(stage):
    done = stage.run(SCRIPT, "1", "--devices=4", "--", CONFIG, XLA_FLAGS="--a=1")
    assert done.returncode == 0
    (call,) = stage.mains()
    flag = "--xla_force_host_platform_device_count=4"
    assert call.env["XLA_FLAGS"] == f"--a=1 {flag}"
    assert call.env["JAX_PLATFORMS"] == "cpu"


def test_installs_once(stage):
    for _ in range(2):
        assert stage.run(SCRIPT, "1", "--", CONFIG).returncode == 0
    assert sum("install" in c.argv for c in stage.calls("python")) == 1
    assert len(stage.mains()) == 2


def test_one_that_fails_ends_all_and_gives_the_exit_code(stage):
    failing = """
import time
if os.environ["JAX_PROCESS_ID"] == "1":
    while not all(os.path.exists(os.environ["HOME"] + "/ready" + k) for k in "02"):
        time.sleep(0.05)
    sys.exit(3)
"""
    stage.stub("python", failing + PATIENT)
    done = stage.run(SCRIPT, "3", "--", CONFIG)
    assert done.returncode == 3
    assert "process 1 ended with exit code 3" in done.stderr
    told = stage.calls("python", signals=True)
    assert sorted((c.env["JAX_PROCESS_ID"], c.signal) for c in told) == [
        ("0", signal.SIGTERM),
        ("2", signal.SIGTERM),
    ]


def test_one_that_is_killed_ends_even_those_that_do_not_listen(stage):
    deaf = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ["JAX_PROCESS_ID"] == "0":
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""
    stage.stub("python", deaf)
    done = stage.run(SCRIPT, "2", "--", CONFIG, SELFME_POD_GRACE="1")
    assert done.returncode == 128 + signal.SIGKILL
    (line,) = done.stderr.splitlines()
    assert line.startswith("process 0 ended with exit code 137")


def test_one_that_is_done_leaves_the_others_alone(stage):
    stage.stub(
        "python", "import time; time.sleep(0.4 * int(os.environ['JAX_PROCESS_ID']))"
    )
    assert stage.run(SCRIPT, "2", "--", CONFIG).returncode == 0
    assert not stage.calls(signals=True)


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_signals_reach_all_once(stage, number, code):
    stage.stub("python", PATIENT)
    process = stage.start(SCRIPT, "3", "--", CONFIG)
    lines = []
    while sum("ready" in line for line in lines) < 3:
        lines.append(process.stdout.readline())
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == code
    told = stage.calls("python", signals=True)
    assert sorted(c.env["JAX_PROCESS_ID"] for c in told) == ["0", "1", "2"]
    assert {c.signal for c in told} == {number}


def test_ctrl_c_in_a_terminal_reaches_all_once(stage):
    stage.stub("python", PATIENT)
    words = [SCRIPT, "2", "--", CONFIG]
    code = f"import os, pty; os._exit(os.waitstatus_to_exitcode(pty.spawn({words})))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=stage.tree,
        env=stage.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    lines = []
    while sum(b"ready" in line for line in lines) < 2:
        lines.append(process.stdout.readline())
    process.stdin.write(b"\x03")
    process.stdin.flush()
    process.communicate(timeout=20)
    assert process.returncode == 130
    told = stage.calls("python", signals=True)
    assert sorted((c.env["JAX_PROCESS_ID"], c.signal) for c in told) == [
        ("0", signal.SIGINT),
        ("1", signal.SIGINT),
    ]


def test_dry_run_prints_and_runs_nothing(stage):
    options = ["--devices=4", "--dry_run"]
    done = stage.run(SCRIPT, "2", *options, "--", CONFIG, "--workdir=a b")
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert "JAX_PROCESS_ID=0" in first
    assert "JAX_PROCESS_ID=1" in second
    assert first.endswith(f"-m selfme_jax.main {CONFIG} '--workdir=a b'")
    assert "device_count=4" in first
    assert not stage.calls()
    assert not (stage.tree / ".venv").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "how many processes"),
        (["0", "--", CONFIG], "how many processes"),
        (["two", "--", CONFIG], "how many processes"),
        (["2"], "nothing to run"),
        (["2", CONFIG], "unknown argument '--config=configs/synthetic.py'"),
        (["2", "--devices", "--", CONFIG], "unknown argument '--devices'"),
        (["2", "--devices=x", "--", CONFIG], "--devices=x"),
        (["2", "--dry_run=1", "--", CONFIG], "unknown argument"),
        (["2", "--", "export", CONFIG], "'export' does not run in a pod: give one of"),
        (["2", "--", "main tables"], "'main tables' does not run in a pod"),
    ],
)
def test_bad_arguments_are_one_line(stage, arguments, message):
    done = stage.run(SCRIPT, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not stage.calls()
