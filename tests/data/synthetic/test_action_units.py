"""Action units move the right skin the right way, alike on both sides."""

import numpy as np
import pytest

from selfme_jax.data.synthetic import action_units, anatomy, performance

FACE = anatomy.draw(np.random.default_rng(5))
POINTS = anatomy.landmarks(FACE)
MIRROR = np.array([-1.0, 1.0])


def motion(au: int, landmark: str) -> np.ndarray:
    return action_units.place(FACE, {au: 1.0}).evaluate(np.array(POINTS[landmark]))


# FACS: AU, landmark of the right side, sign of the motion (x outward, y down).
DIRECTIONS = [
    (1, "brow_inner", 0, -1),  # inner brow raiser
    (2, "brow_outer", 0, -1),  # outer brow raiser
    (4, "brow_inner", -1, 1),  # brow lowerer, draws the brows together
    (5, "lid_upper", 0, -1),  # upper lid raiser
    (6, "cheek", 0, -1),  # cheek raiser
    (7, "lid_lower", 0, -1),  # lid tightener
    (9, "nose_wing", 0, -1),  # nose wrinkler
    (12, "mouth_corner", 1, -1),  # lip corner puller
    (14, "mouth_corner", -1, 0),  # dimpler
    (15, "mouth_corner", 0, 1),  # lip corner depressor
    (45, "lid_upper", 0, 1),  # blink
]


@pytest.mark.parametrize(("au", "landmark", "outward", "down"), DIRECTIONS)
def test_directions(au, landmark, outward, down):
    right, left = motion(au, f"{landmark}_r"), motion(au, f"{landmark}_l")
    np.testing.assert_allclose(left, MIRROR * right, atol=1e-12)
    assert np.linalg.norm(right) > 0.4
    for value, sign in zip(right, (outward, down), strict=True):
        if sign:
            assert np.sign(value) == sign
            assert abs(value) > 0.2
        else:
            assert abs(value) < 0.5 * np.linalg.norm(right)


@pytest.mark.parametrize(
    ("au", "landmark", "down"),
    [(10, "lip_upper", -1), (17, "chin", -1), (26, "lip_lower", 1)],
)
def test_directions_at_the_midline(au, landmark, down):
    x, y = motion(au, landmark)
    assert abs(x) < 1e-12
    assert np.sign(y) == down


def test_motion_stays_local():
    assert np.linalg.norm(motion(12, "brow_inner_r")) < 1e-3
    assert np.linalg.norm(motion(1, "mouth_corner_r")) < 1e-3
    assert np.linalg.norm(motion(5, "mouth_corner_l")) < 1e-3


def test_field_is_the_sum_of_bumps():
    """Against a float64 loop over the table, at asymmetric points."""
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    expected = np.zeros((50, 2))
    intensities = {12: 0.7, 26: 1.2}
    for i, (x, y) in enumerate(points):
        for au, intensity in intensities.items():
            for bump in action_units.AUS[au]:
                middle = bump.landmark in POINTS
                for side in (1,) if middle else (-1, 1):
                    name = bump.landmark + ("" if middle else "_r")
                    cx = side * (POINTS[name][0] + bump.shift[0])
                    cy = POINTS[name][1] + bump.shift[1]
                    height = intensity * np.exp(
                        -(((x - cx) / (1.1 * bump.extent[0])) ** 2) / 2
                        - ((y - cy) / (1.1 * bump.extent[1])) ** 2 / 2
                    )
                    expected[i] += height * np.array([side, 1]) * bump.motion
    field = action_units.place(FACE, intensities, extent=1.1)
    np.testing.assert_allclose(field.evaluate(points), expected, atol=1e-12)


def test_sides_scale_their_half():
    field = action_units.place(FACE, {12: 1.0}, sides=(0.5, 1.0))
    left = field.evaluate(np.array(POINTS["mouth_corner_l"]))
    right = field.evaluate(np.array(POINTS["mouth_corner_r"]))
    np.testing.assert_allclose(left, 0.5 * MIRROR * right, rtol=0.1)


def test_expressions_are_made_of_their_action_units():
    """AU12 positive; AU1+2+5 or 1+2+26 surprise; AU4, 9 or 15 negative."""
    for emotion, units in action_units.EXPRESSIONS["positive"]:
        assert emotion == "happiness"
        assert max(units, key=units.get) == 12
    for _, units in action_units.EXPRESSIONS["surprise"]:
        assert set(units) in ({1, 2, 5}, {1, 2, 26})
    for _, units in action_units.EXPRESSIONS["negative"]:
        assert max(units, key=units.get) in {4, 9, 15}


def test_bystanders_stay_weaker_than_the_expression():
    rng = np.random.default_rng(0)
    joined = 0
    for label in [0, 1, 2] * 60:
        emotion, intensities = performance.expression(rng, label)
        name = ("negative", "positive", "surprise")[label]
        own = [units for e, units in action_units.EXPRESSIONS[name] if e == emotion]
        fitting = [units for units in own if units.keys() <= intensities.keys()]
        assert fitting
        units = max(fitting, key=len)
        others = [v for au, v in intensities.items() if au not in units]
        joined += len(others)
        assert max([0, *others]) < max(intensities[au] for au in units)
    assert 1 < joined / 180 < 2.5
