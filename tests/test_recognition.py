"""Whom motion learning has met: what saw_test_subject stands on."""

import json

import pytest

from selfme_jax import recognition
from selfme_jax.data import manifest
from selfme_jax.types import Sample


def run(folder, people, init=""):
    """A pretraining run's folder; people None: videos, which have no manifest."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"motion": {"init": str(init)}}))
    if people is not None:
        samples = [Sample("casme2", person, "c", 0) for person in people]
        manifest.write(folder / "manifest.csv", samples)
    return folder


@pytest.mark.parametrize(
    "person, met",
    [
        (("casme2", "sub01"), True),
        (("casme2", "sub02"), True),
        (("casme2", "sub09"), False),
        (("smic", "sub01"), False),
    ],
)
def test_the_whole_line_of_runs_is_asked(person, met, tmp_path):
    first = run(tmp_path / "first", ["sub01"])
    videos = run(tmp_path / "videos", None, first)
    last = run(tmp_path / "last", ["sub02", "sub03"], videos)
    asked = [Sample("smic", "s99", "c", 0), Sample(*person, "c", 0)]
    assert recognition.met_before(last, asked) is met


def test_a_workdir_holds_samples_of_any_number_of_classes(tmp_path):
    classes = ("anger", "contempt", "happiness", "surprise", "other")
    samples = tuple(Sample("samm", f"{i:03d}", "c", i) for i in range(5))
    for _ in range(2):  # the second time it is compared
        recognition._claim(tmp_path, {"engine": {}}, samples, classes)
    found = manifest.read(tmp_path / "manifest.csv", classes=classes)
    assert found == samples
    assert recognition.met_before(run(tmp_path / "r", []), samples) is False
    manifest.write(tmp_path / "r" / "manifest.csv", samples, classes=classes)
    assert recognition.met_before(tmp_path / "r", samples[4:]) is True
