"""Flow fields: right skin, right way, right framing, and of the seed alone."""

import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.data.synthetic import expressions, flow_fields, skin
from selfme_jax.data.synthetic.flow_fields import Spread

# Nothing random but the person, where a test is about one field.
STILL = Spread(
    **{"anatomy": 0.0, "place": (0.0, 0.0), "leak": 0.0, "bystanders": 0.0},
    **dict.fromkeys(("extent", "turn", "strength", "level", "side"), 0.0),
    **dict.fromkeys(("nuisances", "zoom", "shift", "roll", "yaw"), 0.0),
    **dict.fromkeys(("head", "texture", "noise"), 0.0),
)
UNITS = tuple(skin.BUMPS)


def levels(sides: dict[int, tuple[float, float]]) -> np.ndarray:
    """[1, a + nuisances, 2] of the AUs given."""
    found = np.zeros((1, len(UNITS) + len(skin.NUISANCES), 2), np.float32)
    for au, pair in sides.items():
        found[0, UNITS.index(au)] = pair
    return found


def field(sides: dict[int, tuple[float, float]], spread: Spread = STILL) -> np.ndarray:
    """[28, 28, 2] of one face."""
    return fields(np.random.default_rng(3), levels(sides), spread)[0]


def fields(
    rng: np.random.Generator, level: np.ndarray, spread: Spread = STILL
) -> np.ndarray:
    """[n, 28, 28, 2] of n people who move by [n, a + nuisances, 2]."""
    people = flow_fields.faces(rng, len(level), spread)
    bumps = flow_fields.place(rng, level, UNITS, people, spread)
    crop = flow_fields.crop(rng, len(level), spread)
    return flow_fields.evaluate(flow_fields.frame(bumps, crop))


def mirrored(flow: np.ndarray) -> np.ndarray:
    return flow[:, ::-1] * np.array([-1, 1])


# FACS, forward motion: AU, rows and columns of the right half of the picture where it
# is, sign of the mean (u, v) there; 0 = either.
PLACES = [
    (1, (0, 6), (15, 22), 0, -1),
    (2, (0, 6), (19, 28), 0, -1),
    (4, (0, 7), (15, 24), -1, 1),
    (5, (5, 9), (20, 26), 0, -1),
    (6, (8, 13), (20, 27), 0, -1),
    (7, (7, 10), (20, 26), 0, -1),
    (9, (8, 14), (14, 19), 0, -1),
    (10, (10, 18), (17, 24), 1, -1),
    (12, (13, 20), (19, 27), 1, -1),
    (14, (14, 21), (18, 25), 1, 0),
    (15, (16, 21), (18, 25), 1, 1),
    (16, (19, 24), (14, 20), 0, 1),
    (17, (21, 27), (14, 17), 0, -1),
    (18, (17, 21), (18, 24), -1, 0),
    (20, (16, 22), (18, 26), 1, 0),
    (26, (20, 27), (14, 20), 0, 1),
    (43, (5, 9), (20, 26), 0, 1),
]


@pytest.mark.parametrize(("au", "rows", "columns", "u", "v"), PLACES)
def test_skin_moves_where_and_how_facs_says(au, rows, columns, u, v):
    flow = field({au: (1, 1)})
    here = flow[slice(*rows), slice(*columns)].mean((0, 1))
    for value, sign in zip(here, (u, v), strict=True):
        if sign:
            assert np.sign(value) == sign
            assert abs(value) > 0.12
    size = np.linalg.norm(flow, axis=-1)
    row, column = np.unravel_index(size.argmax(), size.shape)
    assert rows[0] - 1 <= row <= rows[1]
    outward = max(column, 27 - column)
    assert columns[0] - 1 <= outward <= columns[1]


@pytest.mark.parametrize("au", UNITS)
def test_both_sides_alike_are_their_own_mirror_image(au):
    flow = field({au: (1, 1)})
    np.testing.assert_allclose(flow, mirrored(flow), atol=1e-5)


@pytest.mark.parametrize("au", [4, 10, 12, 15])
def test_one_side_is_the_mirror_image_of_the_other(au):
    left, right = field({au: (1, 0)}), field({au: (0, 1)})
    np.testing.assert_allclose(left, mirrored(right), atol=1e-5)
    # A bump on the midline moves with the mean of both: little of 4 alone.
    size = np.abs(left).sum(-1)
    assert size[:, :14].sum() > 2 * size[:, 14:].sum()


def test_a_gaze_goes_the_same_way_on_both_sides():
    level = levels({})
    level[0, len(UNITS) + tuple(skin.NUISANCES).index("gaze")] = 1
    (flow,) = fields(np.random.default_rng(0), level)
    assert flow[5:9, 3:8, 0].mean() > 0.2
    assert flow[5:9, 20:25, 0].mean() > 0.2


def test_fields_add_up():
    both, one, two = (
        field(x) for x in ({4: (1, 1), 12: (0, 2)}, {4: (1, 1)}, {12: (0, 2)})
    )
    np.testing.assert_allclose(both, one + two, atol=1e-5)


def test_evaluate_against_a_loop():
    rng = np.random.default_rng(0)
    centres, extents = rng.uniform(0, 27, (2, 5, 2)), rng.uniform(1, 6, (2, 5, 2))
    motions, powers = rng.standard_normal((2, 5, 2)), rng.uniform(1.5, 3.5, (2, 5))
    placed = flow_fields.Placed(centres, extents, motions, powers)
    flow = flow_fields.evaluate(placed)
    for i, row, column in ((0, 3, 20), (1, 27, 0), (1, 13, 13)):
        expected = np.zeros(2)
        for k in range(5):
            d = np.abs(np.array([column, row]) - centres[i, k]) / extents[i, k]
            height = np.exp(-0.5 * (d ** powers[i, k]).sum())
            expected += height * motions[i, k]
        np.testing.assert_allclose(flow[i, row, column], expected, atol=1e-5)


