"""docs/pods.md: each of its commands is run, against stubs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pods.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)
SCRIPTS = ("local_pod.sh", "tpu_vm.sh", "gke.sh", "slurm.sbatch", "fetch.sh")

GCLOUD = """
if "describe" in argv:
    there = os.path.exists(os.environ["HOME"] + "/made")
    print("ACTIVE") if there else sys.exit("NOT_FOUND")
if argv[0] == "config":
    print("mine")
if "queued-resources" in argv and "create" in argv:
    open(os.environ["HOME"] + "/made", "w").close()
"""
GIT = """
if argv[0] == "rev-parse":
    print("false" if argv[1].startswith("--is") else "0" * 40)
"""


@pytest.fixture
def user(stage):
    """Somebody with all the programs and with data, in the checkout."""
    for name in ("kubectl", "docker", "sbatch", "tensorboard"):
        stage.stub(name)
    stage.stub("gcloud", GCLOUD)
    stage.stub("git", GIT)
    (stage.tree / "data" / "casme2").mkdir(parents=True)
    return stage


def test_every_command_works(user):
    outputs = []
    for block in BLOCKS:
        done = user.run("bash", "-euo", "pipefail", "-c", block)
        assert done.returncode == 0, block + done.stderr
        outputs.append(done.stdout)
    lines = [" ".join([c.name, *c.argv]) for c in user.calls()]
    called = "\n".join(lines)
    tpu, slices = "gcloud compute tpus", "--zone=us-west4-a"
    for words in (
        f"{tpu} queued-resources create selfme --node-id=selfme {slices}",
        f"{tpu} tpu-vm scp",
        "launch/tpu_worker.sh setup",
        "selfme-hours=8 --metadata-from-file=startup-script=launch/tpu_guard.sh",
        "launch/tpu_worker.sh start --delete_after=projects/mine/locations/us-west4-a/"
        "queuedResources/selfme main --config=configs/synthetic.py",
        "launch/tpu_worker.sh logs",
        "launch/tpu_worker.sh stop",
        f"{tpu} queued-resources delete selfme {slices} --force",
        "docker build",
        "docker push us-docker.pkg.dev/",
        "kubectl apply --filename=-",
        "kubectl logs",
        "kubectl delete jobset selfme",
        "gcloud storage cp -r data/casme2 gs://BUCKET/data/",
        "gcloud storage buckets create gs://BUCKET --location=us-west4 ",
        "gcloud storage rsync gs://BUCKET/runs/synthetic runs/synthetic --recursive",
        "gcloud storage rsync gs://BUCKET/runs/casme2 casme2 --recursive",
        "tensorboard --logdir=gs://BUCKET/runs/casme2",
        "gcloud projects add-iam-policy-binding PROJECT --role=roles/tpu.admin",
        "python -m selfme_jax.export --workdir=gs://BUCKET/runs/casme2",
    ):
        assert words in called, words
    runs = sorted((call.argv[1], call.argv[-1]) for call in user.mains())
    assert runs == [
        ("selfme_jax.main", "--workdir=gs://BUCKET/runs/casme2"),
        *[("selfme_jax.main", "--workdir=runs/rehearsal")] * 2,
        *[("selfme_jax.tables", "--workdir=runs/tables")] * 2,
    ]
    printed = "".join(outputs)
    for words in ("--node-count=2 --node-prefix=two", "two-1", "replicas: 2"):
        assert words in printed
    jobs = [c.argv for c in user.calls("sbatch")]
    assert len(jobs) == 2
    for job in jobs:
        script = job.index("launch/slurm.sbatch")
        assert all(word.startswith("--") for word in job[:script])
        checked = user.run("bash", *job[script:], "--dry_run")
        assert checked.returncode == 0
    assert outputs[-2] == "24 chip-hours\n"
    assert "That is 24." in PAGE
    assert outputs[-1].splitlines() == [
        "8 chips: 3 rounds, 24 chips x rounds",
        "12 chips: 2 rounds, 24 chips x rounds",
        "16 chips: 2 rounds, 32 chips x rounds",
        "24 chips: 1 rounds, 24 chips x rounds",
    ]


def test_what_it_names_is_there():
    for path in set(re.findall(r"\b(?:launch|configs|tests)/[\w./]*\w", PAGE)):
        assert (ROOT / path).exists(), path
    for script in SCRIPTS:
        assert f"launch/{script}" in PAGE
        text = (ROOT / "launch" / script).read_text()
        assert "--dry_run" in text
    readme = (ROOT / "README.md").read_text()
    assert "docs/pods.md" in readme


def test_messages_it_quotes_are_those_of_the_scripts():
    texts = "".join(p.read_text() for p in (ROOT / "launch").iterdir())
    jobsets = "kubectl does not know this cluster's JobSets"
    texts += (ROOT / "selfme_jax" / "train" / "pod.py").read_text()
    slices, role = "machine belongs to a pod of 1", "roles/tpu.admin"
    texts = texts.replace("{found}", "1")
    known = ("a run is going on", "all workers must see it", jobsets, slices, role)
    for words in known:
        assert f"`{words}`" in PAGE
        assert words in texts
