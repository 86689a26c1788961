"""A trained network as what answers of face crops."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.inference.network_answers import NetworkAnswers


def network(classes=("negative", "positive"), target="classes"):
    """The mean grey level of the apex, of 255, is the share of the second class."""

    def apply(variables, onset, apex):
        share = jnp.mean(apex.astype(jnp.float32), (1, 2, 3)) / 255
        return {"probabilities": jnp.stack([1 - share, share], -1)}

    return SimpleNamespace(
        description=SimpleNamespace(classes=classes, target=target, shape=(8, 6, 3)),
        input=SimpleNamespace(of_clips=True, words="clips"),
        arguments=("onset", "apex"),
        variables={},
        apply=apply,
    )


def test_it_is_compiled_by_its_first_answer():
    answers = NetworkAnswers(network(), {})
    dark, light = (np.full((1, 40, 40, 3), v, np.uint8) for v in (20, 204))
    assert not answers.compiled
    said = answers.answer(dark, light)
    assert answers.compiled
    np.testing.assert_allclose(said.probabilities, [[0.2, 0.8]], atol=1e-3)
    assert not said.unsure[0] and not said.still[0] and said.units.shape == (1, 0)
    assert answers.answer(light, light).still[0]


def test_units_are_noted_from_one_half():
    answers = NetworkAnswers(network(("au4", "au12"), "action_units"), {})
    assert answers.units == (4, 12) and answers.classes == ()
    dark, light = (np.full((1, 40, 40, 3), v, np.uint8) for v in (20, 204))
    said = answers.answer(dark, light)
    assert said.noted.tolist() == [[False, True]]
    assert said.units[0] == pytest.approx([0.2, 0.8], abs=1e-3)
