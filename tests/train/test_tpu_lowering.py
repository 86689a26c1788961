"""What a TPU would run, as lowered for it by ``jax.export`` on this machine."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from plans import plan
from selfme_jax.configs import base, casme2

from selfme_jax.inputs import learned
from selfme_jax.inputs.device_clips import DeviceClips as Frames
from selfme_jax.ops import warp
from selfme_jax.run import build
from selfme_jax.systems.deep import Data
from selfme_jax.targets.classes import Classes
from selfme_jax.train import step
from selfme_jax.train.state import Run

SIZE, CLIPS, LENGTH = 256, 6, 4


def shape(*sizes, dtype=np.float32):
    return jax.ShapeDtypeStruct(sizes, dtype)


def one_run(samples):
    number = shape(dtype=np.int32)
    return Run(number, number, number, shape(samples), shape(2, dtype=np.int32))


def lowered(function, *args, platform="tpu"):
    made = jax.export.export(jax.jit(function), platforms=[platform])(*args)
    assert made.platforms == (platform,)
    return made.mlir_module()


def gathers(text):
    """(operand, result) shapes of every gather, '16x256x256x3xf32'."""
    found = re.findall(
        r'"stablehlo.gather".*: \(tensor<(\S+)>, tensor<\S+>\) -> tensor<(\S+)>', text
    )
    assert len(found) == text.count('"stablehlo.gather"')
    return found


def pixelwise(text):
    """Gathers that take less than a whole row of a frame at a time."""
    number = re.compile(r"slice_sizes = array<i64: ([\d, ]+)>")
    taken = [np.prod([int(x) for x in n.split(",")]) for n in number.findall(text)]
    assert len(taken) == len(gathers(text))
    return [
        pair
        for pair, size in zip(gathers(text), taken, strict=True)
        # Not of a line of numbers: the weights of the clips that were drawn.
        if "f32" in pair[0] and pair[0].count("x") > 1 and size < SIZE
    ]


@pytest.fixture(scope="module")
def motion():
    """The motion stage of CASME II at its full size, and its arguments."""
    made = learned._build(plan(casme2.get_config()).settings)
    numbers = shape(CLIPS, dtype=np.int32)
    frames = shape(CLIPS, LENGTH, SIZE, SIZE, 3, dtype=np.uint8)
    data = Frames(frames, numbers, numbers)
    task, run = made.task(frames.shape), one_run(CLIPS)
    state = jax.eval_shape(partial(step.init, task), run)
    return made, task, state, run, data


def test_motion_step(motion):
    _, task, state, run, data = motion
    text = lowered(partial(step.update, task), state, run, data)
    assert not pixelwise(text) and "stablehlo.scatter" not in text
    assert "stablehlo.convolution" in text and "bf16" in text
    # Whole frames of the batch are taken from the clips.
    assert [b for _, b in gathers(text)].count(f"16x{SIZE}x{SIZE}x3xui8") == 2


def test_motion_inference(motion):
    made, task, state, _, data = motion
    variables = jax.eval_shape(partial(step.variables, task), state)
    text = lowered(lambda v, d: made.read(v, None, d), variables, data)
    assert not pixelwise(text) and "stablehlo.scatter" not in text


def test_loso_step_and_inference():
    made = build._method(plan(base.get_config()), Classes(("a", "b", "c")))
    data = Data(shape(1, 20, 28, 28, 3), shape(20, dtype=np.int32))
    task, run = made.task(data.inputs.shape, 20), one_run(20)

    def runs(tree):
        return jax.tree.map(lambda x: shape(5, *x.shape, dtype=x.dtype), tree)

    state = jax.eval_shape(partial(step.init, task), run)
    update = jax.vmap(partial(step.update, task), in_axes=(0, 0, None))
    assert "stablehlo.dot_general" in lowered(update, runs(state), runs(run), data)
    variables = jax.eval_shape(partial(step.variables, task), state)
    predict = jax.vmap(made.predict, in_axes=(0, 0, None))
    lowered(predict, runs(variables), runs(run), data)


def test_the_form_of_a_warp_is_that_of_the_platform():
    args = shape(2, 40, 50, 3), shape(2, 20, 30, 2)
    for function in (warp.sample, warp.warp):
        assert len(pixelwise(lowered(function, *args))) == 0
        assert len(pixelwise(lowered(function, *args, platform="cpu"))) == 4
    assert not pixelwise(lowered(warp.sample_matmul, *args, platform="cpu"))


def test_blocks_of_rows_change_nothing(monkeypatch):
    """What a TPU runs, run here: values and gradients, in blocks of two rows."""
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(2, 9, 13, 3)).astype(np.float32)
    flow = rng.normal(size=(2, 8, 6, 2)).astype(np.float32) * 0.3
    weights = rng.normal(size=(2, 8, 6, 3)).astype(np.float32)

    def energy(image, flow):
        return (warp.warp(image, flow) * weights).sum()

    expected = jax.value_and_grad(energy, (0, 1))(image, flow)
    with monkeypatch.context() as patch:
        patch.setattr(warp, "_LARGEST", 2 * 6 * 13 * 3)
        patch.setattr(warp, "_chosen", warp._blocks)
        jax.clear_caches()
        found = jax.value_and_grad(energy, (0, 1))(image, flow)
        text = jax.jit(energy).lower(image, flow).as_text()
    jax.clear_caches()
    assert "stablehlo.while" in text and not gathers(text)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), found, expected
    )
