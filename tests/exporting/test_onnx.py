"""What onnxruntime makes of the exported file is what jax says."""

import jax
import numpy as np
import pytest
from selfme_jax.configs import base

from selfme_jax.exporting import onnx
from selfme_jax.inference import model
from selfme_jax.targets.classes import Classes
from selfme_jax.types import UserError

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

SIDE = 32
NETWORK = {
    "groups": 2,
    "points": 3,
    "cells": (2, 2),
    "keypoint_width": 4,
    "keypoint_blocks": (1, 1),
    "dense_width": 4,
    "dense_depth": 2,
    "generator_width": 4,
    "generator_down": 1,
}
JACOBIANS = {"detector": "heatmap", "points": 1, "sparse": "affine"}
OURS = {"tracking": 0.6, "compare": True, "refinement": 1, "windows": (1.0,)}


def made(given="learned", method="scvit", network=(), **flow):
    """A model of random arrays."""
    config = base.get_config().to_dict()
    config |= {"input": given, "method": method}
    config["motion"]["network"] |= {**NETWORK, **dict(network)}
    config["flow"] |= flow
    side = 28 if given == "images" else SIDE
    described = model.describe(config, Classes(("a", "b", "c")), (side, side, 3))
    empty = model.build(described)
    rng = np.random.default_rng(0)

    def draw(leaf):
        values = rng.normal(size=leaf.shape).astype(np.float32)
        if leaf.ndim < 2:
            return values * np.float32(0.1) + 1
        return values * np.float32(1 / np.sqrt(np.prod(leaf.shape[:-1])))

    return empty._replace(variables=jax.tree.map(draw, empty.template()))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"network": OURS, "centre": True, "standardise": True},
        {"given": "registered"},
        {
            "network": {"detector": "heatmap", "sparse": "affine"},
            "method": "vit",
            "levels": True,
        },
        {"given": "images", "method": "ststnet", "centre": True},
        {"given": "images", "method": "off_apexnet", "channels": "uv"},
    ],
    ids=["published", "ours", "registered", "heatmaps", "ststnet", "off_apexnet"],
)
def test_onnxruntime_agrees(options, tmp_path):
    exported = made(**options)
    onnx.write(exported, tmp_path)
    session = runtime.InferenceSession(tmp_path / onnx.FILE)
    rng = np.random.default_rng(1)
    assert session.get_inputs()[0].shape[0] == "b"
    shapes = exported.inputs(3)
    # Frames that differ a little, as two of one clip do.
    still = rng.integers(20, 230, shapes[0].shape)
    given = [(still + rng.integers(0, 20, x.shape)).astype(x.dtype) for x in shapes]
    names = [x.name for x in session.get_outputs()]
    feed = dict(zip(exported.arguments, given, strict=True))
    found = dict(zip(names, session.run(None, feed), strict=True))
    expected = jax.jit(exported.apply)(exported.variables, *given)
    assert found.keys() == expected.keys()
    for name in names:
        assert found[name].shape == expected[name].shape
        near = {"atol": 1e-3, "rtol": 1e-4}
        np.testing.assert_allclose(found[name], expected[name], **near)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"given": "tvl1"}, "needs the operation while"),
        ({"network": {"sparse": "tps"}}, "needs the operation lu"),
        ({"network": JACOBIANS}, "needs the operation scatter-add"),
    ],
)
def test_what_does_not_go_is_said(options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        onnx.write(made(**options), tmp_path)
