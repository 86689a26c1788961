"""Whom motion learning has met, and whose weights a method starts from."""

import hashlib
import json
import shutil

import pytest
from etils import epath
from plans import plan
from selfme_jax.configs import base, synthetic

from selfme_jax.data import manifest
from selfme_jax.run import provenance, recognise
from selfme_jax.train import loop
from selfme_jax.train.loop import Stage
from selfme_jax.types import Sample, UserError
from selfme_jax.workdir import Workdir, open_workdir


def run(folder, people, start=None):
    """A run's folder, with the one it started from; people None: videos."""
    folder.mkdir()
    data = {"name": "video" if people is None else "casme2"}
    (folder / "config.json").write_text(json.dumps({"data": data}))
    if people is not None:
        samples = [Sample("casme2", person, "c", 0) for person in people]
        manifest.write(folder / "manifest.csv", samples)
    if start is not None:
        shutil.copytree(start, folder / "start")
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
    own = open_workdir(run(tmp_path / "own", [], last))
    asked = [Sample("smic", "s99", "c", 0), Sample(*person, "c", 0)]
    line = list(provenance.ancestors(own))
    assert provenance.met_before(line, asked) is met
    assert [name for _, name in line] == ["casme2", "video", "casme2"]
    assert list(provenance.ancestors(open_workdir(first))) == []


def test_whom_a_network_met_is_unchecked_without_its_manifest(tmp_path):
    start = run(tmp_path / "start", ["sub01"])
    (start / "manifest.csv").unlink()
    own = open_workdir(run(tmp_path / "own", [], start))
    asked = [Sample("casme2", "sub01", "c", 0)]
    assert provenance.met_before(provenance.ancestors(own), asked) is None


def test_a_workdir_holds_samples_of_any_number_of_classes(tmp_path):
    classes = ("anger", "contempt", "happiness", "surprise", "other")
    samples = tuple(Sample("samm", f"{i:03d}", "c", i) for i in range(5))
    manifest.write(tmp_path / "manifest.csv", samples, classes=classes)
    recognise._same_samples(Workdir(epath.Path(tmp_path)), samples, classes)
    found = manifest.read(tmp_path / "manifest.csv", classes=classes)
    assert found == samples
    own = open_workdir(run(tmp_path / "own", [], run(tmp_path / "r", [])))
    line = list(provenance.ancestors(own))
    assert provenance.met_before(line, samples) is False
    manifest.write(own.start.manifest, samples, classes=classes)
    assert provenance.met_before(line, samples[4:]) is True


def test_weights_are_named_with_their_hash(tmp_path):
    path = tmp_path / "vgg16.safetensors"
    path.write_bytes(b"some weights")
    config = base.get_config()
    config.vgg16.weights = str(path)
    assert provenance.weights_used(plan(config)) == ""  # the method is another one
    config.method = "vgg16"
    digest = hashlib.sha256(b"some weights").hexdigest()[:12]
    expected = f"vgg16.safetensors (sha256 {digest})"
    assert provenance.weights_used(plan(config)) == expected
    path.unlink()
    with pytest.raises(UserError, match="config.vgg16.weights.*Put it back"):
        provenance.weights_used(plan(config))


@pytest.mark.parametrize("method, side_by_side", [("ststnet", 1), ("scvit", 7)])
def test_on_cpu_convolution_networks_are_trained_one_by_one(method, side_by_side):
    config = synthetic.get_config()
    config.method, config.input = method, "tvl1"
    config.engine.classifier.runs_per_device = 7
    config.engine.motion.runs_per_device = 3
    made = plan(config)
    stage = Stage(
        "classifier",
        None,
        None,
        one_by_one=made.system.convolutional,
        **made.engine("classifier"),
    )
    assert loop.together(stage) == side_by_side
    assert made.engine("motion")["runs_per_device"] == 3
