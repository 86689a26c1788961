"""launch/slurm.sbatch, on two nodes that srun plays."""

import re
import shutil
import signal
import time
from pathlib import Path

import pytest

SCRIPT = "launch/slurm.sbatch"
RUN = ["--config=configs/casme2.py", "--workdir=runs/a b"]
JOB = {
    "SLURM_JOB_ID": "70001",
    "SLURM_JOB_NODELIST": "gpu[07,09]",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_CPUS_ON_NODE": "48",
}

# Two tasks, with what Slurm tells them. A SIGTERM to srun itself kills them.
SRUN = """
import signal, subprocess
command = argv[argv.index("bash"):]
tasks = []
for k in "01":
    env = dict(os.environ, SLURM_PROCID=k, SLURM_LOCALID="0")
    tasks.append(subprocess.Popen(command, env=env))
with open(os.environ["STEP"], "w") as file:
    json.dump([task.pid for task in tasks], file)
def end(number, frame):
    for task in tasks:
        task.kill()
signal.signal(signal.SIGTERM, end)
codes = [task.wait() for task in tasks]
sys.exit(max(code if code >= 0 else 128 - code for code in codes))
"""
SCANCEL = """
with open(os.environ["STEP"]) as file:
    for pid in json.load(file):
        os.kill(pid, 15)
"""
SCONTROL = """
if argv[:2] == ["show", "hostnames"]:
    print("gpu07\\ngpu09")
elif argv[:2] == ["show", "job"]:
    print("JobId=70001 JobName=selfme_jax\\n   JobState=" + os.environ["STATE"])
"""


@pytest.fixture
def slurm(stage):
    plays = {"srun": SRUN, "scancel": SCANCEL, "scontrol": SCONTROL}
    for name, play in plays.items():
        stage.stub(name, play)
    step = {"STEP": str(stage.folder / "step"), "STATE": "RUNNING"}
    stage.env |= JOB | step | {"SLURM_SUBMIT_DIR": str(stage.tree)}
    return stage


def spooled(stage):
    """The copy that Slurm makes and runs."""
    return shutil.copy(stage.tree / SCRIPT, stage.folder / "slurm_script")


def requeued(stage):
    return [c.argv for c in stage.calls("scontrol") if c.argv[0] == "requeue"]


def test_one_task_a_node_with_all_its_gpus(slurm):
    done = slurm.run("bash", spooled(slurm), *RUN)
    assert done.returncode == 0, done.stderr
    calls = slurm.mains()
    assert [c.argv[2:] for c in calls] == [RUN, RUN]
    assert {c.env["JAX_COORDINATOR_ADDRESS"] for c in calls} == {"gpu07:62178"}
    assert {c.env["JAX_NUM_PROCESSES"] for c in calls} == {"2"}
    assert {c.env["JAX_PROCESS_ID"] for c in calls} == {"0", "1"}
    assert not any("JAX_LOCAL_DEVICE_IDS" in c.env for c in calls)  # all are taken
    assert not any("SELFME_POD" in c.env for c in calls)
    (srun,) = slurm.calls("srun")
    assert "--ntasks-per-node=1" in srun.argv
    assert "--cpus-per-task=48" in srun.argv
    assert not requeued(slurm)
    (install,) = (c.argv for c in slurm.calls("python") if "install" in c.argv)
    assert install[-1] == ".[cuda]"


def test_sigterm_saves_and_queues_again(slurm):
    slurm.stub("python", slurm.training)
    process = slurm.start("bash", spooled(slurm), *RUN)
    slurm.wait_for(lambda: len(slurm.mains()) == 2)
    while "training" not in process.stdout.readline():
        pass
    assert "training" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 75, err  # not 137: srun was left alone
    assert [c.argv for c in slurm.calls("scancel")] == [["--signal=TERM", "70001"]]
    assert requeued(slurm) == [["requeue", "70001"]]


def test_preemption_told_to_the_tasks_alone_queues_again(slurm):
    slurm.stub("python", "os._exit(75)")
    assert slurm.run("bash", spooled(slurm), *RUN).returncode == 75
    assert requeued(slurm) == [["requeue", "70001"]]


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING", "PENDING"])
def test_what_was_cancelled_or_queued_already_is_not_queued(slurm, state):
    slurm.stub("python", "os._exit(75)")
    assert slurm.run("bash", spooled(slurm), *RUN, STATE=state).returncode == 75
    assert not requeued(slurm)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_failures_end_the_job(slurm, code):
    slurm.stub("python", f"os._exit({code})")
    done = slurm.run("bash", spooled(slurm), *RUN)
    assert done.returncode == code
    assert f"exit code {code}" in done.stderr
    assert not requeued(slurm)


