"""The optimizer against its own description."""

import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.train import optimizer

OPTIONS = {
    "learning_rate": 0.1,
    "warmup": 0.0,
    "decay": "constant",
    "weight_decay": 0.0,
    "clip": 0,
}


def updates(steps, gradient, params, **changes):
    adam = optimizer.adamw(steps, **{**OPTIONS, **changes})
    state = adam.init(params)
    out = []
    for _ in range(steps):
        update, state = adam.update(gradient, state, params)
        out.append(update)
    return out


def test_warmup_rises_from_the_first_step_and_cosine_ends_near_zero():
    params = {"w": jnp.ones((2, 2))}
    # Adam's update of a constant gradient is the learning rate itself.
    out = updates(20, params, params, warmup=0.2, decay="cosine")
    rates = np.array([-u["w"][0, 0] for u in out])
    np.testing.assert_allclose(rates[:4], [0.025, 0.05, 0.075, 0.1], rtol=1e-4)
    assert rates.argmax() in (3, 4) and 0 < rates[-1] < 0.002
    assert (np.diff(rates[4:]) < 0).all()


def test_weight_decay_spares_vectors():
    params = {"w": jnp.full((2, 2), 3.0), "b": jnp.full((2,), 3.0)}
    zero = {"w": jnp.zeros((2, 2)), "b": jnp.zeros(2)}
    (update,) = updates(1, zero, params, weight_decay=0.5)
    np.testing.assert_allclose(update["w"], -0.1 * 0.5 * 3.0, rtol=1e-5)
    np.testing.assert_allclose(update["b"], 0.0)


def test_unknown_decay():
    with pytest.raises(ValueError, match="cosine"):
        optimizer.adamw(5, **{**OPTIONS, "decay": "step"})
