"""Starting from the built-in model: at first it is that model, then it learns."""

import jax
import numpy as np
import pytest
from plans import plan
from selfme_jax.configs import base

from selfme_jax.inference import model
from selfme_jax.run import build
from selfme_jax.systems import builtin, committee
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.targets.classes import Classes
from selfme_jax.types import Sample, UserError


class Images:
    """28x28 flow images, as a dataset."""

    classes = committee.CLASSES
    samples = tuple(Sample("d", f"s{i}", "c", i % 3, aus="1+4") for i in range(6))
    images = (
        np.kron(
            np.random.default_rng(0).uniform(0, 255, (6, 7, 7, 3)),
            np.ones((1, 4, 4, 1)),
        )
    ).astype(np.float32)


def config(method="scvit", **changes):
    found = base.get_config()
    found.method, found.input, found.start = method, "images", "builtin"
    found.flow.centre = found.flow.standardise = True
    found.flow.scale = 0.3
    return plan(found, **changes)


def untrained(target):
    settings = SYSTEMS["builtin"].settings
    return builtin.create(target, None, settings, None).scores(Images.images)


def first(made):
    """Variables of a run before its first step, and what it says then."""
    read = made.prepare(Images.images[None])[0]
    task = made.task((1, *read.shape), 6)
    drawn = jax.jit(task.init)(jax.random.key(3))
    params = {**drawn["params"], **task.start["params"]}
    output = made.module.apply({"params": params}, read, train=False)
    return params, np.asarray(made.logits(output))


@pytest.mark.parametrize("method", ["scvit", "vit"])
def test_before_the_first_step_it_is_the_built_in_model(method):
    made = build.method(config(method), Images)
    params, logits = first(made)
    np.testing.assert_allclose(
        logits, untrained(Classes(committee.CLASSES)), rtol=1e-4, atol=1e-4
    )
    shipped = committee.load()[0].networks[method]
    for part in ("embed", "encoder"):
        own, theirs = (jax.tree.leaves(tree[part]) for tree in (params, shipped))
        for x, y in zip(own, theirs, strict=True):
            np.testing.assert_array_equal(x, y[0])
    assert not np.any(params["head"]["logits"]["kernel"])


def test_of_units_as_well():
    made = build.method(config(target="action_units"), Images)
    _, logits = first(made)
    wanted = untrained(ActionUnits(committee.UNITS))
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)


def test_its_own_recipe_counts():
    chosen = config(started__steps=7)
    assert build.method(chosen, Images).recipe.steps == 7
    without = config(start="")
    assert build.method(without, Images).recipe.steps == 250
    depends = (chosen.classifier(), config(started__steps=8).classifier())
    assert depends[0] != depends[1]


def test_gradients_reach_the_body():
    made = build.method(config(), Images)
    read = made.prepare(Images.images[None])[0]
    params, _ = first(made)
    params["head"] = jax.tree.map(lambda x: x + 0.1, params["head"])

    def value(params):
        output = made.module.apply({"params": params}, read, train=False)
        return made.logits(output)[:, 0].sum()

    gradient = jax.jit(jax.grad(value))(params)
    assert np.abs(gradient["embed"]["patch"]["kernel"]).max() > 0


def test_exported_it_says_the_same():
    chosen = config()
    made = build.method(chosen, Images)
    params, logits = first(made)
    target = Classes(committee.CLASSES)
    description = model.describe(chosen.settings, target, (28, 28, 3))
    assert description.start == "builtin"
    exported = model.build(description, {"classifier": {"params": params}})
    said = jax.jit(exported.apply)(exported.variables, Images.images)
    probs = np.asarray(target.link(logits))
    np.testing.assert_allclose(said["probabilities"], probs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"method": "ststnet"}, "not ststnet"),
        ({"scvit__model__width": 32}, "config.scvit.model"),
        ({"flow__channels": "uv"}, "u, v and strain"),
        ({"target": "action_units", "action_units__units": (1, 26)}, "au26"),
        ({"start": "resnet"}, "config.start"),
    ],
)
def test_what_cannot_start_from_it(changes, word):
    with pytest.raises(UserError, match=word):
        build.method(config(**changes), Images)


def test_images_of_another_size_are_refused():
    class Small(Images):
        images = Images.images[:, :14]

    with pytest.raises(UserError, match=r"\(14, 28, 3\)"):
        build.method(config(), Small)
