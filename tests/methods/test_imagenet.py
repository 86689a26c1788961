"""ImageNet weights: the networks compute what PyTorch does with them."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

<<<<<<< HEAD
from configs import base
from selfme_jax import build, settings
from selfme_jax.baselines import capsulenet, googlenet
=======
from selfme_jax.baselines import googlenet
>>>>>>> refs/heads/imagenet
from selfme_jax.baselines.capsulenet import Backbone
from selfme_jax.methods import imagenet, inputs

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
import torchvision_twins as twins  # noqa: E402

# Run once: compiling is what takes time.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
NAMES = ("vgg16", "googlenet", "capsulenet")


<<<<<<< HEAD
class Images:
    """28x28 flow images, as a dataset."""

    classes = ("a", "b", "c")
    samples = (None,) * 4
    images = np.random.default_rng(0).uniform(0, 255, (4, 28, 28, 3))


def thinner(filters, by):
    return [n // by for n in filters]


def twin(name):
    if name == "vgg16":
        return twins.VGG(thinner((64, 128, 256, 512, 512), 16), 24, 2)
    if name == "googlenet":
        stages = [[thinner(f, 8) for f in stage] for stage in googlenet.STAGES]
        return twins.GoogLeNet(thinner((64, 64, 192), 8), stages)
    return twins.ResNet18(thinner(capsulenet.STAGES, 16))


@pytest.fixture(scope="module")
def nets():
    return {name: twins.drawn(twin(name)) for name in MODEL}


@pytest.fixture
def tensors(nets):
    """name -> the arrays of its PyTorch twin."""
    return lambda name: {k: v.numpy() for k, v in nets[name].state_dict().items()}


@pytest.fixture
def begin(tmp_path):
    """(method, arrays) -> the method, built from a config that names their file."""

    def made(name, arrays):
        path = tmp_path / "weights.safetensors"
        save_file(arrays, path)
        config = base.get_config()
        config.method, config.input = name, "images"
        config[name].weights = str(path)
        config[name].model.update(MODEL[name])
        return build.method(settings.resolve(config), Images)

    return made


def images(size=64):
    return np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(np.float32)
=======
def drawn(size=64):
    x = np.random.default_rng(1).normal(size=(2, size, size, 3))
    return x.astype(np.float32)
>>>>>>> refs/heads/imagenet


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
    imagenet.KINDS[name].read(file, shapes)
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


<<<<<<< HEAD
def test_from_scratch_nothing_is_given_and_flow_is_read_as_configured():
    config = base.get_config()
    config.method, config.input = "googlenet", "images"
    config.flow.gamma, config.googlenet.model.shrink = 3.0, 8
    made = build.method(settings.resolve(config), Images)
    assert made.start is None and made.module.last_pool == 3
    np.testing.assert_allclose(
        made.prepare(Images.images), 3 * Images.images, rtol=1e-6
    )


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


def test_bfloat16_is_refused(tensors, tmp_path, begin):
    pytest.importorskip("safetensors.torch")
    from safetensors.torch import save

    arrays = tensors("capsulenet")
    named = {k: torch.from_numpy(v).bfloat16() for k, v in arrays.items()}
    path = tmp_path / "half.safetensors"
    path.write_bytes(save(named))
    config = base.get_config()
    config.method, config.input = "capsulenet", "images"
    config.capsulenet.weights = str(path)
    config.capsulenet.model.update(MODEL["capsulenet"])
    with pytest.raises(UserError, match=r"conv1.weight should be .*found BF16"):
        build.method(settings.resolve(config), Images)


@pytest.mark.parametrize("content", [None, b"", b"PK\3\4 a zip"])
def test_a_file_that_is_not_there_or_no_safetensors(content, tmp_path):
    path = tmp_path / "vgg16.pth"
    if content is not None:
        path.write_bytes(content)
    config = base.get_config()
    config.method, config.input, config.vgg16.weights = "vgg16", "images", str(path)
    config.vgg16.model.update(MODEL["vgg16"])
    with pytest.raises(UserError) as caught:
        build.method(settings.resolve(config), Images)
    said = "no vgg16 weights at" if content is None else "cannot read"
    assert said in str(caught.value) and str(path) in str(caught.value)
    assert "timm's vgg16.tv_in1k" in str(caught.value)
=======
def test_from_scratch_nothing_is_given_and_flow_is_read_as_configured(create, images):
    made = create("googlenet", "", {"shrink": 8})
    assert made.start is None and made.module.last_pool == 3
    np.testing.assert_allclose(made.prepare(images), 2 * images, rtol=1e-6)  # gamma
>>>>>>> refs/heads/imagenet
