"""launch/gke.sh: the manifest, and what kubectl is asked."""

import subprocess
import sys
import time

import pytest
import yaml

SCRIPT = "launch/gke.sh"
SLICE = [
    *("--name=pod", "--image=repo/selfme:1"),
    *("--accelerator=tpu-v6e-slice", "--topology=4x4"),
]
RUN = ["--", "--config=configs/casme2.py", "--workdir=gs://bucket/run"]
DELETE = "launch/gke.sh delete --name=pod"


def manifest(stage, *options, tail=RUN):
    """What apply gives kubectl, parsed."""
    done = stage.run(SCRIPT, "apply", *SLICE, *options, *tail)
    assert done.returncode == 0, done.stderr
    (call,) = (c for c in stage.calls("kubectl") if c.argv[0] == "apply")
    return yaml.safe_load(call.stdin)


def job(document):
    """The spec of its one job."""
    (job,) = document["spec"]["replicatedJobs"]
    assert job["replicas"] in (1, 3)
    return job["template"]["spec"]


def container(document):
    (container,) = job(document)["template"]["spec"]["containers"]
    return container


@pytest.fixture
def cluster(stage):
    stage.stub("kubectl")
    return stage


def test_manifest_is_one_slice(cluster):
    document = manifest(cluster, "--topology=2x2x4")
    assert document["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
    assert document["kind"] == "JobSet"
    assert document["metadata"]["name"] == "pod"
    spec = job(document)
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == 4  # 16 chips, 4 a host
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["template"]["spec"]["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice",
        "cloud.google.com/gke-tpu-topology": "2x2x4",
    }
    box = container(document)
    assert box["image"] == "repo/selfme:1"
    assert box["command"] + box["args"] == ["python", "-m", "selfme_jax.main", *RUN[1:]]
    env = {row["name"]: row["value"] for row in box["env"]}
    assert env == {
        "SELFME_POD": "auto",
        "SELFME_POD_TIMEOUT": "1800",
        "SELFME_SLICES": "1",
    }
    assert "hostNetwork" not in spec["template"]["spec"]
    assert "activeDeadlineSeconds" not in spec
    assert document["spec"]["ttlSecondsAfterFinished"] == 24 * 3600
    assert box["resources"] == {
        "requests": {"google.com/tpu": 4},
        "limits": {"google.com/tpu": 4},
    }


def test_one_host_of_eight_chips(cluster):
    document = manifest(cluster, "--topology=2x4", "--chips_per_host=8")
    assert job(document)["completions"] == 1
    assert container(document)["resources"]["limits"] == {"google.com/tpu": 8}


def test_spot_machines_are_asked_for_and_tolerated(cluster):
    pod = job(manifest(cluster, "--spot"))["template"]["spec"]
    assert pod["nodeSelector"]["cloud.google.com/gke-spot"] == "true"
    (toleration,) = pod["tolerations"]
    assert toleration["key"] == "cloud.google.com/gke-spot"
    assert toleration["value"] == "true"


def test_several_slices_are_one_jobset(cluster):
    document = manifest(cluster, "--slices=3")
    (slices,) = document["spec"]["replicatedJobs"]
    assert slices["replicas"] == 3
    spec = job(document)
    assert spec["completions"] == 4  # of each
    assert spec["template"]["spec"]["hostNetwork"] is True
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirstWithHostNet"
    env = {row["name"]: row["value"] for row in container(document)["env"]}
    assert env["SELFME_SLICES"] == "3"
    done = cluster.run(SCRIPT, "apply", *SLICE, "--slices=3", *RUN)
    assert "pod: 48 chips on 12 hosts, so 48 chip-hours" in done.stdout


def test_tables_run_as_well(cluster):
    box = container(manifest(cluster, tail=["--", "tables", "--table=sota", *RUN[2:]]))
    assert box["command"] == ["python", "-m", "selfme_jax.tables"]
    assert box["args"] == ["--table=sota", *RUN[2:]]


def test_clips_are_answered_as_well(cluster):
    words = ["gs://b/clips", "--output=gs://b/answers"]
    box = container(manifest(cluster, tail=["--", "predict", *words]))
    assert box["command"] == ["python", "-m", "selfme_jax.predict"]
    assert box["args"] == words


def test_hours_end_the_run(cluster):
    """The end is a time: restarts do not begin to count again."""
    before = time.time()
    document = manifest(cluster, "--hours=3")
    assert job(document)["activeDeadlineSeconds"] == 3 * 3600 + 300
    rules = document["spec"]["failurePolicy"]["rules"]
    assert any("DeadlineExceeded" in r["onJobFailureReasons"] for r in rules)
    *shell, end, python, _, module = container(document)["command"]
    assert abs(int(end) - before - 3 * 3600) < 60
    assert (python, module) == ("python", "selfme_jax.main")
    shell = [word.replace("$$(", "$(") for word in shell]

    def run(end, script):
        words = [*shell, str(int(end)), sys.executable, "-c", script]
        return subprocess.run(words, timeout=60).returncode

    assert run(time.time() + 60, "raise SystemExit(75)") == 75
    assert run(time.time() - 1, "raise SystemExit(0)") == 124
    assert run(time.time() + 3, "import time; time.sleep(60)") == 124
    assert outcome(document, 124) == "FailJobSet"


def test_sigterm_reaches_the_run_through_the_guard(cluster):
    *shell, _, _, _, _ = container(manifest(cluster, "--hours=3"))["command"]
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(75));"
        "print('ready', flush=True); time.sleep(60)"
    )
    words = [word.replace("$$(", "$(") for word in shell]
    words += [str(int(time.time()) + 100), sys.executable, "-c", script]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.terminate()
    assert process.wait(timeout=20) == 75


