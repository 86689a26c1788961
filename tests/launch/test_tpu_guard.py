"""What ends a TPU VM from its own machines, whatever became of whoever started it."""

import json
import subprocess
import sys
import threading

import pytest

SCRIPT = "launch/tpu_vm.sh"
GUARD = "launch/tpu_guard.sh"
PLACE = ["--name=pod", "--zone=us-west4-a"]
RESOURCE = "projects/mine/locations/us-west4-a/queuedResources/pod"
URL = f"https://tpu.googleapis.com/v2/{RESOURCE}?force=true"

# A clock that sleep moves on.
DATE = """
with open(os.environ["CLOUD"] + "/clock") as file:
    print(file.read() if argv == ["+%s"] else "2026-01-01 12:00:00")
"""
SLEEP = """
with open(os.environ["CLOUD"] + "/clock") as file:
    now = int(file.read())
with open(os.environ["CLOUD"] + "/clock", "w") as file:
    file.write(str(now + int(argv[0])))
"""


def deletions(stage):
    return [c for c in stage.calls("curl") if "DELETE" in c.argv]


@pytest.fixture
def booted(cloud):
    """A machine at its first boot, at 1000 s, with a budget of three hours."""
    (cloud.cloud / "clock").write_text("1000")
    metadata = {"selfme-hours": "3", "selfme-resource": RESOURCE}
    (cloud.cloud / "metadata").write_text(json.dumps(metadata))
    cloud.stub("date", DATE)
    cloud.stub("sleep", SLEEP)
    cloud.env |= {
        "SELFME_GUARD_STATE": str(cloud.folder / "state"),
        "SELFME_GUARD_HOMES": str(cloud.folder / "homes"),
    }
    return cloud


def test_when_the_hours_are_over_it_saves_and_deletes(booted):
    runs = booted.folder / "homes" / "me" / "selfme_jax" / "runs"
    runs.mkdir(parents=True)
    saving = (
        "import os, signal, sys, time\n"
        "signal.signal(15, lambda *_: (open(sys.argv[1], 'w'), os._exit(75)))\n"
        "print('ready', flush=True); time.sleep(100)"
    )
    saved = booted.folder / "saved"
    process = subprocess.Popen(
        [sys.executable, "-c", saving, str(saved)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    process.stdout.readline()
    threading.Thread(target=process.wait).start()
    (runs / "pod.pid").write_text(str(process.pid))
    done = booted.run(GUARD)
    assert done.returncode == 0, done.stderr
    assert booted.calls("sleep")[0].argv == [str(3 * 3600)]
    assert saved.exists()
    first, _ = deletions(booted)  # the second one hears that it is gone
    assert first.argv[-1] == URL
    assert "SECRET" not in " ".join(first.argv)  # who looks at ps learns nothing
    assert 'header = "Authorization: Bearer SECRET"' in first.stdin


def test_another_boot_does_not_begin_to_count_again(booted):
    (booted.folder / "state").mkdir()
    (booted.folder / "state" / "end").write_text("1200")
    assert booted.run(GUARD).returncode == 0
    assert booted.calls("sleep")[0].argv == ["200"]
    assert deletions(booted)


def test_it_goes_on_trying(booted):
    (booted.cloud / "answers").write_text("[403, 500, 200, 404]")
    done = booted.run(GUARD, "delete", RESOURCE)
    assert done.returncode == 0
    assert len(deletions(booted)) == 4
    assert done.stdout.count("cannot delete") == 2


@pytest.fixture
def ready(checkout):
    """Two workers on which all is installed, whose sleeps take no time."""
    checkout.stub("sleep", "")
    checkout.workdir = checkout.folder / "workdir"
    checkout.workdir.mkdir()

    def begin(play, **env):
        checkout.stub("python", play)
        assert checkout.run(SCRIPT, "setup", *PLACE).returncode == 0
        tail = ["--", "--config=x", f"--workdir={checkout.workdir}"]
        return checkout.run(SCRIPT, "run", *PLACE, "--delete_after", *tail, **env)

    checkout.begin = begin
    return checkout


@pytest.mark.parametrize("code", [0, 1, 3, 75])
def test_however_a_run_ends_the_machines_are_deleted(ready, code):
    done = ready.begin(f"print('it was here', flush=True); os._exit({code})")
    assert done.returncode == 0, done.stderr
    assert "the machines are deleted" in done.stdout
    ready.wait_for(lambda: len(deletions(ready)) >= 3, 40)
    assert {c.argv[-1] for c in deletions(ready)} == {URL}
    # The other worker waits: it would take the machines from one that keeps its log.
    assert ["300"] in [c.argv for c in ready.calls("sleep") if c.env["WORKER"] == "1"]
    assert not [c for c in ready.calls("sleep") if c.argv == ["300"]][1:]
    assert "it was here" in (ready.workdir / "pod_0.log").read_text()


def test_what_was_stopped_stays(ready):
    assert ready.begin(ready.training).returncode == 0
    home = [ready.cloud / f"home{k}" / "selfme_jax" for k in (0, 1)]
    logs = [place / "runs" / "pod.log" for place in home]
    ready.wait_for(lambda: all("training" in file.read_text() for file in logs))
    assert ready.run(SCRIPT, "stop", *PLACE).returncode == 0
    ready.wait_for(lambda: not ready.running(home), 40)
    assert all("ended with exit code 75" in file.read_text() for file in logs)
    assert not deletions(ready)


def test_machines_that_may_not_delete_themselves_are_named_before_the_run(ready):
    done = ready.begin(ready.training, MAY="{}")
    assert done.returncode == 2
    assert "roles/tpu.admin" in done.stderr
    assert not ready.mains()


def test_a_budget_that_nothing_would_end_is_named_by_setup(checkout):
    metadata = {"selfme-hours": "3", "selfme-resource": RESOURCE}
    (checkout.cloud / "metadata").write_text(json.dumps(metadata))
    assert checkout.run(SCRIPT, "setup", *PLACE).returncode == 0
    done = checkout.run(SCRIPT, "setup", *PLACE, MAY="{}")
    assert done.returncode == 2
    assert "roles/tpu.admin" in done.stderr
