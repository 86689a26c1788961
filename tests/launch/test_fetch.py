"""launch/fetch.sh: what comes back from a bucket."""

import re

import pytest

SCRIPT = "launch/fetch.sh"


def test_reports_and_results_come_without_checkpoints(stage):
    stage.stub("gcloud", "open(argv[3] + '/report.html', 'w').close()")
    done = stage.run(SCRIPT, "gs://bucket/runs/casme2/", "--output=here")
    assert done.returncode == 0, done.stderr
    assert "here/report.html" in done.stdout
    (call,) = stage.calls("gcloud")
    source, target, *options = call.argv[2:]
    assert call.argv[:2] == ["storage", "rsync"]
    assert (source, target) == ("gs://bucket/runs/casme2", "here")
    assert "--recursive" in options
    (excluded,) = (word[10:] for word in options if word.startswith("--exclude="))
    patterns = excluded.split(",")

    def left(path):
        return any(re.match(pattern, path) for pattern in patterns)

    stay = ("checkpoints/motion/0000/3/x", "cells/vit_0a/checkpoints/y", "flow.npy")
    come = ("report.html", "results.json", "cells/vit_0a/predictions.csv")
    assert all(map(left, (*stay, "motion/1b/inputs.npy")))
    assert not any(map(left, (*come, "figures/roc.png", "pod_0.log", "sota/table.csv")))


def test_by_default_it_goes_to_runs(stage):
    done = stage.run(SCRIPT, "gs://bucket/runs/casme2", "--dry_run")
    assert done.returncode == 0
    assert "+ gcloud storage rsync gs://bucket/runs/casme2 runs/casme2" in done.stdout
    assert not (stage.tree / "runs").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "which workdir?"),
        (["runs/casme2"], "which workdir?"),
        (["gs://bucket"], "which workdir?"),
        (["gs://bucket/d", "--to=x"], "unknown argument '--to=x'"),
        (["gs://bucket/d", "--output="], "--output=... is empty"),
    ],
)
def test_bad_arguments_are_one_line(stage, words, message):
    stage.stub("gcloud")
    done = stage.run(SCRIPT, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not stage.calls()
