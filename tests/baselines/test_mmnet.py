"""MMNet: its size, its two branches, and what attention does."""

import jax
import numpy as np
import pytest

from selfme_jax.baselines import mmnet
from selfme_jax.baselines.mmnet import Block, MMNet

SMALL = MMNet(classes=3, size=32, shrink=32)


def drawn(module, *given):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *given, train=False))
    return jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32), shapes)


@pytest.mark.parametrize(("channels", "calibrated"), [(6, True), (3, False)])
def test_parameter_count(channels, calibrated):
    """Summed by hand over the authors' layers; without those that nothing reads."""

    def conv(i, o, k):  # with batch norm
        return i * o * k * k + 2 * o

    def block(i, o, first):
        shortcut = 0 if first else conv(i, o, 1)
        return conv(i, o, 3) + conv(o, o, 1) + shortcut + conv(2, 1, 1)

    def transformer(d):
        attention = 3 * (d * d + d) + d * d + d
        return attention + (d * 2 * d + 2 * d) + (2 * d * d + d) + 4 * d

    main = (
        *(conv(3, 180, 3), conv(180, 128, 3)),
        *(block(128, 128, True), block(128, 128, False)),
        *(block(128, 256, False), block(256, 512, False)),
        512 * 14 * 14 * 3 + 3,
    )
    sub = (3 * 512 + 512, 196 * 512, 3 * transformer(512), 2 * 512)
    expected = sum(main) + sum(sub) * calibrated
    full = MMNet(classes=3, size=224, shrink=1)
    x = np.zeros((1, 32, 32, channels), np.float32)
    shapes = jax.eval_shape(full.init, jax.random.key(0), x)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == expected
    assert expected == (9_241_719 if calibrated else 2_829_943)


def test_a_size_that_does_not_fit():
    x = np.zeros((1, 30, 30, 3), np.float32)
    with pytest.raises(ValueError, match="size 30 must divide by 16"):
        jax.eval_shape(MMNet(3, 30, 32).init, jax.random.key(0), x)


def test_faces_count_only_where_there_are_any():
    rng = np.random.default_rng(1)
    both = rng.uniform(size=(2, 32, 32, 6)).astype(np.float32)
    variables = drawn(SMALL, both)
    variables["batch_stats"] = jax.tree.map(np.ones_like, variables["batch_stats"])
    apply = jax.jit(lambda x: SMALL.apply(variables, x))
    before = np.asarray(apply(both))
    for channels in (slice(0, 3), slice(3, 6)):
        changed = both.copy()
        changed[1, :, :, channels] = rng.uniform(size=(32, 32, 3))
        after = np.asarray(apply(changed))
        np.testing.assert_array_equal(after[0], before[0])
        assert (after[1] != before[1]).all()


def test_attention_goes_on_from_block_to_block():
    """A place that the block before left out stays left out."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 6, 6, 4)).astype(np.float32)
    before = rng.uniform(size=(1, 6, 6, 1)).astype(np.float32)
    before[0, 2, 3] = 0
    block = Block(filters=4, stride=1)
    variables = drawn(block, x, before)
    variables["batch_stats"] = jax.tree.map(np.ones_like, variables["batch_stats"])
    output, attention = block.apply(variables, x, before, train=False)
    assert attention.shape == (1, 6, 6, 1)
    assert float(attention.min()) >= 0 and float(attention.max()) <= 1
    assert (np.asarray(attention) <= before).all()
    np.testing.assert_array_equal(output[0, 2, 3], 0)
    alone, first = block.apply(variables, x, None, train=False)
    np.testing.assert_allclose(attention, first * before, rtol=1e-6)
    np.testing.assert_allclose(output, alone * before, rtol=1e-5, atol=1e-6)


def test_the_largest_channel_and_its_slope():
    x = np.random.default_rng(3).normal(size=(2, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(mmnet.largest(x)[..., 0], x.max(-1))
    slope = jax.grad(lambda x: mmnet.largest(x).sum())(x)
    np.testing.assert_array_equal(slope, x == x.max(-1, keepdims=True))
