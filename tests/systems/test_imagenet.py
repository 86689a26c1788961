"""ImageNet weights: the networks compute what PyTorch does with them."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from selfme_jax.baselines import googlenet
from selfme_jax.baselines.capsulenet import Backbone
from selfme_jax.inputs import flow_reading as inputs
from selfme_jax.systems import imagenet, registry

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
import torchvision_twins as twins  # noqa: E402

# Run once: compiling is what takes time.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
NAMES = ("vgg16", "googlenet", "capsulenet")


def drawn(size=64):
    x = np.random.default_rng(1).normal(size=(2, size, size, 3))
    return x.astype(np.float32)


def theirs(net, x):
    with torch.no_grad():
        return net(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()


def run(apply, *arguments):
    return jax.jit(apply).lower(*arguments).compile(QUICK)(*arguments)


def assert_close(got, expected):
    assert np.abs(expected).max() > 0.1 and expected.std() > 0.01
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["vgg16", "googlenet"])
def test_features_are_those_of_torch(name, nets, tensors, begin):
    made = begin(name, tensors(name))
    expected = theirs(nets[name], drawn())
    params = made.start["params"]
    assert not any(x.any() for x in jax.tree.leaves(params["logits"]))
    # A head that hands on what it reads shows the features.
    width = params["logits"]["kernel"].shape[0]
    head = {"kernel": np.eye(width), "bias": np.zeros(width)}
    module = made.module.clone(classes=width)
    got = run(module.apply, {"params": params | {"logits": head}}, drawn())
    assert_close(got, expected)


def test_names_and_layouts_of_timm_are_read_alike(tensors, begin):
    arrays = tensors("vgg16")
    expected = begin("vgg16", arrays).start
    renamed = {k: v for k, v in arrays.items() if k.startswith("features")}
    for old, new, side in (("0", "pre_logits.fc1", 2), ("3", "pre_logits.fc2", 1)):
        matrix = arrays[f"classifier.{old}.weight"]
        renamed[f"{new}.weight"] = matrix.reshape(len(matrix), -1, side, side)
        renamed[f"{new}.bias"] = arrays[f"classifier.{old}.bias"]
    jax.tree.map(np.testing.assert_array_equal, begin("vgg16", renamed).start, expected)


def test_the_backbone_of_capsulenet_is_that_of_torch(nets, tensors, begin):
    made = begin("capsulenet", tensors("capsulenet"))
    start = {kind: x["backbone"] for kind, x in made.start.items()}
    assert start.keys() == {"params", "batch_stats"}
    got = run(lambda v, x: Backbone(16).apply(v, x, train=False), start, drawn())
    assert_close(got, theirs(nets["capsulenet"], drawn()).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("stage", range(3))
def test_an_inception_block_is_that_of_torch(stage, tensors, begin):
    """By itself, at an odd size."""
    filters = [n // 8 for n in googlenet.STAGES[stage][0]]
    net = twins.drawn(twins.Inception(5, *filters))
    arrays = {k: v.numpy() for k, v in net.state_dict().items()}
    module = googlenet.Inception(filters)
    x = drawn(9).repeat(2, -1)[..., :5]
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)["params"]

    class File:
        def take(self, name, shape):
            assert arrays[name].shape == shape
            return arrays[name]

    params = {
        ours: imagenet._folded(File(), branch, shapes[ours])
        for ours, branch in imagenet.BRANCHES.items()
    }
    assert params["five"]["kernel"].shape[:2] == (5, 5)
    got = run(module.apply, {"params": params}, x)
    assert_close(got, theirs(net, x).transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("googlenet", 6_624_904 - 1000 * 1025),  # torchvision's count, less its head
        ("capsulenet", 2_782_784),  # ResNet-18 to its third stage
    ],
)
def test_at_full_size_all_of_the_published_weights_are_read(name, expected, create):
    class File:
        count, names = 0, ()

        def take(self, name, shape):
            self.count += np.prod(shape) * ("running" not in name)
            return np.ones(shape, np.float32)

    module = create(name, "", {}).module
    blank = np.zeros((1, 8, 8, 3), np.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), blank)
    file = File()
    registry.SYSTEMS[name].photographs.read(file, shapes)
    assert file.count == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_run_starts_there(name, tensors, begin):
    """The start has a place in the variables; what it leaves out is known."""
    made = begin(name, tensors(name))
    task = made.task((1, 4, 28, 28, 3), 4)
    shapes = jax.eval_shape(lambda: task.init(jax.random.key(0)))
    wanted = dict(jax.tree_util.tree_leaves_with_path(shapes))
    found = dict(jax.tree_util.tree_leaves_with_path(task.start))
    assert all(x.shape == wanted[path].shape for path, x in found.items())
    assert all(x.dtype == np.float32 for x in found.values())
    left = {path[1].key for path in wanted.keys() - found.keys()}
    drawn = {"conv", "primary", "votes"} if name == "capsulenet" else set()
    assert left == drawn


def test_flow_is_read_as_a_photograph(tensors, begin, images):
    flow = images[None].astype(np.float32)
    got = begin("vgg16", tensors("vgg16")).prepare(flow)
    rgb = inputs.levels(flow)[..., ::-1] / 255
    np.testing.assert_allclose(got[..., 0], (rgb[..., 0] - 0.485) / 0.229, atol=1e-5)
    np.testing.assert_allclose(got[..., 2], (rgb[..., 2] - 0.406) / 0.225, atol=1e-5)
    got = begin("googlenet", tensors("googlenet")).prepare(flow)
    np.testing.assert_allclose(got, 2 * rgb - 1, atol=1e-5)
    assert abs(got.min() + 1) < 1e-6 and abs(got.max() - 1) < 1e-6


def test_from_scratch_nothing_is_given_and_flow_is_read_as_configured(create, images):
    made = create("googlenet", "", {"shrink": 8})
    assert made.start is None and made.module.last_pool == 3
    np.testing.assert_allclose(made.prepare(images), 2 * images, rtol=1e-6)  # gamma
