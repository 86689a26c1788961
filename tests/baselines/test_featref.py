"""FeatRef, a reconstruction: its size, its branches and its loss against NumPy."""

import jax
import numpy as np
import pytest

from selfme_jax.baselines import featref
from selfme_jax.baselines.featref import FeatRef

CLASSES = 3


def test_parameter_count():
    """Two streams and three branches; see the sum."""
    model = FeatRef(classes=3, dropout=0.0, size=28, hidden=1024, specific=256)
    x = np.zeros((1, 28, 28, 3), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    streams = 6_449_963 - 6272 * 1024 - 1024 - 1024 * 3 - 3  # of Dual-Inception
    shared = 6272 * 1024 + 1024
    branch = 1024 * 1024 + 1024 + 1024 * 256 + 256 + 256 + 1
    total = streams + shared + 3 * branch + 3 * 256 * 3 + 3
    assert sum(x.size for x in jax.tree.leaves(params)) == total == 10_385_966


def test_branches_are_attention_features_and_proposals():
    """From the shared vector on, in NumPy."""
    model = FeatRef(classes=CLASSES, dropout=0.0, size=8, hidden=6, specific=5)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 8, 8, 3)).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    variables = jax.tree.map(lambda x: rng.normal(size=x.shape) * 0.3, shapes)
    keep = {"capture_intermediates": True, "mutable": ["intermediates"]}
    (logits, proposals), seen = model.apply(variables, x, **keep)
    seen, params = seen["intermediates"], variables["params"]

    def dense(x, name):
        return x @ params[name]["kernel"] + params[name]["bias"]

    streams = [np.asarray(seen[name]["__call__"][0]) for name in "uv"]
    shared = np.maximum(dense(np.concatenate(streams, 1), "shared"), 0)
    assert (shared > 0).any()
    own, expected = [], []
    for k in range(CLASSES):
        attention = 1 / (1 + np.exp(-dense(shared, f"attention_{k}")))
        own.append(np.maximum(dense(attention * shared, f"specific_{k}"), 0))
        expected.append(dense(own[k], f"proposal_{k}"))
    np.testing.assert_allclose(proposals, np.concatenate(expected, 1), rtol=1e-3)
    fused = dense(np.concatenate(own, 1), "logits")
    np.testing.assert_allclose(logits, fused, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 2], [0, 0, 1, 1, 1]])
def test_the_proposal_loss_weighs_a_class_as_all_others_together(labels):
    labels = np.array(labels)  # in the second case there is no class 2
    proposals = np.random.default_rng(1).normal(size=(5, CLASSES))
    expected = 0.0
    for k in range(CLASSES):
        chance = 1 / (1 + np.exp(-proposals[:, k]))
        inside = labels == k
        for members, p in ((inside, chance), (~inside, 1 - chance)):
            if members.any():
                expected += 0.5 * -np.log(p[members]).mean()
    got = featref.proposal_loss(proposals.astype(np.float32), labels)
    assert got.shape == (5,)
    assert float(got.mean()) == pytest.approx(expected, rel=1e-5)
