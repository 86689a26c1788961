"""launch/tpu_vm.sh: what gcloud is asked, and what becomes of its answers."""

import shutil

import pytest

SCRIPT = "launch/tpu_vm.sh"
PLACE = ["--name=pod", "--zone=us-west4-a"]
RUN = ["--", "--config=configs/casme2.py", "--workdir=gs://bucket/it's a run"]
DELETE = "launch/tpu_vm.sh delete --name=pod --zone=us-west4-a"


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


def test_several_slices_are_one_request(cloud):
    cloud.states("ABSENT", "ACTIVE")
    done = cloud.run(SCRIPT, "create", *PLACE, "--type=v4-32", "--slices=3")
    assert done.returncode == 0, done.stderr
    (command,) = made(cloud, "create")
    assert "--node-count=3" in command
    assert "--node-prefix=pod" in command
    assert not any(word.startswith("--node-id") for word in command)
    assert "pod: 48 chips" in done.stdout


def test_hours_go_to_the_machines_with_the_guard(cloud):
    cloud.states("ABSENT", "ACTIVE")
    done = cloud.run(SCRIPT, "create", *PLACE, "--type=v6e-16", "--hours=8")
    assert done.returncode == 0, done.stderr
    (command,) = made(cloud, "create")
    resource = "projects/mine/locations/us-west4-a/queuedResources/pod"
    assert f"--metadata=selfme-resource={resource},selfme-hours=8" in command
    assert "--metadata-from-file=startup-script=launch/tpu_guard.sh" in command
    assert "deleted 8 hours after its first boot" in done.stdout


@pytest.mark.parametrize("action", ["create --type=v6e-16 --hours=8", "run"])
def test_a_guard_must_know_the_project(cloud, action):
    cloud.states("ABSENT")
    action, *options = action.split()
    tail = ["--delete_after", *RUN] if action == "run" else []
    done = cloud.run(SCRIPT, action, *PLACE, *options, *tail, PROJECT="")
    assert done.returncode == 2
    assert "--project=... is missing" in done.stderr
    assert not made(cloud, "create")
    assert not made(cloud, "ssh")


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
        ("logs --name=pod --zone=z --slices=2 --worker=2.0", "slices 0 to 1"),
        ("stop --name=pod --zone=z --slices=two", "--slices=two"),
        ("create --name=pod --zone=z --type=v6e-8 --hours=0", "--hours=0"),
        ("setup --name=pod --zone=z --hours=8", "unknown argument '--hours=8'"),
        ("run --name=pod --zone=z -- prepare casme2", "'prepare' does not run"),
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