def outcome(document, code):
    """What Kubernetes and JobSet, read as they are specified, do when a pod fails."""
    spec, policy = job(document), document["spec"]["failurePolicy"]
    assert spec["backoffLimit"] == 0
    reason = "BackoffLimitExceeded"
    for rule in spec["podFailurePolicy"]["rules"]:
        codes = rule["onExitCodes"]
        assert codes["containerName"] == container(document)["name"]
        assert codes["values"] == sorted(codes["values"])  # or it is refused
        assert (codes["operator"], rule["action"]) == ("In", "FailJob")
        if code in codes["values"]:
            reason = "PodFailurePolicy"
    for rule in policy["rules"]:
        assert rule["name"].isalpha()
        if reason in rule["onJobFailureReasons"]:
            return rule["action"]
    return f"RestartJobSet up to {policy['maxRestarts']}"


@pytest.mark.parametrize("code", [2, 3])
def test_what_would_fail_again_is_not_restarted(cluster, code):
    assert outcome(manifest(cluster), code) == "FailJobSet"


@pytest.mark.parametrize("code", [75, 1, 134, 137, 143])
def test_preemption_and_crashes_restart(cluster, code):
    restarts = outcome(manifest(cluster, "--max_restarts=5"), code)
    assert restarts == "RestartJobSet up to 5"


def test_arguments_arrive_as_they_are(cluster):
    words = ["--workdir=gs://b/d", '--config.x="a b"', r"--y=\n", "--z=$(HOME): #"]
    args = container(manifest(cluster, tail=["--", *words]))["args"]
    # Kubernetes writes $( for $$( and expands no more.
    assert [word.replace("$$(", "$(") for word in args] == words
    assert args[-1] == "--z=$$(HOME): #"


def test_apply_twice(cluster):
    done = cluster.run(SCRIPT, "apply", *SLICE, *RUN)
    assert "pod: 16 chips on 4 hosts, so 16 chip-hours an hour" in done.stdout
    assert done.stdout.splitlines()[-1] == DELETE
    there = "if argv[0] == 'get': print('jobset.jobset.x-k8s.io/pod')"
    cluster.stub("kubectl", there)
    again = cluster.run(SCRIPT, "apply", *SLICE, *RUN)
    assert again.returncode == 0
    assert "is there already" in again.stdout
    assert again.stdout.splitlines()[-1] == DELETE
    assert [c.argv[0] for c in cluster.calls("kubectl")] == ["get", "apply", "get"]


