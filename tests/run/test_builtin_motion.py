"""--config.motion.init=builtin: the motion network that comes with the package."""

import csv
import importlib
import json
import shutil
import zipfile

import jax
import numpy as np
from plans import plan

from selfme_jax.motion import network as motion_network
from selfme_jax.run import build, pretrained, provenance
from selfme_jax.types import Sample
from selfme_jax.workdir import open_workdir


def config(name):
    return importlib.import_module(f"selfme_jax.configs.{name}").get_config()


def moved(size, shift):
    """Two frames of a face-like texture, the second moved by so many pixels."""
    rng = np.random.default_rng(0)
    waves = rng.uniform(-0.4, 0.4, (12, 2))
    phases, tones = rng.uniform(0, 6, (12, 1, 1)), rng.uniform(0.2, 1, (12, 3))
    y, x = np.mgrid[:size, :size].astype(float)

    def frame(at_x, at_y):
        each = np.sin(waves[:, :1, None] * at_x + waves[:, 1:, None] * at_y + phases)
        image = np.einsum("khw,kc->hwc", each, tones) / 14 + 0.5
        return np.clip(image, 0, 1)[None].astype(np.float32)

    return frame(x, y), frame(x + shift[0], y + shift[1])


def test_it_is_what_its_config_makes_and_nobody_is_in_it():
    run = pretrained.source("builtin")
    made = json.loads(run.config.read_text())
    wanted = plan(config("builtin_motion")).settings
    for key in ("network", "loss", "train"):
        assert made["motion"][key] == json.loads(json.dumps(wanted["motion"][key]))
    assert made["synthetic"] == json.loads(json.dumps(wanted["synthetic"]))
    rows = csv.DictReader(run.manifest.read_text().splitlines())
    assert {row["dataset"] for row in rows} == {"synthetic"}


def test_nothing_of_the_machine_that_made_it_is_in_it():
    with zipfile.ZipFile(pretrained.SHIPPED) as packed:
        names = packed.namelist()
        texts = [packed.read(n) for n in names if n.endswith((".json", ".csv"))]
    assert texts and not any(b"/home" in t or b"/root" in t for t in texts)
    assert not any(n.startswith("/") or ".." in n for n in names)
    assert pretrained.SHIPPED.stat().st_size < 3e6


def test_networks_for_real_faces_start_from_it_and_it_finds_motion():
    for name, side in (("casme2_small", 128), ("builtin_motion", 64)):
        settled = plan(config(name), motion__init="builtin")
        stage = build.first_stage(settled, (side, side, 3))
        assert stage.start is not None
    source, driving = moved(64, (0.6, -0.4))
    flow = motion_network.extract(stage.network, stage.start, source, driving)
    inner = np.asarray(flow)[0, 8:-8, 8:-8].reshape(-1, 2)
    np.testing.assert_allclose(inner.mean(0), (0.6, -0.4), atol=0.1)


def test_a_run_keeps_a_copy_and_knows_whom_it_met(tmp_path):
    run = open_workdir(tmp_path / "run")
    pretrained.adopt(pretrained.found("builtin", run), run)
    assert pretrained.found("builtin", run).folder == run.start.folder
    (line,) = provenance.ancestors(run)
    assert line[1] == "synthetic"
    person = Sample("casme2", "sub01", "EP02_01f", 0, "happiness", "0" * 64)
    assert provenance.met_before([line], [person]) is False
    # The copy alone is asked from then on: the run may be moved.
    elsewhere = shutil.move(run.folder, tmp_path / "moved")
    again = pretrained.found("builtin", open_workdir(elsewhere))
    template = jax.eval_shape(build_template)
    assert pretrained.load(again, network_options(), template).variables


def network_options():
    return plan(config("builtin_motion")).motion["network"]


def build_template():
    stage = build.first_stage(plan(config("builtin_motion")), (64, 64, 3))
    return stage.task((1, 1, 64, 64, 3)).init(jax.random.key(0))