def test_evaluated_anywhere_it_is_the_same_field():
    """Columns and rows apart, between pixels too."""
    rng = np.random.default_rng(0)
    placed = flow_fields.Placed(
        *(rng.uniform(2, 25, (2, 3, 2)) for _ in range(3)), rng.uniform(1.5, 3, (2, 3))
    )
    at = np.array([[3.0, 7.0], [20.0, 1.0], [11.0, 26.0]])
    whole, some = flow_fields.evaluate(placed), flow_fields.evaluate(placed, at)
    expected = whole[:, [7, 1, 26]][:, :, [3, 20, 11]]
    np.testing.assert_allclose(some, expected, atol=1e-5)


def test_unframe_undoes_frame():
    rng = np.random.default_rng(2)
    spread = Spread(zoom=0.2, roll=0.3, yaw=0.3, shift=4.0)
    crop = flow_fields.crop(rng, 3, spread)
    face = rng.uniform(-1, 1, (3, 50, 2))
    blank = np.ones((3, 50, 2))
    framed = flow_fields.frame(
        flow_fields.Placed(face, blank, blank, blank[..., 0]), crop
    )
    assert np.abs(framed.centres - 13.5).max() > 20  # it did something
    np.testing.assert_allclose(flow_fields.unframe(framed.centres, crop), face)


def test_framing_of_the_published_images():
    """Brows at row 4, the mouth at row 19, its corners at columns 6 and 21."""
    points = dict(zip(skin.names(), skin.points(middle_face())[0], strict=True))
    at = {
        name: (np.array(p) - [0, flow_fields.BROW]) * flow_fields.SCALE
        + flow_fields.ORIGIN
        for name, p in points.items()
    }
    assert abs(at["brow_middle_r"][1] - 4) < 1
    for name, column in (("mouth_corner_l", 6), ("mouth_corner_r", 21)):
        np.testing.assert_allclose(at[name], [column, 19], atol=1)


def middle_face():
    return flow_fields.faces(np.random.default_rng(0), 1, STILL)


def test_zoom_shift_and_roll_move_the_whole_picture():
    spread = STILL._replace(shift=2.0)
    rng = np.random.default_rng(1)
    level = np.tile(levels({17: (1, 1)}), (400, 1, 1))
    flow = fields(rng, level, spread)
    size = np.linalg.norm(flow, axis=-1)
    columns = np.array([ndimage.center_of_mass(x)[1] for x in size])
    assert 1.5 < columns.std() < 2.2
    assert abs(columns.mean() - 13.5) < 0.4


def test_same_seed_and_step_same_fields_other_step_others():
    mixture, spread = expressions.mixture(), Spread()
    one, same, other, seed = (
        flow_fields.draw(*s, 40, mixture=mixture, spread=spread)
        for s in ((1, 5), (1, 5), (1, 6), (2, 5))
    )
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.images, other.images)
    assert not np.array_equal(one.images, seed.images)


def test_what_is_drawn_does_not_change_the_mixture():
    mixture = expressions.mixture()
    before = mixture.sides.copy()
    flow_fields.draw(0, 0, 200, mixture=mixture, spread=Spread())
    np.testing.assert_array_equal(mixture.sides, before)


def test_images_are_quantised_as_published():
    fields = flow_fields.draw(0, 0, 60, mixture=expressions.mixture(), spread=Spread())
    assert fields.images.dtype == np.uint8
    assert fields.images.shape == (60, 28, 28, 3)
    flat = fields.images.reshape(60, -1, 3)
    assert (flat.min(1) == 0).all()
    assert (flat.max(1) == 255).all()


def test_strain_of_a_shear():
    """u = y, v = 0: sqrt(1 / 2) everywhere, but for a bump that sets the scale."""
    rows = np.arange(28.0)
    flow = np.zeros((1, 28, 28, 2))
    flow[0, :, :, 0] = np.minimum(rows, 20)[:, None]
    image = flow_fields.quantise(flow)[0, ..., 2]
    assert (image[1:19] == 255).all()
    assert (image[22:] == 0).all()


def test_drawn_units_follow_the_mixture_and_fall_on_both_sides_alike():
    mixture = expressions.mixture()
    fields = flow_fields.draw(3, 0, 4000, mixture=mixture, spread=Spread())
    expected = mixture.shares @ (mixture.sides.max(-1) > 0)
    np.testing.assert_allclose(fields.units.mean(0), expected, atol=0.03)
    sides = np.concatenate([mixture.sides] * 50)
    rng = np.random.default_rng(0)
    _, level = flow_fields.perform(rng, sides, mixture.units, STILL)
    single = (sides.sum(-1) == 1).any(-1)
    assert single.any()
    left, right = level[single].sum(1).mean(0)
    assert 0.9 < left / right < 1.1


def test_noise_is_as_large_as_said():
    """Against the field's deviation; without a field there is nothing to see."""
    rng = np.random.default_rng(0)
    flow = rng.standard_normal((300, 28, 28, 2)).astype(np.float32)
    still = flow_fields.observe(np.random.default_rng(1), flow, STILL)
    np.testing.assert_allclose(still, flow, rtol=1e-6)
    noisy = flow_fields.observe(
        np.random.default_rng(1), flow, STILL._replace(noise=0.5)
    )
    ratio = (noisy - flow).std((1, 2, 3)) / flow.std((1, 2, 3))
    assert ratio.min() < 0.1
    assert 0.3 < ratio.max() < 1.2
