"""launch/tpu_vm.sh and tpu_worker.sh, against two workers that are folders here."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

SCRIPT = "launch/tpu_vm.sh"
PLACE = ["--name=pod", "--zone=us-west4-a"]
RUN = ["--", "--config=configs/casme2.py", "--workdir=gs://bucket/it's a run"]
DELETE = "launch/tpu_vm.sh delete --name=pod --zone=us-west4-a"

# Describe says the states in turn, the last one for ever. scp and ssh act on folders.
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
if argv[2] == "tpu-vm":
    (worker,) = (word[9:] for word in argv if word.startswith("--worker="))
    code = 0
    for k in (0, 1) if worker == "all" else [int(worker)]:
        home = f"{here}/home{k}"
        if argv[3] == "scp":
            shutil.copy(argv[4], home + "/" + argv[5].split(":")[1])
        else:
            (command,) = (word[10:] for word in argv if word.startswith("--command="))
            env = dict(os.environ, HOME=home, WORKER=str(k))
            done = subprocess.Popen(
                ["bash", "-c", command], cwd=home, env=env, start_new_session=True
            )
            try:
                code = done.wait(0.5 if command.endswith("logs") else None) or code
            except subprocess.TimeoutExpired:  # logs follows for ever
                os.killpg(done.pid, 9)
    sys.exit(code)
"""
# A run that saves and ends when it is told to.
TRAINING = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(75))
print("training", flush=True)
time.sleep(60)
"""


@pytest.fixture
def cloud(stage):
    """The stage with gcloud; the states are those that it will say."""
    stage.cloud = stage.folder / "cloud"
    for k in (0, 1):
        (stage.cloud / f"home{k}").mkdir(parents=True)
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


def made(stage, what):
    """Arguments of the gcloud commands of that kind."""
    return [c.argv for c in stage.calls("gcloud") if what in c.argv[:4]]


def test_create_asks_once_and_waits(cloud):
    cloud.states("ABSENT", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE")
    done = cloud.run(SCRIPT, "create", *PLACE, "--type=v5litepod-16", "--spot")
    assert done.returncode == 0, done.stderr
    (command,) = made(cloud, "create")
    assert command == [
        *("compute", "tpus", "queued-resources", "create", "pod", "--node-id=pod"),
        *("--zone=us-west4-a", "--accelerator-type=v5litepod-16"),
        *("--runtime-version=v2-alpha-tpuv5-lite", "--spot"),
    ]
    assert "WAITING_FOR_RESOURCES" in done.stdout
    assert "16 chips, so 16 chip-hours an hour" in done.stdout
    assert done.stdout.splitlines()[-1] == DELETE
    again = cloud.run(SCRIPT, "create", *PLACE, "--type=v5litepod-16", "--spot")
    assert again.returncode == 0
    assert "pod is there already: ACTIVE" in again.stdout
    assert again.stdout.splitlines()[-1] == DELETE
    assert len(made(cloud, "create")) == 1


@pytest.mark.parametrize(
    "kind, software, chips",
    [
        ("v4-32", "tpu-ubuntu2204-base", 16),
        ("v5p-8", "v2-alpha-tpuv5", 4),
        ("v6e-16", "v2-alpha-tpuv6e", 16),
    ],
)
def test_types_bring_their_software_and_chips(cloud, kind, software, chips):
    cloud.states("ABSENT", "ACTIVE")
    options = ["--project=mine", f"--type={kind}"]
    done = cloud.run(SCRIPT, "create", *PLACE, *options)
    (command,) = made(cloud, "create")
    assert f"--runtime-version={software}" in command
    assert "--spot" not in command
    assert all("--project=mine" in c.argv for c in cloud.calls("gcloud"))
    assert f"pod: {chips} chips" in done.stdout
    assert done.stdout.splitlines()[-1] == DELETE + " --project=mine"


@pytest.mark.parametrize("state", ["SUSPENDED", "FAILED"])
def test_what_was_taken_back_is_to_be_deleted(cloud, state):
    cloud.states(state)
    done = cloud.run(SCRIPT, "create", *PLACE, "--type=v6e-16")
    assert done.returncode == 1
    assert f"pod is {state}" in done.stderr
    assert done.stderr.splitlines()[-1] == DELETE
    assert not made(cloud, "create")


def test_waiting_ends_with_the_remedy(cloud):
    cloud.states("ABSENT", "WAITING_FOR_RESOURCES")
    done = cloud.run(SCRIPT, "create", *PLACE, "--type=v6e-16", "--wait=0")
    assert done.returncode == 1
    assert "WAITING_FOR_RESOURCES after 0 minutes. It stays in the queue" in done.stderr
    assert done.stderr.splitlines()[-1] == DELETE


def test_what_gcloud_refuses_is_no_absence(cloud):
    cloud.states("DENIED")
    for action in (["create", "--type=v6e-16"], ["delete"]):
        done = cloud.run(SCRIPT, *action, *PLACE)
        assert done.returncode == 1
        assert "403" in done.stderr
    assert not made(cloud, "create")
    assert not made(cloud, "delete")


def test_delete_twice(cloud):
    cloud.states("ACTIVE", "ABSENT")
    assert cloud.run(SCRIPT, "delete", *PLACE).returncode == 0
    again = cloud.run(SCRIPT, "delete", *PLACE)
    assert again.returncode == 0
    assert "nothing to delete" in again.stdout
    (command,) = made(cloud, "delete")
    assert command[4:] == ["pod", "--zone=us-west4-a", "--force", "--quiet"]


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


def test_from_setup_to_stop(checkout):
    home = [checkout.cloud / f"home{k}" / "selfme_jax" for k in (0, 1)]
    logs = [place / "runs" / "pod.log" for place in home]
    (checkout.tree / "launch" / "demo.sh").write_text("changed")

    early = checkout.run(SCRIPT, "run", *PLACE, *RUN)
    assert early.returncode != 0  # there is no checkout yet

    for _ in range(2):
        done = checkout.run(SCRIPT, "setup", *PLACE)
        assert done.returncode == 0, done.stderr
        assert "not committed stay here" in done.stdout
        assert "[0] ready" in done.stdout
        assert "[1] ready" in done.stdout
        assert done.stdout.splitlines()[-1] == DELETE
    assert all((p / "launch/demo.sh").read_text() != "changed" for p in home)
    installs = [c.argv for c in checkout.calls("python") if "install" in c.argv]
    assert len(installs) == 2  # one a worker
    version = "{}.{}".format(*sys.version_info)
    for words in installs:
        assert f"constraints/py{version}.txt" in words
        assert words[-1] == ".[tpu]"

    done = checkout.run(SCRIPT, "run", *PLACE, *RUN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == DELETE
    checkout.wait_for(lambda: all("training" in f.read_text() for f in logs))
    mains = checkout.mains()
    assert [c.argv[2:] for c in mains] == [RUN[1:]] * 2
    assert {c.env["SELFME_POD"] for c in mains} == {"auto"}
    assert {c.env["WORKER"] for c in mains} == {"0", "1"}

    for action in (["run", *PLACE, *RUN], ["setup", *PLACE]):  # while it runs
        done = checkout.run(SCRIPT, *action)
        assert done.returncode == 2
        assert "a run is going on" in done.stderr
    assert len(checkout.mains()) == 2

    done = checkout.run(SCRIPT, "logs", *PLACE, "--worker=all")
    assert "[0] training" in done.stdout
    assert "[1] training" in done.stdout

    for words in ("told process", "nothing is running"):
        done = checkout.run(SCRIPT, "stop", *PLACE)
        assert done.returncode == 0
        assert done.stdout.count(words) == 2
        ended = "ended with exit code 75"
        checkout.wait_for(lambda: all(ended in f.read_text() for f in logs))  # noqa: B023
        checkout.wait_for(lambda: not running(home))
    assert checkout.run(SCRIPT, "run", *PLACE, *RUN).returncode == 0  # resumes
    checkout.wait_for(lambda: len(checkout.mains()) == 4)


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


def test_one_busy_worker_stops_the_start_of_all(checkout):
    assert checkout.run(SCRIPT, "setup", *PLACE).returncode == 0
    home = checkout.cloud / "home1" / "selfme_jax"
    start = f"cd {home} && launch/tpu_worker.sh start --config=x"
    assert checkout.run("bash", "-c", start, WORKER="1").returncode == 0
    checkout.wait_for(checkout.mains)
    for command in (["bash", "-c", start], [SCRIPT, "run", *PLACE, *RUN]):
        done = checkout.run(*command, WORKER="1")
        assert done.returncode == 2
        assert "[1] a run is going on" in done.stderr
    assert not (checkout.cloud / "home0" / "selfme_jax" / "runs").exists()


@pytest.mark.parametrize(
    "action", ["create --type=v6e-16 --spot", "setup", "run", "logs", "stop", "delete"]
)
def test_dry_run_prints_what_would_be_run(checkout, action):
    action, *options = action.split()
    tail = RUN if action == "run" else []
    done = checkout.run(SCRIPT, action, *PLACE, *options, "--dry_run", *tail)
    assert done.returncode == 0, done.stderr
    assert not checkout.calls()
    printed = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert printed
    checkout.states("ABSENT" if action == "create" else "ACTIVE", "ACTIVE")
    if action in ("create", "delete"):  # what is printed is what is run
        checkout.run(SCRIPT, action, *PLACE, *options)
        ran = ["+ gcloud " + " ".join(c.argv) for c in checkout.calls("gcloud")]
        assert [line.replace("'", "") for line in printed] == ran


def test_environment_stands_in_for_options(cloud):
    env = {
        "SELFME_TPU_NAME": "mine",
        "SELFME_TPU_ZONE": "z",
        "SELFME_TPU_TYPE": "v6e-8",
    }
    done = cloud.run(SCRIPT, "create", "--dry_run", **env)
    assert done.returncode == 0
    assert "create mine --node-id=mine --zone=z --accelerator-type=v6e-8" in done.stdout


@pytest.mark.parametrize(
    "words, message",
    [
        ("", "create|setup|run|logs|stop|delete"),
        ("start --name=pod --zone=z", "create|setup|run|logs|stop|delete"),
        ("create --zone=z --type=v6e-16", "--name=... is missing"),
        ("create --name=pod --type=v6e-16", "SELFME_TPU_ZONE"),
        ("create --name=pod --zone=z", "--type=... is missing"),
        ("create --name=pod --zone=z --type=h100", "--type=h100"),
        ("create --name=pod --zone=z --type=v9x-8", "Give --runtime"),
        ("create --name=pod --zone=z --type=v6e-8 --wait=1h", "--wait=1h"),
        ("create --name=my_pod --zone=z --type=v6e-8", "--name=my_pod"),
        ("create --name=pod --zone=z --tpye=v6e-8", "unknown argument '--tpye=v6e-8'"),
        ("delete --name=pod --zone=z --spot", "unknown argument '--spot'"),
        ("logs --name=pod --zone=z --worker=one", "--worker=one"),
        ("stop --name=pod --zone=z -- --config=x", "only run takes"),
        ("run --name=pod --zone=z", "nothing to run"),
        ("run --name=pod --zone=z -- --config=x", "all workers must see it"),
        ("run --name=pod --zone=z -- --workdir=runs/x", "all workers must see it"),
    ],
)
def test_bad_arguments_are_one_line(cloud, words, message):
    done = cloud.run(SCRIPT, *words.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not cloud.calls()


def test_without_gcloud_says_so(stage):
    few = stage.folder / "few"
    few.mkdir()
    for name in ("bash", "dirname", "env"):
        (few / name).symlink_to(shutil.which(name))
    done = stage.run(SCRIPT, "delete", *PLACE, PATH=str(few))
    assert done.returncode == 2
    assert "no gcloud here" in done.stderr
