"""Files that hold no weights, or others: what is said."""

import numpy as np
import pytest

from selfme_jax.types import UserError


def fails(begin, name, arrays):
    with pytest.raises(UserError) as caught:
        begin(name, arrays)
    text = str(caught.value)
    assert len(text.splitlines()) == 2
    for part in (f"--config.{name}.weights=FILE", "save_file", "IMAGENET1K_V1"):
        assert part in text.splitlines()[1]
    assert "weights.safetensors" in text
    return text.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "first", "shape"),
    [
        ("vgg16", "features.0.weight", (4, 3, 3, 3)),
        ("googlenet", "conv1.conv.weight", (8, 3, 7, 7)),
        ("capsulenet", "conv1.weight", (4, 3, 7, 7)),
    ],
)
def test_another_network(name, first, shape, begin):
    said = fails(begin, name, {"encoder.x": np.zeros(3, np.float32)})
    assert f"{first} should be {shape}, found none" in said and "encoder.x" in said


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("vgg16", "features.28.bias"),
        ("vgg16", "classifier.3.weight"),
        ("googlenet", "inception4c.branch3.1.bn.running_var"),
        ("googlenet", "inception5b.branch4.1.conv.weight"),
        ("capsulenet", "layer2.0.downsample.1.running_mean"),
        ("capsulenet", "layer3.1.bn2.weight"),
    ],
)
def test_missing_and_misshapen_arrays_are_named(name, broken, tensors, begin):
    arrays = tensors(name)
    shape = arrays[broken].shape
    arrays[broken] = np.zeros((*shape, 2), np.float32)
    said = fails(begin, name, arrays)
    assert f"{broken} should be {shape}, found {(*shape, 2)}" in said
    del arrays[broken]
    assert f"{broken} should be {shape}, found none" in fails(begin, name, arrays)


def test_weights_of_other_sizes_name_the_part_of_the_config(tensors, begin):
    arrays = tensors("vgg16")
    arrays["classifier.0.weight"] = np.zeros((24, 32 * 49), np.float32)  # of 224x224
    said = fails(begin, "vgg16", arrays)
    assert "config.vgg16.model" in said and "(24, 128), found (24, 1568)" in said


def test_bfloat16_is_refused(tensors, tmp_path, create):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path, arrays = tmp_path / "half.safetensors", tensors("capsulenet")
    save_file({k: torch.from_numpy(v).bfloat16() for k, v in arrays.items()}, path)
    with pytest.raises(UserError, match=r"conv1.weight should be .*found BF16"):
        create("capsulenet", path, {"shrink": 16, "size": 64, "kernel": 3})


@pytest.mark.parametrize("content", [None, b"", b"PK\3\4 a zip"])
def test_a_file_that_is_not_there_or_no_safetensors(content, tmp_path, create):
    path = tmp_path / "vgg16.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        create("vgg16", path, {"size": 32, "hidden": 8, "shrink": 16})
    said = "no vgg16 weights at" if content is None else "cannot read"
    assert said in str(caught.value) and str(path) in str(caught.value)
    assert "timm's vgg16.tv_in1k" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