def test_a_cluster_without_jobsets_is_named(stage):
    stage.stub("kubectl", "sys.exit('the server doesn\\'t have a resource type')")
    done = stage.run(SCRIPT, "apply", *SLICE, *RUN)
    assert done.returncode == 2
    assert "docs/pods.md" in done.stderr
    assert [c.argv[0] for c in stage.calls("kubectl")] == ["get"]


def test_logs_and_delete(cluster):
    place = ["--name=pod", "--namespace=lab"]
    for worker in ([], ["--worker=all"], ["--worker=2.1"]):
        assert cluster.run(SCRIPT, "logs", *worker, *place).returncode == 0
    assert cluster.run(SCRIPT, "delete", *place).returncode == 0
    first, every, third, delete = (c.argv for c in cluster.calls("kubectl"))
    label = "--selector=jobset.sigs.k8s.io/jobset-name=pod"
    slice, index = "jobset.sigs.k8s.io/job-index", "batch.kubernetes.io/job-completion"
    assert f"{label},{slice}=0,{index}-index=0" in first
    assert f"{label},{slice}=2,{index}-index=1" in third
    assert label in every
    assert "--follow" in first
    assert delete == ["delete", "jobset", "pod", place[1], "--ignore-not-found"]
    assert "--namespace=lab" in first


@pytest.mark.parametrize("action", ["apply", "logs", "delete"])
def test_dry_run_prints_what_would_be_run(cluster, action):
    options, tail = (SLICE, RUN) if action == "apply" else (["--name=pod"], [])
    done = cluster.run(SCRIPT, action, *options, "--dry_run", *tail)
    assert done.returncode == 0
    assert not cluster.calls()
    printed = [s for s in done.stdout.splitlines() if s.startswith("+ ")]
    if action == "apply":
        text = done.stdout.split("--filename=-\n")[1].split("\npod: ")[0]
        assert yaml.safe_load(text) == manifest(cluster)
    else:
        cluster.run(SCRIPT, action, *options)
    ran = ["+ kubectl " + " ".join(c.argv) for c in cluster.calls("kubectl")]
    assert printed == ran


@pytest.mark.parametrize(
    "words, message",
    [
        ("", "apply|logs|delete"),
        ("create --name=pod", "apply|logs|delete"),
        ("delete", "--name=... is missing"),
        ("delete --name=Pod", "--name=Pod"),
        ("delete --name=pod --image=x", "unknown argument '--image=x'"),
        ("delete --name=pod -- --config=x", "only apply takes"),
        ("logs --name=pod --worker=-1", "--worker=-1"),
        ("apply --name=pod", "SELFME_GKE_IMAGE"),
        ("apply --name=pod --image=i --accelerator=tpu", "--topology=... is missing"),
        ("{slice} --topology=16", "--topology=16"),
        ("{slice} --topology=2x3", "6 chips do not divide"),
        ("{slice} --max_restarts=many", "--max_restarts=many"),
        ("{slice} --slices=0", "--slices=0"),
        ("{slice} --hours=1.5", "--hours=1.5"),
        ("{slice} -- export --workdir=gs://b/d", "'export' does not run in a pod"),
        ("{slice}", "all workers must see it"),
        ("{slice} -- --config=x --workdir=runs/x", "all workers must see it"),
        ("{slice} -- predict gs://b/c --workdir=gs://b/d", "--output=gs://BUCKET/DIR"),
    ],
)
def test_bad_arguments_are_one_line(cluster, words, message):
    words = words.format(slice=" ".join(["apply", *SLICE]))
    done = cluster.run(SCRIPT, *words.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not cluster.calls()
