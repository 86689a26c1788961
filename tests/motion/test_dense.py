import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.motion import dense


def test_dropout_keeps_the_expected_mass_of_the_moving_candidates():
    # Two moving candidates and a high rate: the 'never all' rescue matters.
    logits = jnp.array([0.3, -0.7, 1.1])[None, None, None]
    many = jnp.tile(logits, (20000, 1, 1, 1))
    draws = dense.drop_candidates(jax.random.key(3), many, rate=0.6)
    mass = np.exp(np.asarray(draws, np.float64)).mean((0, 1, 2))
    np.testing.assert_allclose(mass, np.exp(np.ravel(logits)), rtol=0.02)


def test_dropout_drops_whole_candidates_but_never_all():
    logits = jnp.zeros((64, 3, 5, 4))
    out = np.asarray(dense.drop_candidates(jax.random.key(1), logits, rate=0.97))
    dropped = np.isneginf(out)
    assert (dropped == dropped[:, :1, :1]).all()  # per sample, not per pixel
    assert not dropped[..., 0].any()
    assert (~dropped[:, 0, 0, 1:]).any(-1).all()
    assert dropped[:, 0, 0, 1:].mean() > 0.5
    chosen = (~dropped[:, 0, 0, 1:]).argmax(-1)
    assert len(set(chosen.tolist())) == 3  # the rescued one is drawn, not fixed


def test_dropout_rate_zero_changes_nothing_and_gradients_stay_finite():
    logits = jax.random.normal(jax.random.key(0), (2, 3, 4, 5))
    out = dense.drop_candidates(jax.random.key(1), logits, rate=0.0)
    np.testing.assert_allclose(out, logits, atol=1e-6)

    def entropy(x):
        p = jax.nn.softmax(dense.drop_candidates(jax.random.key(2), x, rate=0.7))
        return (p**2).sum()

    gradient = jax.jit(jax.grad(entropy))(logits)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_dropout_rate_rises_holds_and_ends():
    rates = [dense.dropout_rate(s, ramp=10, stop=30, rate=0.3) for s in (0, 5, 20, 30)]
    np.testing.assert_allclose(rates, [0, 0.15, 0.3, 0], atol=1e-7)


def test_flow_is_the_weighted_sum_of_candidates(network, params, pair):
    run = jax.jit(
        lambda key: network.apply(
            params, *pair, method="motion", dropout=0.5, rngs={"dropout": key}
        )
    )
    motion = jax.tree.map(np.asarray, run(jax.random.key(0)))
    np.testing.assert_allclose(motion.weights.sum(-1), 1, rtol=1e-5)
    expected = np.zeros_like(motion.flow)
    for k in range(3):
        expected += motion.weights[..., k, None] * motion.candidates[:, k]
    np.testing.assert_allclose(motion.flow, expected, atol=1e-6)
    other = run(jax.random.key(4))
    assert np.abs(other.weights - motion.weights).max() > 1e-3


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_occlusion_maps_double_up_to_the_frame(network, pair, levels):
    network = network.clone(generator_down=levels - 1)
    out = jax.eval_shape(network.init_with_output, jax.random.key(0), *pair)[0]
    shapes = [m.shape[1:] for m in out.motion.occlusion]
    assert shapes == [
        (-(-24 // 2**i), -(-20 // 2**i), 1) for i in reversed(range(levels))
    ]