def test_tables_run_as_well(slurm):
    done = slurm.run("bash", spooled(slurm), "tables", "--table=sota", *RUN)
    assert done.returncode == 0, done.stderr
    words = ["-m", "selfme_jax.tables", "--table=sota", *RUN]
    assert [c.argv for c in slurm.mains()] == [words] * 2


def test_a_run_that_was_still_starting_is_queued_again(slurm):
    """Python ends by SIGTERM itself until it can hear of it."""
    slurm.stub("python", "import time; print('on', flush=True); time.sleep(60)")
    process = slurm.start("bash", spooled(slurm), *RUN)
    slurm.wait_for(lambda: len(slurm.mains()) == 2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=40)
    assert process.returncode == 75
    assert requeued(slurm) == [["requeue", "70001"]]


def budget(slurm):
    return slurm.tree / "runs" / "slurm_70001.end"


def test_hours_are_written_down_once(slurm):
    for _ in range(2):
        slurm.stub("python", "os._exit(75)")
        done = slurm.run("bash", spooled(slurm), "--hours=3", *RUN)
        assert done.returncode == 75, done.stderr
    assert len(requeued(slurm)) == 2
    left = int(budget(slurm).read_text()) - time.time()
    assert 3 * 3600 - 120 < left <= 3 * 3600
    assert all("--hours=3" not in c.argv for c in slurm.mains())
    budget(slurm).write_text(str(int(time.time()) - 1))
    done = slurm.run("bash", spooled(slurm), "--hours=3", *RUN)
    assert done.returncode == 2
    assert "the 3 hours are over" in done.stderr
    assert len(slurm.mains()) == 4


def test_hours_that_end_save_and_do_not_queue_again(slurm):
    slurm.stub("python", slurm.training)
    budget(slurm).parent.mkdir()
    budget(slurm).write_text(str(int(time.time()) + 15))
    done = slurm.run("bash", spooled(slurm), "--hours=3", *RUN)
    assert done.returncode == 75
    assert "the 3 hours are over: saved" in done.stdout
    assert [c.argv for c in slurm.calls("scancel")] == [["--signal=TERM", "70001"]]
    assert not requeued(slurm)


def test_directives_stand_before_the_first_command():
    text = (Path(__file__).parents[2] / SCRIPT).read_text()
    head = text[: text.index("\nset -euo pipefail")]
    assert all(line.startswith("#") for line in head.splitlines())
    directives = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", text, re.M))
    assert head.count("#SBATCH") == text.count("#SBATCH") == len(directives)
    assert directives["signal"] == "B:TERM@120"
    assert directives["open-mode"] == "append"
    assert directives["ntasks-per-node"] == "1"
    assert directives["requeue"] == ""


def test_dry_run_by_hand(stage):
    done = stage.run("bash", SCRIPT, "--dry_run", *RUN)
    assert done.returncode == 0
    for words in (
        "+ scontrol show hostnames NODELIST",
        "+ env JAX_COORDINATOR_ADDRESS=FIRST_NODE:PORT JAX_NUM_PROCESSES=NODES srun",
        "-m selfme_jax.main --config=configs/casme2.py '--workdir=runs/a b'",
        "+ scancel --signal=TERM JOB",
        "+ scontrol requeue JOB",
    ):
        assert words in done.stdout
    assert not stage.calls()
    assert not (stage.tree / ".venv").exists()


def test_by_hand_says_how_to_submit(stage):
    for words in (RUN, []):
        done = stage.run("bash", SCRIPT, *words)
        assert done.returncode == 2
        assert "sbatch --nodes=N launch/slurm.sbatch" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_submitted_from_elsewhere_says_so(slurm):
    there = str(slurm.folder)
    done = slurm.run("bash", spooled(slurm), *RUN, SLURM_SUBMIT_DIR=there)
    assert done.returncode == 2
    assert "from the top of the checkout" in done.stderr
    assert not slurm.calls()
