"""Published networks that start from ImageNet weights, where a file of them is given.

VGG16 and GoogLeNet keep all but their last layer, which is new and starts at zero (our
choice: a drawn one would only scramble the first gradients). CapsuleNet keeps its
backbone, ResNet-18 to its third stage with the running statistics; its convolutions
and capsules are drawn for each run as when it is trained from scratch (capsules of
zeros would get no gradient). All of it is trained on; the published CapsuleNet keeps
its first layers frozen, which is not done here.

GoogLeNet. Known: what is to be had is torchvision's, which is TF-Slim's Inception V1:
batch norm (epsilon 0.001) in place of biases, 3x3 in place of 5x5, a last pool of 2x2,
read in [-1, 1], without the response normalisation that the original weights of Caffe
need. Read here so that the network computes what torchvision's does with frozen
statistics: batch norm folded into weights and biases, 3x3 put in the middle of a 5x5
of zeros (which training may fill), and the last pool set to 2x2.

Input: flow by ``flow_reading.photograph``, whatever config.flow says; apex frames as
they are, less ImageNet's mean. Mirroring flow in training negates the first channel,
so that u - 0.485 becomes 0.485 - u, where the mirrored level were 1 - u: 0.13 of it
apart with CapsuleNet, the one that mirrors by default.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.baselines import vgg16
from selfme_jax.inputs import flow_reading
from selfme_jax.systems.deep import Deep
from selfme_jax.tensor_file import MEAN, SD, Source, TensorFile, reading

HALF = (0.5, 0.5, 0.5)
EPSILON = 1e-3  # of torchvision's GoogLeNet

# Branches of an inception block, ours and torchvision's.
BRANCHES = {
    "point": "branch1",
    "before_3": "branch2.0",
    "three": "branch2.1",
    "before_5": "branch3.0",
    "five": "branch3.1",
    "pool": "branch4.1",
}
# Convolution and batch norm of a residual block, ours and torchvision's.
RESIDUAL = {
    "a": ("conv1", "bn1"),
    "b": ("conv2", "bn2"),
    "skip": ("downsample.0", "downsample.1"),
}

Shapes = Mapping[str, Any]  # variables, or a part of them, as arrays or shapes


class Kind(NamedTuple):
    """How a network starts from a file.

    name: of config.method. model, hub: of the file, see ``tensor_file.Source``.
    read: (file, shapes of the variables) -> variables, less those to be drawn.
    mean, sd: of what the weights read, RGB in [0, 1]. changes: of the module.
    """

    name: str
    model: str
    hub: str
    read: Callable[[TensorFile, Shapes], dict]
    mean: tuple[float, ...] = MEAN
    sd: tuple[float, ...] = SD
    changes: Mapping[str, Any] = {}


def begin(made: Deep, kind: Kind, path: str, *, frames: bool) -> Deep:
    """``made`` started from the weights in a file, and reading what these read.

    Args:
      made: the network of that kind, from scratch.
      path: safetensors in torchvision's names, or timm's.
      frames: whether it reads frames, RGB in [0, 1], and not flow.

    Raises:
      UserError: no such file, not safetensors, or arrays missing or misshapen.
    """
    key, reader = f"{kind.name}.weights", f"{kind.name}.model"
    source = Source(kind.model, kind.model, kind.hub, key, reader)
    module = made.module.clone(**kind.changes)
    blank = jnp.zeros((1, 8, 8, 3))  # any size: the module resizes
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), blank))
    with reading(path, source) as file:
        start = kind.read(file, shapes)
    read = flow_reading.normalise if frames else flow_reading.photograph
    prepare = partial(read, mean=kind.mean, sd=kind.sd)
    return made._replace(prepare=prepare, module=module, start=start)


def _vgg16(file: TensorFile, shapes: Shapes) -> dict:
    params = shapes["params"]
    start = {"logits": _zeros(params["logits"])}
    index = 0
    for i, (_, convolutions) in enumerate(vgg16.BLOCKS):
        for j in range(convolutions):
            layer = f"conv_{i}_{j}"
            kernel = _kernel(file, f"features.{index}.weight", params[layer])
            bias = file.take(f"features.{index}.bias", kernel.shape[-1:])
            start[layer] = {"kernel": kernel, "bias": bias}
            index += 2  # a ReLU follows
        index += 1  # a max-pool
    channels = kernel.shape[-1]
    timm = "pre_logits.fc1.weight" in file.names
    names = (
        ("pre_logits.fc1", "pre_logits.fc2")
        if timm
        else ("classifier.0", "classifier.3")
    )
    for i, name in enumerate(names):
        layer = f"hidden_{i}"
        start[layer] = _dense(file, name, params[layer], channels, timm=timm)
        channels = len(start[layer]["bias"])
    return {"params": start}


def _googlenet(file: TensorFile, shapes: Shapes) -> dict:
    params = shapes["params"]
    start = {"logits": _zeros(params["logits"])}
    for layer, name in (("stem_7", "conv1"), ("stem_1", "conv2"), ("stem_3", "conv3")):
        start[layer] = _folded(file, name, params[layer])
    for block in sorted(name for name in params if name.startswith("inception")):
        _, i, j = block.split("_")
        place = f"inception{int(i) + 3}{'abcde'[int(j)]}"
        start[block] = {
            ours: _folded(file, f"{place}.{theirs}", params[block][ours])
            for ours, theirs in BRANCHES.items()
        }
    return {"params": start}


def _resnet18(file: TensorFile, shapes: Shapes) -> dict:
    backbone, params, stats = shapes["params"]["backbone"], {}, {}
    blocks = sorted(x for x in backbone if x.startswith("block") and x[-2:] != "_n")
    for layer in ("stem", *blocks):
        conv, norm = "conv1", "bn1"
        if layer != "stem":
            _, i, j, part = layer.split("_")
            conv, norm = (f"layer{int(i) + 1}.{j}.{name}" for name in RESIDUAL[part])
        kernel = _kernel(file, f"{conv}.weight", backbone[layer])
        scale, bias, mean, var = _norm(file, norm, kernel.shape[-1:])
        params[layer] = {"kernel": kernel}
        params[f"{layer}_n"] = {"scale": scale, "bias": bias}
        stats[f"{layer}_n"] = {"mean": mean, "var": var}
    return {"params": {"backbone": params}, "batch_stats": {"backbone": stats}}


def _kernel(file: TensorFile, name: str, like: Shapes, side: int = 0) -> np.ndarray:
    """OIHW -> HWIO, of the size of ``like`` or of ``side``."""
    height, width, inside, outside = like["kernel"].shape
    shape = (outside, inside, side or height, side or width)
    return np.ascontiguousarray(file.take(name, shape).transpose(2, 3, 1, 0))


def _dense(
    file: TensorFile, name: str, like: Shapes, channels: int, *, timm: bool
) -> dict:
    """A layer that reads channel, row, column as one that reads row, column, channel.

    timm keeps it as a convolution as large as the map, torchvision as a matrix.
    """
    rows, width = like["kernel"].shape
    side = round((rows / channels) ** 0.5)
    oihw = (width, channels, side, side)
    kernel = file.take(f"{name}.weight", oihw if timm else (width, rows))
    kernel = kernel.reshape(oihw).transpose(2, 3, 1, 0).reshape(rows, width)
    return {"kernel": kernel, "bias": file.take(f"{name}.bias", (width,))}


def _norm(file: TensorFile, name: str, shape: tuple[int]) -> list[np.ndarray]:
    """Scale, bias, mean and variance of a batch norm."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return [file.take(f"{name}.{part}", shape) for part in parts]


def _folded(file: TensorFile, name: str, like: Shapes) -> dict:
    """A convolution without bias and its batch norm, as one with bias; 3x3 in 5x5."""
    wanted = like["kernel"].shape[0]
    side = 3 if wanted == 5 else wanted
    kernel = _kernel(file, f"{name}.conv.weight", like, side)
    scale, bias, mean, var = _norm(file, f"{name}.bn", kernel.shape[-1:])
    factor = scale / np.sqrt(var + np.float32(EPSILON))
    edge = (wanted - side) // 2
    kernel = np.pad(kernel * factor, [(edge, edge)] * 2 + [(0, 0)] * 2)
    return {"kernel": kernel, "bias": bias - mean * factor}


def _zeros(like: Shapes) -> dict:
    return {name: np.zeros(x.shape, np.float32) for name, x in like.items()}


VGG16 = Kind("vgg16", "vgg16", "vgg16.tv_in1k", _vgg16)
GOOGLENET = Kind("googlenet", "googlenet", "", _googlenet, HALF, HALF, {"last_pool": 2})
CAPSULENET = Kind("capsulenet", "resnet18", "resnet18.tv_in1k", _resnet18)
