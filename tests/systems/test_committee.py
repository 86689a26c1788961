"""The committee: means of its networks, sides, files; what comes with the package."""

import jax
import numpy as np
import pytest

from selfme_jax.data.synthetic import expressions, flow_fields
from selfme_jax.data.synthetic.expressions import Mixture
from selfme_jax.systems import committee, committee_making
from selfme_jax.systems.committee import ALL, CLASSES, KINDS, UNITS
from selfme_jax.types import UserError

OUTPUTS = len(CLASSES) + len(UNITS)


@pytest.fixture(scope="module")
def images():
    mixture = expressions.mixture()
    spread = flow_fields.Spread()
    return flow_fields.draw(0, 0, 7, mixture=mixture, spread=spread).images


@pytest.fixture(scope="module")
def networks():
    """Two drawn networks of each kind, no head of zeros."""
    blank = jax.ShapeDtypeStruct((1, *committee.SHAPE), "float32")
    rng = np.random.default_rng(1)

    def drawn(x):
        start = x.ndim == 1 and x.shape[0] == 64  # scales of layer norms, about
        values = start + 0.05 * rng.standard_normal(x.shape)
        return values.astype(np.float16).astype(np.float32)

    found = {}
    for kind in KINDS:
        init = committee.module(kind).init
        shapes = jax.eval_shape(init, jax.random.key(0), blank)["params"]
        found[kind] = [jax.tree.map(drawn, shapes) for _ in range(2)]
    return found


@pytest.fixture(scope="module")
def made(networks):
    held = committee_making.Lesson(
        np.random.default_rng(2).integers(0, 256, (60, 28, 28, 3)).astype(np.uint8),
        np.eye(3, dtype=np.float32)[np.arange(60) % 3],
        np.arange(60 * 12).reshape(60, 12) % 5 % 2,
        (np.arange(60 * 12).reshape(60, 12) % 3 - 1).astype(np.int8),
    )
    return committee_making.calibrated(committee_making.assemble(networks), held)


def test_what_is_read():
    image = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3)).astype(np.uint8)
    read = committee.standardise(image)
    flat = image.reshape(2, -1, 3).astype(float)
    flat = flat - np.median(flat, axis=1, keepdims=True)
    wanted = 0.6 * flat / flat.std(1, keepdims=True)
    np.testing.assert_allclose(read.reshape(2, -1, 3), wanted, atol=1e-4)
    still = committee.standardise(np.full((1, 28, 28, 3), 7, np.uint8))
    np.testing.assert_array_equal(still, 0)


def test_answers_are_means_over_seeds_and_kinds(networks, images):
    stacked = committee_making.assemble(networks)
    got = committee.predict(stacked, images, batch_size=4)  # the last one filled up
    read = committee.standardise(images)
    means = []
    for kind in KINDS:
        each = []
        apply = jax.jit(committee.module(kind).apply)
        for params in networks[kind]:
            output = apply({"params": params}, read)
            each.append(output[0] if isinstance(output, tuple) else output)
        means.append(np.mean(each, axis=0))
        np.testing.assert_allclose(got[kind], means[-1], rtol=1e-3, atol=1e-3)
    assert got[ALL].shape == (7, OUTPUTS)
    np.testing.assert_allclose(got[ALL], np.mean(means, axis=0), rtol=1e-3, atol=1e-3)
    none = committee.predict(stacked, images[:0], batch_size=4)
    assert none[ALL].shape == (0, OUTPUTS)


def test_a_mirrored_face_has_the_other_side(networks, images):
    stacked = committee_making.assemble(networks)
    read = committee.standardise(images)
    mirrored = read[:, :, ::-1] * np.array([-1, 1, 1], np.float32)
    there = committee.side_logits(stacked, read)
    back = committee.side_logits(stacked, mirrored)
    assert np.abs(there).max() > 0.1
    np.testing.assert_allclose(there, -back, atol=1e-4)


def test_sides_by_hand():
    difference = np.array([[2.0, -2.0, 0.5, -0.5, 0.0]])
    got = committee.sides(difference, np.array([1.0, 1.0, 1.0, 0.2, 0.0]))
    np.testing.assert_array_equal(got, [[-1, 1, 0, 1, 0]])


