"""VGG-19 features and their distance against PyTorch; every bad file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from selfme_jax.motion import perceptual
from selfme_jax.ops import pyramid
from selfme_jax.types import UserError

torch = pytest.importorskip("torch")

# torchvision's configuration 'E' and the layers that first-order-motion taps.
LAYERS = (
    *(64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M"),
    *(512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
)
TAPS = (1, 6, 11, 20, 29)


def torch_vgg():
    """The `features` of torchvision's vgg19 at its numbering, random weights."""
    layers, channels = [], 3
    for width in LAYERS:
        if width == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers.append(torch.nn.Conv2d(channels, width, 3, padding=1))
            layers.append(torch.nn.ReLU())
            channels = width
    net = torch.nn.Sequential(*layers)
    rng = np.random.default_rng(3)
    with torch.no_grad():
        for p in net.parameters():
            size = np.sqrt(2 / np.prod(p.shape[1:])) if p.ndim > 1 else 0.1
            draw = rng.standard_normal(tuple(p.shape), np.float32) * np.float32(size)
            p.copy_(torch.from_numpy(draw))
    return net


def torch_features(net, images):
    x = torch.as_tensor(images).permute(0, 3, 1, 2)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    x = (x - mean) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    maps = []
    for i, layer in enumerate(net[: TAPS[-1] + 1]):
        x = layer(x)
        if i in TAPS:
            maps.append(x)
    return maps


def torch_perceptual(net, image, target):
    pairs = zip(torch_features(net, image), torch_features(net, target), strict=True)
    return sum((x - y.detach()).abs().mean((1, 2, 3)) for x, y in pairs)


@pytest.fixture(scope="module")
def net():
    return torch_vgg()


@pytest.fixture(scope="module")
def tensors(net):
    named = {f"features.{k}": v.numpy() for k, v in net.state_dict().items()}
    return named | {"classifier.0.weight": np.zeros((2, 3), np.float32)}


@pytest.fixture(scope="module")
def weights(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file(tensors, path)
    return perceptual.load(str(path))


@pytest.fixture(scope="module")
def frames(make_texture):
    rng = np.random.default_rng(11)
    return make_texture(rng, 2, 48, 40), make_texture(rng, 2, 48, 40)


def test_the_five_maps_are_those_of_torch(net, weights, frames):
    with torch.no_grad():
        expected = torch_features(net, frames[0])
    got = jax.jit(perceptual.features)(weights, frames[0])
    shapes = [(48, 40, 64), (24, 20, 128), (12, 10, 256), (6, 5, 512), (3, 2, 512)]
    assert [x.shape[1:] for x in got] == shapes
    for x, y in zip(got, expected, strict=True):
        y = y.permute(0, 2, 3, 1).numpy()
        assert np.abs(y).max() > 0.1
        np.testing.assert_allclose(x, y, atol=1e-4 * np.abs(y).max())


def test_distance_and_its_gradient_are_those_of_torch(net, weights, frames):
    image = torch.from_numpy(frames[0]).requires_grad_()
    expected = torch_perceptual(net, image, frames[1])
    (expected * torch.tensor([1.0, 3.0])).sum().backward()

    def run(image, target):
        value = perceptual.perceptual(weights, image, target)
        return (value * jnp.array([1.0, 3.0])).sum(), value

    grad = jax.jit(jax.grad(run, argnums=(0, 1), has_aux=True))
    (own, other), value = grad(*frames)
    assert value.shape == (2,)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-4)
    slope = image.grad.numpy()
    np.testing.assert_allclose(own, slope, atol=2e-3 * np.abs(slope).max())
    assert (np.asarray(other) == 0).all()  # the target is held constant


def test_scales_are_summed_while_the_net_fits(net, weights, frames):
    got = jax.jit(perceptual.multiscale)(weights, *frames)
    halves = [np.array(pyramid.downsample(x, factor=2)) for x in frames]
    with torch.no_grad():  # 48 x 40 and 24 x 20; 12 x 10 is less than 16
        expected = torch_perceptual(net, *frames) + torch_perceptual(net, *halves)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4)


def narrow(rng, width=4):
    """Weights of the same depth, few channels."""
    channels, blocks = 3, []
    for block in perceptual.BLOCKS:
        pairs = []
        for _ in block:
            kernel = rng.standard_normal((3, 3, channels, width), np.float32) / 4
            pairs.append((kernel, np.zeros(width, np.float32)))
            channels = width
        blocks.append(tuple(pairs))
    return tuple(blocks)


def test_bfloat16_is_for_convolutions(frames):
    thin = narrow(np.random.default_rng(0))
    run = jax.jit(perceptual.perceptual, static_argnames="dtype")
    exact, rough = (run(thin, *frames, dtype=d) for d in ("float32", "bfloat16"))
    assert rough.dtype == np.float32
    assert (np.asarray(rough) != np.asarray(exact)).all()
    np.testing.assert_allclose(rough, exact, rtol=0.02)


def test_equal_frames_have_finite_gradients(frames):
    thin = narrow(np.random.default_rng(0))
    frame = frames[0][:, :20, :17]
    run = jax.jit(
        jax.value_and_grad(lambda x: perceptual.multiscale(thin, x, frame).sum())
    )
    distance, slope = run(frame)
    assert abs(distance) < 1e-5  # XLA may sum the two in different orders
    assert np.isfinite(slope).all()


def test_frames_too_small_are_named():
    thin = narrow(np.random.default_rng(0))
    with pytest.raises(ValueError, match="16 pixels.*15"):
        perceptual.multiscale(thin, np.ones((1, 15, 20, 3)), np.ones((1, 15, 20, 3)))


def message(path):
    with pytest.raises(UserError) as caught:
        perceptual.load(str(path))
    text = str(caught.value)
    assert len(text.splitlines()) <= 2 and "--config.motion.loss.vgg" in text
    return text


@pytest.mark.parametrize("path", ["", "/no/vgg.safetensors"])
def test_no_file(path):
    text = message(path)
    assert repr(path) in text
    for remedy in ("vgg19(weights='IMAGENET1K_V1')", "vgg19.tv_in1k", "save_file"):
        assert remedy in text


@pytest.mark.parametrize("content", [b"", b"PK\3\4 a zip", b"\xff" * 64])
def test_a_file_that_is_no_safetensors(tmp_path, content):
    path = tmp_path / "vgg.pth"
    path.write_bytes(content)
    assert f"cannot read {path}: " in message(path)


def test_missing_and_misshapen_tensors_are_named(tmp_path):
    path = tmp_path / "vgg.safetensors"
    save_file({"layer1.weight": np.zeros(3, np.float32)}, path)
    assert "features.0.weight should be (64, 3, 3, 3), found none" in message(path)
    kernel = np.zeros((64, 3, 3, 3), np.float32)
    save_file(
        {"features.0.weight": kernel, "features.0.bias": np.zeros(63, np.float32)}, path
    )
    assert "features.0.bias should be (64,), found (63,)" in message(path)
