import colorsys

import numpy as np
import pytest

from selfme_jax.report import motion, plots

# y points down in an image: (0, -1) is up.
DIRECTIONS = {
    (1, 0): 0.0,
    (1, -1): 1 / 8,
    (0, -1): 1 / 4,
    (-1, 0): 1 / 2,
    (0, 1): 3 / 4,
}


@pytest.mark.parametrize("direction, hue", DIRECTIONS.items())
def test_hue_is_the_direction(direction, hue):
    colour = motion.colours(np.array(direction, float), peak=2.0)
    length = np.hypot(*direction) / 2
    np.testing.assert_allclose(colour, colorsys.hsv_to_rgb(hue, length, 1), atol=1e-9)


def test_no_motion_is_white_and_the_longest_is_saturated():
    field = np.array([[[0.0, 0.0], [3.0, 0.0]], [[0.0, -1.5], [0.0, 6.0]]])
    colour = motion.colours(field)
    np.testing.assert_allclose(colour[0, 0], 1)
    assert colour[1, 1].min() == pytest.approx(0) and colour[0, 1].min() == 0.5
    np.testing.assert_allclose(motion.colours(field, peak=3.0)[1, 1].min(), 0)
    np.testing.assert_allclose(motion.colours(np.zeros((2, 2, 2))), 1)


def test_pictures_with_and_without_frames():
    generator = np.random.default_rng(0)
    field = generator.normal(size=(6, 5, 2))
    onset = generator.integers(0, 256, (12, 10, 3), np.uint8)
    apex = np.clip(onset.astype(int) + 20, 0, 255).astype(np.uint8)
    framed = motion.Picture("clip one", field, onset, apex / 255)
    drawn = motion.pictures([framed, motion.Picture("clip two", field)])
    shown = [axis.images[0].get_array() for axis in drawn.axes[:5] if axis.images]
    np.testing.assert_allclose(shown[0], onset / 255)
    np.testing.assert_allclose(shown[2], (apex / 255 - onset / 255).mean(-1))
    np.testing.assert_allclose(shown[3], motion.colours(field))
    np.testing.assert_allclose(shown[4], np.hypot(field[..., 0], field[..., 1]))
    assert not drawn.axes[5].images  # the second clip has no frames
    assert plots.png(drawn).startswith(b"\x89PNG")
    alone = motion.pictures([motion.Picture("clip two", field)])
    assert len([a for a in alone.axes if a.images]) == 2
