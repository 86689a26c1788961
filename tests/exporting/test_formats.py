"""Formats over time and over methods: older ones load, every method is exported."""

import json
import os
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from jax import export
from selfme_jax.configs import base

from selfme_jax.inference import bundle, model
from selfme_jax.systems import registry
from selfme_jax.targets.classes import Classes
from selfme_jax.types import UserError

# Written by the first version of the format; never to be written again. Where this
# fails, raise bundle.VERSION and give bundle.MIGRATIONS what makes the old one load.
DEEP = [
    name
    for name, system in registry.SYSTEMS.items()
    if "train" in system.settings and not system.reads
]
GOLDEN = Path(__file__).with_name("golden_v1")
SAYS = {"xla_backend_optimization_level": 1}


def frames():
    onset = (np.arange(16 * 16 * 3).reshape(1, 16, 16, 3) * 7 % 256).astype(np.uint8)
    return onset, np.roll(onset, 1, axis=2)


def test_the_first_version_still_loads_and_says_the_same():
    loaded = bundle.load(GOLDEN)
    then = json.loads((GOLDEN / bundle.CONFIG).read_text())["origin"]
    compiled = jax.jit(loaded.apply).lower(loaded.variables, *frames()).compile(SAYS)
    said = compiled(loaded.variables, *frames())
    np.testing.assert_allclose(said["probabilities"], then["probabilities"], atol=1e-4)
    np.testing.assert_allclose(
        said["flow"].mean((0, 1, 2)), then["flow_mean"], atol=1e-3
    )


def test_an_older_version_is_migrated(monkeypatch, tmp_path):
    """Made up: version 3 called 'flow' 'motion_input', and now is version 4."""
    folder = tmp_path / "old"
    shutil.copytree(GOLDEN, folder)
    config = json.loads((folder / bundle.CONFIG).read_text())
    config["format_version"] = 3
    config["description"]["target"] = "classes"
    config["description"]["motion_input"] = config["description"].pop("flow")
    (folder / bundle.CONFIG).write_text(json.dumps(config))
    with pytest.raises(UserError, match="Install a newer one"):
        bundle.read(folder, "safetensors")

    def rename(config):
        config["description"]["flow"] = config["description"].pop("motion_input")
        return config

    monkeypatch.setattr(bundle, "VERSION", 4)
    monkeypatch.setattr(bundle, "MIGRATIONS", {3: rename})
    assert bundle.read(folder, "safetensors").flow["size"] == 14


def test_every_older_version_has_its_migration():
    assert set(bundle.MIGRATIONS) == set(range(1, bundle.VERSION))


@pytest.mark.parametrize("key", ["levels", "size"])
def test_a_key_that_is_not_there_is_an_error_of_the_user(key):
    described = bundle.read(GOLDEN, "safetensors")
    lacking = {k: v for k, v in described.flow.items() if k != key}
    with pytest.raises(UserError, match="Use the version that wrote it"):
        model.build(described._replace(flow=lacking))


@pytest.mark.parametrize(
    ("method", "given"),
    [
        *((name, "images") for name in DEEP),
        *(("vit", "apex"), ("vit", "tvl1"), ("mmnet", "difference")),
    ],
)
def test_every_method_takes_any_batch(method, given):
    """Traced only, for a batch whose size is a symbol."""
    config = base.get_config().to_dict() | {"input": given, "method": method}
    made = model.build(model.describe(config, Classes(("a", "b", "c")), (28, 28, 3)))
    (b,) = export.symbolic_shape("b")
    said = jax.eval_shape(made.apply, made.template(), *made.inputs(b))
    assert said["probabilities"].shape == (b, 3)
    assert ("flow" in said) == (given == "tvl1")


@pytest.mark.parametrize(
    ("detector", "level"), [("mesh", True), ("haar", True), ("frame", False)]
)
def test_a_description_says_how_its_data_were_cut_out(detector, level):
    config = base.get_config().to_dict() | {"input": "tvl1"}
    one = Classes(("a", "b", "c")), (28, 28, 3)
    face = model.describe(config, *one, detector=detector).face
    assert (face["detector"], face["eyes_level"]) == (detector, level)
    assert model.describe(config, *one).face is None  # nobody knows
    images = config | {"input": "images"}
    assert model.describe(images, *one, detector=detector).face is None


@pytest.mark.parametrize("name", [bundle.CONFIG, bundle.ARRAYS, bundle.SUMS])
def test_a_pipe_in_an_export_is_not_waited_for(name, tmp_path):
    folder = shutil.copytree(GOLDEN, tmp_path / "export")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(UserError, match="no file but a pipe|no such file"):
        bundle.load(folder)


def test_nothing_unpickles():
    """Nowhere in the package: no pickle, and numpy refuses it unless told."""
    root = Path(model.__file__).parents[1]
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text and "import pickle" not in text, path
        assert "torch.load" not in text and "joblib" not in text, path
