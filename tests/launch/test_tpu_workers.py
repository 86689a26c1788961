"""launch/tpu_vm.sh and tpu_worker.sh, with two workers that are folders here."""

import sys

SCRIPT = "launch/tpu_vm.sh"
PLACE = ["--name=pod", "--zone=us-west4-a"]
RUN = ["--", "--config=configs/casme2.py", "--workdir=gs://bucket/it's a run"]
DELETE = "launch/tpu_vm.sh delete --name=pod --zone=us-west4-a"


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

    checkout.stub("tail", "print(open(argv[-1]).read(), end='')")
    done = checkout.run(SCRIPT, "logs", *PLACE, "--worker=all")
    assert all("-F" in c.argv for c in checkout.calls("tail"))
    assert "[0] training" in done.stdout
    assert "[1] training" in done.stdout

    for words in ("told process", "nothing is running"):
        done = checkout.run(SCRIPT, "stop", *PLACE)
        assert done.returncode == 0
        assert done.stdout.count(words) == 2
        ended = "ended with exit code 75"
        checkout.wait_for(lambda: all(ended in f.read_text() for f in logs))  # noqa: B023
        checkout.wait_for(lambda: not checkout.running(home))
    assert checkout.run(SCRIPT, "run", *PLACE, *RUN).returncode == 0  # resumes
    checkout.wait_for(lambda: len(checkout.mains()) == 4)


def test_slices_are_one_pod(checkout):
    """Two slices of two workers, side by side."""
    names = ["0.0", "0.1", "1.0", "1.1"]
    home = [checkout.cloud / f"home{name}" / "selfme_jax" for name in names]
    place = [*PLACE, "--slices=2"]
    done = checkout.run(SCRIPT, "setup", *place)
    assert done.returncode == 0, done.stderr
    assert all(f"[{name}] ready" in done.stdout for name in names)
    done = checkout.run(SCRIPT, "run", *place, "--", "tables", "--table=sota", RUN[2])
    assert done.returncode == 0, done.stderr
    logs = [p / "runs" / "pod.log" for p in home]
    checkout.wait_for(lambda: all("training" in f.read_text() for f in logs))
    mains = checkout.mains()
    assert [c.argv[1:3] for c in mains] == [["selfme_jax.tables", "--table=sota"]] * 4
    told = ("SELFME_POD", "SELFME_SLICES", "SELFME_SLICE", "WORKER")
    assert sorted(tuple(c.env[k] for k in told) for c in mains) == [
        ("auto", "2", *name.split(".")) for name in names
    ]
    checkout.stub("tail", "print(open(argv[-1]).read(), end='')")
    one = checkout.run(SCRIPT, "logs", *place, "--worker=1.0")
    assert "[1.0] training" in one.stdout
    assert one.stdout.count("training") == 1
    assert checkout.run(SCRIPT, "run", *place, *RUN).returncode == 2  # busy
    done = checkout.run(SCRIPT, "stop", *place)
    assert done.stdout.count("told process") == 4
    ended = "ended with exit code 75"
    checkout.wait_for(lambda: all(ended in f.read_text() for f in logs))
    checkout.wait_for(lambda: not checkout.running(home))


def test_one_busy_worker_stops_the_start_of_all(checkout):
    assert checkout.run(SCRIPT, "setup", *PLACE).returncode == 0
    home = checkout.cloud / "home1" / "selfme_jax"
    start = f"cd {home} && launch/tpu_worker.sh start main --config=x"
    assert checkout.run("bash", "-c", start, WORKER="1").returncode == 0
    checkout.wait_for(checkout.mains)
    for command in (["bash", "-c", start], [SCRIPT, "run", *PLACE, *RUN]):
        done = checkout.run(*command, WORKER="1")
        assert done.returncode == 2
        assert "[1] a run is going on" in done.stderr
    assert not (checkout.cloud / "home0" / "selfme_jax" / "runs").exists()


def test_a_worker_without_a_new_python_fetches_one(cloud):
    for name in ("python3.11", "python3.12", "python3.13"):
        cloud.stub(name, "sys.exit(127)")
    uv = f"""
place = os.environ["HOME"] + "/.local/bin"
os.makedirs(place, exist_ok=True)
with open(place + "/uv", "w") as file:
    file.write("#!/bin/sh\\n[ $2 != find ] || echo {cloud.bin}/python")
os.chmod(place + "/uv", 0o755)
"""
    cloud.stub("python3", uv)
    done = cloud.run("launch/tpu_worker.sh", "setup", PYTHON="", WORKER="0")
    assert done.returncode == 0, done.stderr
    (fetch,) = (c.argv for c in cloud.calls("python3"))
    assert fetch == ["-m", "pip", "install", "--quiet", "--user", "uv"]
    assert "[0] ready" in done.stdout
