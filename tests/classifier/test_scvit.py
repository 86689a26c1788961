"""Regions, tokens and the two transformers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.classifier import regions, tokens
from selfme_jax.classifier.scvit import SCViT, ViT

MODEL = {
    "classes": 3,
    "patch": 7,
    "width": 16,
    "depth": 2,
    "heads": 4,
    "mlp": 2.0,
    "dropout": 0.0,
    "head": "concat",
    "place_scale": 0.5,
}


def scvit(**changes):
    return SCViT(**{**MODEL, "row_fraction": 0.5, "projection": 8, **changes})


def flow(seed=0, n=3, shape=(28, 28, 3)):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def awake(variables):
    """With a head that no longer starts at zero."""
    head = variables["params"]["head"]["logits"]
    rng = np.random.default_rng(0)
    head["kernel"] = jnp.array(rng.normal(size=head["kernel"].shape), jnp.float32)
    return variables


def mirror(x):
    y = x[:, :, ::-1].copy()
    y[..., 0] *= -1
    return y


def test_split_by_hand():
    x = flow(shape=(6, 8, 2))
    upper, lower = regions.split(x, row_fraction=1 / 3, multiple=2)
    np.testing.assert_array_equal(upper[:, 0], x[:, :2, :4])
    np.testing.assert_array_equal(lower[:, 0], x[:, 2:, :4])
    right = x[:, 2:, :3:-1].copy()
    right[..., 0] *= -1
    np.testing.assert_array_equal(lower[:, 1], right)


@pytest.mark.parametrize(
    ("shape", "fraction"), [((6, 6, 2), 0.5), ((5, 8, 2), 0.5), ((6, 8, 2), 0.05)]
)
def test_split_refuses_what_does_not_divide(shape, fraction):
    with pytest.raises(ValueError):
        regions.split(flow(shape=shape), row_fraction=fraction, multiple=2)


def test_patches_by_loops():
    x = flow(shape=(4, 6, 3))
    got = tokens.patches(jnp.array(x), 2)
    for i in range(2):
        for j in range(3):
            patch = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].reshape(3, -1)
            np.testing.assert_array_equal(got[:, 3 * i + j], patch)


@pytest.mark.parametrize("head", ["concat", "mean", "token", "symmetric"])
@pytest.mark.parametrize("row_fraction", [0.5, 0.25])
def test_mirroring_swaps_left_and_right_features(head, row_fraction):
    model = scvit(head=head, row_fraction=row_fraction)
    x = flow()
    variables = awake(model.init(jax.random.key(1), x))
    logits, features = model.apply(variables, x)
    mirrored_logits, mirrored = model.apply(variables, mirror(x))
    assert logits.shape == (3, 3) and features.shape == (3, 4, 8)
    np.testing.assert_allclose(mirrored, features[:, [1, 0, 3, 2]], atol=2e-6)
    assert np.abs(features[:, 0] - features[:, 1]).max() > 0.05
    same = np.abs(mirrored_logits - logits).max() < 1e-5
    assert same == (head in ("symmetric", "mean", "token"))


def test_without_negating_u_the_features_do_not_swap():
    model = scvit()
    x = flow()
    variables = model.init(jax.random.key(1), x)
    features = model.apply(variables, x)[1]
    flipped = model.apply(variables, x[:, :, ::-1])[1]
    assert np.abs(flipped - features[:, [1, 0, 3, 2]]).max() > 0.05


def test_parameters_of_the_default_size():
    model = scvit(width=128, depth=1, projection=64)
    shapes = jax.eval_shape(model.init, jax.random.key(0), flow(n=1))["params"]
    width, tokens_seen = 128, 16
    expected = (
        (7 * 7 * 3 + 1) * width  # patch embedding
        + 4 * width + 2 * width  # place within a region, region
        + 3 * width * width + (width + 1) * width  # attention
        + (width + 1) * 2 * width + (2 * width + 1) * width  # mlp
        + 3 * 2 * width  # layer norms
        + (tokens_seen * width + 1) * 3  # head
        + (width + 1) * 64  # projection
    )  # fmt: skip
    assert sum(x.size for x in jax.tree.leaves(shapes)) == expected


def test_attention_against_flax():
    from flax import linen as nn

    from selfme_jax.classifier.transformer import Attention

    x = flow(shape=(5, 16))
    ours = Attention(heads=4)
    params = ours.init(jax.random.key(0), x)["params"]
    theirs = nn.MultiHeadDotProductAttention(num_heads=4)
    q, k, v = jnp.split(params["qkv"]["kernel"], 3, axis=1)
    zero = jnp.zeros((4, 4))
    twin = {
        n: {"kernel": w.reshape(16, 4, 4), "bias": zero}
        for n, w in zip(("query", "key", "value"), (q, k, v), strict=True)
    }
    twin["out"] = {
        "kernel": params["out"]["kernel"].reshape(4, 4, 16),
        "bias": params["out"]["bias"],
    }
    expected = theirs.apply({"params": twin}, x)
    np.testing.assert_allclose(ours.apply({"params": params}, x), expected, atol=1e-5)


def test_vit_sees_place_and_does_not_know_sides():
    model = ViT(**MODEL)
    x = flow()
    variables = awake(model.init(jax.random.key(0), x))
    logits = model.apply(variables, x)
    assert logits.shape == (3, 3)
    assert np.abs(model.apply(variables, mirror(x)) - logits).max() > 1e-3


def test_logits_start_at_zero():
    model = scvit()
    assert not model.apply(model.init(jax.random.key(0), flow()), flow())[0].any()


def test_unknown_head():
    with pytest.raises(ValueError, match="concat"):
        scvit(head="max").init(jax.random.key(0), flow())


def test_dropout_needs_training_and_changes_logits():
    model = scvit(dropout=0.5)
    x = flow()
    variables = awake(model.init(jax.random.key(0), x))
    calm = model.apply(variables, x)[0]
    key = jax.random.key(1)
    wild = model.apply(variables, x, train=True, rngs={"dropout": key})[0]
    assert np.abs(calm - wild).max() > 1e-3
