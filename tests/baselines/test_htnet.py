"""HTNet: its size, its regions, and that attention stays within them."""

import jax
import numpy as np
import pytest

from selfme_jax.baselines import htnet
from selfme_jax.baselines.htnet import HTNet, Level


def build(size=28):
    return HTNet(
        classes=3,
        dropout=0.0,
        size=size,
        patch=7,
        width=256,
        heads=3,
        repeats=(2, 2, 10),
    )


def test_parameter_count():
    """Summed by hand over the authors' layers."""

    def block(d, inner):  # norms, q k v, out, MLP
        return 4 * d + 3 * d * inner + (inner + 1) * d + (2 * 4 * d + 5) * d

    def merge(d):  # convolution and norm
        return 9 * d * 2 * d + 3 * 2 * d

    expected = (
        *(7 * 7 * 3 * 256 + 256, 3),  # embedding; a place a level
        *(2 * block(256, 255), 2 * block(512, 510), 10 * block(1024, 1020)),
        *(merge(256), merge(512), 2 * 1024, 1024 * 3 + 3),
    )
    x = np.zeros((1, 28, 28, 3), np.float32)
    shapes = jax.eval_shape(build().init, jax.random.key(0), x)
    assert sum(x.size for x in jax.tree.leaves(shapes)) == sum(expected) == 139_582_982
    assert jax.eval_shape(build().apply, shapes, x).shape == (1, 3)


def test_a_size_that_does_not_fit():
    with pytest.raises(ValueError, match="size 30"):
        jax.eval_shape(build(30).init, jax.random.key(0), np.zeros((1, 30, 30, 3)))


def test_regions_are_cut_and_joined():
    x = np.arange(2 * 8 * 4 * 3).reshape(2, 8, 4, 3)
    regions = htnet.cut(x, 2)
    assert regions.shape == (2, 2, 2, 4, 2, 3)
    np.testing.assert_array_equal(regions[:, 1, 0], x[:, 4:, :2])
    np.testing.assert_array_equal(htnet.join(regions), x)


def test_attention_stays_within_a_region():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 2, 2, 2, 2, 6)).astype(np.float32)
    level = Level(blocks=1, heads=3, dropout=0.0)
    shapes = jax.eval_shape(lambda: level.init(jax.random.key(0), x, train=False))
    variables = jax.tree.map(lambda s: rng.normal(size=s.shape), shapes)
    apply = jax.jit(lambda x: level.apply(variables, x, train=False))
    changed = x.copy()
    changed[0, 1, 0, 0, 1] += rng.normal(size=6)
    differs = (np.asarray(apply(x)) != apply(changed)).any(-1)[0]
    assert differs[1, 0].all()
    assert differs.sum() == 4
