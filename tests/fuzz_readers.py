"""Readers of the files of a workdir and of weights (tests/fuzz.py)."""

import json

import fuzz
import numpy as np
from safetensors.numpy import save_file

from selfme_jax import files, tensor_file
from selfme_jax.baselines import ststnet
from selfme_jax.train import log, schedule
from selfme_jax.train.checkpoint import Checkpoints

FIX = "Mend it."
DEPENDS = {"config": {"a": 1, "b": [2, 3]}, "samples": "a" * 64}
ARRAY = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
TREE = {"params": {"w": ARRAY, "b": ARRAY[0]}, "model_state": {}}


def _text(name, text):
    return lambda folder: (folder / name).write_text(text)


def _array(folder):
    found = files.read_array(folder / "a.npy", depends=DEPENDS, shape=(None, 4, 2))
    np.testing.assert_array_equal(found, ARRAY)


def _checkpoint(folder):
    with Checkpoints(folder / "0000", DEPENDS) as chunk:
        step = chunk.latest()
        found = chunk.restore(step) if step else TREE
    np.testing.assert_array_equal(found["params"]["w"], ARRAY)


def _save(folder):
    with Checkpoints(folder / "0000", DEPENDS) as chunk:
        chunk.save(3, TREE)


def _weights(folder):
    source = tensor_file.Source("net", "net", "", "net.weights", "net")
    with tensor_file.reading(str(folder / "w.safetensors"), source) as file:
        for name in ("w", "b"):
            file.take(name, TREE["params"][name].shape)


def _ststnet():
    shapes = {"fc.weight": (3, 400), "fc.bias": (3,)}
    for i, n in enumerate(ststnet.FILTERS, start=1):
        shapes |= {f"conv{i}.weight": (n, 3, 3, 3), f"conv{i}.bias": (n,)}
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"bn{i}.{name}"] = (n,)
    return {f"s01/{name}": np.ones(shape, np.float32) for name, shape in shapes.items()}


def readers():
    """Those of files/, train/, tensor_file.py and published weights."""
    row = {"stage": "s", "chunk": 0, "step": 1, "seconds": 0.1, "loss": 0.5}
    rows = "".join(json.dumps(row | {"step": i}) + "\n" for i in range(5))
    tree = json.dumps(DEPENDS)
    params = TREE["params"]
    make = fuzz.Reader
    return [
        make("json", _text("a", tree), lambda f: files.read_json(f / "a", FIX)),
        make("csv", _text("a", 'a,"b"\n1,2\n'), lambda f: files.read_csv(f / "a", FIX)),
        make(
            "array",
            lambda f: files.write_array(files.path(f / "a.npy"), ARRAY, DEPENDS),
            _array,
        ),
        make(
            "npz",
            lambda f: np.savez(f / "a.npz", **params),
            lambda f: files.read_npz(f / "a.npz", FIX),
        ),
        make(
            "npz compressed",
            lambda f: np.savez_compressed(f / "a.npz", **params),
            lambda f: files.read_npz(f / "a.npz", FIX),
        ),
        make("safetensors", lambda f: save_file(params, f / "w.safetensors"), _weights),
        make(
            "metrics",
            _text("metrics.jsonl", rows),
            lambda f: log.read(files.path(f / "metrics.jsonl")),
        ),
        make(
            "chunks",
            _text("chunks.json", "[3, 3, 1]"),
            lambda f: schedule.read(files.path(f)),
        ),
        make("checkpoint", _save, _checkpoint),
        make(
            "ststnet",
            lambda f: np.savez(f / "w.npz", **_ststnet()),
            lambda f: ststnet.read_weights(str(f / "w.npz")),
        ),
    ]
