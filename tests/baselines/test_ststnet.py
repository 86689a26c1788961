"""STSTNet against a float64 loop and against the published weights and logits."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

from selfme_jax.baselines import ststnet
from selfme_jax.baselines.ststnet import STSTNet
from selfme_jax.types import UserError


def torch_like_weights(seed=0, subjects=("s01",)):
    rng = np.random.default_rng(seed)
    arrays = {}
    for s in subjects:
        for i, n in enumerate(ststnet.FILTERS, 1):
            arrays[f"{s}/conv{i}.weight"] = rng.normal(size=(n, 3, 3, 3))
            arrays[f"{s}/conv{i}.bias"] = rng.normal(size=n)
            for name in ("weight", "bias", "running_mean"):
                arrays[f"{s}/bn{i}.{name}"] = rng.normal(size=n)
            arrays[f"{s}/bn{i}.running_var"] = rng.uniform(0.5, 2, size=n)
        arrays[f"{s}/fc.weight"] = rng.normal(size=(3, 400))
        arrays[f"{s}/fc.bias"] = rng.normal(size=3)
    return arrays


def oracle(arrays, subject, image):
    """One image [28, 28, 3] through the published network, float64 loops."""
    branches = []
    for i, n in enumerate(ststnet.FILTERS, 1):
        w, b = arrays[f"{subject}/conv{i}.weight"], arrays[f"{subject}/conv{i}.bias"]
        x = np.pad(image.astype(np.float64), ((2, 2), (2, 2), (0, 0)))
        y = np.zeros((30, 30, n))
        for r in range(30):
            for c in range(30):
                window = x[r : r + 3, c : c + 3]
                y[r, c] = np.einsum("hwi,oihw->o", window, w) + b
        y = np.maximum(y, 0)
        g, beta, mean, var = (
            arrays[f"{subject}/bn{i}.{k}"]
            for k in ("weight", "bias", "running_mean", "running_var")
        )
        y = (y - mean) / np.sqrt(var + 1e-5) * g + beta
        y = np.pad(y, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
        windows = [
            [y[3 * r : 3 * r + 3, 3 * c : 3 * c + 3].max((0, 1)) for c in range(10)]
            for r in range(10)
        ]
        branches.append(np.array(windows))
    x = np.concatenate(branches, -1)
    x = x.reshape(5, 2, 5, 2, 16).mean((1, 3))
    flat = x.transpose(2, 0, 1).ravel()
    return arrays[f"{subject}/fc.weight"] @ flat + arrays[f"{subject}/fc.bias"]


def test_against_float64_loops(tmp_path):
    arrays = torch_like_weights(subjects=("s01", "sub02"))
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)
    weights = ststnet.read_weights(str(path))
    images = np.random.default_rng(1).uniform(0, 255, (2, 28, 28, 3)).astype(np.float32)
    for subject in ("s01", "sub02"):
        got = STSTNet(3, 0.5).apply(weights[subject], images)
        for image, logits in zip(images, got, strict=True):
            expected = oracle(arrays, subject, image)
            np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-2)


def test_parameter_count_is_the_papers():
    model = STSTNet(3, 0.5)
    x = np.zeros((1, 28, 28, 3), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    sizes = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in params.items()}
    assert sizes == {"conv": 448, "norm": 32, "logits": 1203}


def test_training_statistics_are_flax_batch_norms(tmp_path):
    """One training pass: the norm before the pool, as published, on 30x30 maps."""
    import flax.linen as nn
    import jax.numpy as jnp

    np.savez(tmp_path / "w.npz", **torch_like_weights(5))
    variables = ststnet.read_weights(str(tmp_path / "w.npz"))["s01"]
    images = np.random.default_rng(2).normal(size=(4, 28, 28, 3)).astype(np.float32)
    params, stats = variables["params"], variables["batch_stats"]
    x = nn.Conv(16, (3, 3), padding=2).apply(
        {
            "params": {
                "kernel": params["conv"]["kernel"].reshape(3, 3, 3, 16),
                "bias": params["conv"]["bias"],
            }
        },
        images,
    )
    norm = nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5)
    x, new = norm.apply(
        {"params": params["norm"], "batch_stats": stats["norm"]},
        nn.relu(x),
        mutable=["batch_stats"],
    )
    x = nn.max_pool(x, (3, 3), strides=(3, 3), padding=((1, 1), (1, 1)))
    x = nn.avg_pool(x, (2, 2), strides=(2, 2)).reshape(4, -1)
    expected = x @ params["logits"]["kernel"] + params["logits"]["bias"]
    got, state = STSTNet(3, 0.0).apply(
        variables, jnp.array(images), train=True, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)
    for key in ("mean", "var"):
        np.testing.assert_allclose(
            state["batch_stats"]["norm"][key], new["batch_stats"][key], rtol=1e-4
        )
    assert (params["norm"]["scale"] < 0).any()  # the case that needs the minimum


DAMAGE = {
    "missing": "No such file",
    "text": "not a zip file",
    "cut": "zip",
    "empty": "holds no '<subject>/<parameter>'",
    "lost": "it has no 'bn2.bias'",
    "shape": "fc.weight is (3, 399), not (3, 400)",
    "0-d": "conv1.bias is (), not (3,)",
    "nan": "bn3.weight has values that are no numbers",
    "strings": "no numbers",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_bad_files_say_so(tmp_path, damage):
    path = tmp_path / "weights.npz"
    arrays = torch_like_weights()
    changes = {
        "shape": {"s01/fc.weight": np.zeros((3, 399))},
        "0-d": {"s01/conv1.bias": np.float32(0)},
        "nan": {"s01/bn3.weight": np.full(8, np.nan)},
        "strings": {"s01/fc.bias": np.array(["a", "b", "c"])},
    }
    if damage == "empty":
        arrays = {"nothing": np.zeros(3)}
    if damage == "lost":
        del arrays["s01/bn2.bias"]
    np.savez(path, **{**arrays, **changes.get(damage, {})})
    if damage == "missing":
        path.unlink()
    if damage == "text":
        path.write_text("no zip")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError) as caught:
        ststnet.read_weights(str(path))
    assert DAMAGE[damage] in str(caught.value)
    assert "--config.ststnet.weights" in str(caught.value)


def test_published_weights_give_the_published_logits():
    if "SELFME_TEST_DATA" not in os.environ:
        pytest.skip("SELFME_TEST_DATA names no folder with the published weights")
    import csv

    import cv2

    root = Path(os.environ["SELFME_TEST_DATA"])
    weights = ststnet.read_weights(str(root / "ststnet/weights.npz"))
    published = np.load(root / "ststnet/logits.npz")["logits"]
    rows = list(csv.DictReader((root / "flow28/manifest.csv").open()))
    model = STSTNet(3, 0.5)
    apply = jax.jit(lambda v, x: model.apply(v, x))
    for row, expected in zip(rows, published, strict=True):
        image = cv2.imread(str(root / "flow28" / row["file"])).astype(np.float32)
        got = apply(weights[row["subject"]], image[None])[0]
        np.testing.assert_allclose(got, expected, atol=1e-3)