def test_a_file_gives_the_same_committee(made, images, tmp_path):
    content = committee.dump(made)
    assert content == committee.dump(made)
    again = committee.restore(content, "FILE")
    both = [committee.predict(m.networks, images) for m in (made, again)]
    for name in (ALL, *KINDS):
        np.testing.assert_array_equal(both[0][name], both[1][name])
        a, b = made.decisions[name], again.decisions[name]
        np.testing.assert_allclose(a.margins, b.margins, rtol=1e-6)
        for x, y in zip(a.calibration, b.calibration, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)


def test_files_of_something_else_are_refused(made):
    content = committee.dump(made)
    with pytest.raises(UserError, match="FILE"):
        committee.restore(content[:-100], "FILE")
    with pytest.raises(UserError, match="FILE"):
        committee.restore(b"", "FILE")
    some = {"linear": made.networks["linear"], "vit": made.networks["linear"]}
    with pytest.raises(UserError, match="FILE does not fit"):
        committee.restore(committee.dump(made._replace(networks=some)), "FILE")
    few = {name: made.decisions[name] for name in ("linear", ALL)}
    with pytest.raises(UserError, match="it lacks"):
        committee.restore(committee.dump(made._replace(decisions=few)), "FILE")
    network = committee.dump_network({"logits": {"bias": np.zeros(3)}})
    with pytest.raises(UserError, match="FILE does not fit"):
        committee.restore_network(network, "linear", "FILE")


# What comes with the package, on fields that it was not trained on: far above chance,
# below what was measured (see the card), so that rounding elsewhere is no matter.
@pytest.fixture(scope="module")
def shipped():
    return committee.load()


def one_sided(unit, side):
    """[40, 28, 28, 3]: this AU on one side of the picture."""
    sides = np.zeros((1, 1, 2), np.float32)
    sides[0, 0, side] = 1
    mixture = Mixture((unit,), sides, np.ones(1), np.ones((1, 3), np.float32) / 3)
    spread = flow_fields.Spread(noise=0.4, head=0.3)
    return flow_fields.draw(5, unit, 80, mixture=mixture, spread=spread)


@pytest.mark.parametrize("unit", [1, 2, 4, 12])
def test_the_shipped_model_tells_sides(shipped, unit):
    drawn = one_sided(unit, 0)  # some are swapped by the drawing
    found = committee.differences(shipped[0].networks, drawn.images)
    column = UNITS.index(unit)
    got = -np.sign(found[:, column])
    assert set(drawn.sides[:, 0]) == {-1, 1}
    assert (got == drawn.sides[:, 0]).mean() > 0.75


def test_the_shipped_card_is_of_the_shipped_file(shipped):
    import hashlib

    place = committee.WEIGHTS / "builtin.safetensors"
    content = place.read_bytes()
    card = shipped[1]
    assert hashlib.sha256(content).hexdigest() == card["sha256"]
    assert len(content) == card["bytes"] < 5_000_000
    assert committee.dump(shipped[0]) == content
    assert {"data", "limits", "real", "held_out", "sure"} <= set(card)
    assert card["units"] == list(UNITS) and card["classes"] == list(CLASSES)
    shown = (committee.WEIGHTS / "builtin.md").read_text()
    assert card["sha256"] in shown


def test_the_shipped_model_knows_fields_it_has_not_seen(shipped):
    mixture = expressions.mixture(flat=0.2, sharpness=3.0)
    spread = flow_fields.Spread()
    drawn = flow_fields.draw(77, 0, 300, mixture=mixture, spread=spread)
    found = committee.predict(shipped[0].networks, drawn.images)[ALL]
    classes, _, noted = committee.decide(shipped[0].decisions[ALL], found)
    met = drawn.classes.any(1)
    right = classes.argmax(1) == drawn.classes.argmax(1)
    assert right[met].mean() > 0.6
    column = mixture.units.index(4)
    truth = drawn.units[:, column] == 1
    hits = noted[:, UNITS.index(4)]
    assert 2 * (hits & truth).sum() / (hits.sum() + truth.sum()) > 0.7
