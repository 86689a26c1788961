"""What the built-in model says of two frames: smiles, raised brows, stillness."""

import numpy as np
import pytest
from scipy import ndimage

from selfme_jax.inference import answering
from selfme_jax.inputs import published
from selfme_jax.types import UserError

SIZE = 256


@pytest.fixture(scope="module")
def answerer():
    return answering.load()


@pytest.fixture(scope="module")
def skin():
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE, 3)), (2, 2, 0))
    return np.uint8(np.clip(128 + 45 * noise / noise.std(), 0, 255))


def moved(image, bumps):
    """Skin that moves: (column, row) of 28, (u, v) in pixels, radius in 28ths."""
    left, top, right, bottom = np.array(published.FRAME) * SIZE
    scale = np.array([right - left, bottom - top]) / 28
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    grid = np.stack([y, x])
    for at, by, radius in bumps:
        cx, cy = np.array([left, top]) + (np.array(at) + 0.5) * scale
        far = ((x - cx) / scale[0]) ** 2 + ((y - cy) / scale[1]) ** 2
        weight = np.exp(-far / (2 * radius**2))
        grid -= np.array([by[1], by[0]])[:, None, None] * weight
    channels = [ndimage.map_coordinates(image[..., c], grid, order=1) for c in range(3)]
    return np.stack(channels, -1)


BROWS = [((7, 2.5), (0, -2.0), 3), ((20, 2.5), (0, -2.0), 3)]
LEFT_BROW = BROWS[:1]
# Corners of the mouth, and less of it the cheeks above them.
SMILE = [((6.5, 18), (-1.5, -2.0), 2.5), ((20.5, 18), (1.5, -2.0), 2.5)]
SMILE += [((5, 13.5), (-0.8, -1.2), 3), ((22, 13.5), (0.8, -1.2), 3)]
FROWN = [((10, 4), (1.2, 1.5), 2.5), ((17, 4), (-1.2, 1.5), 2.5)]


def test_movements_are_called_by_their_names(answerer, skin):
    apex = np.stack([moved(skin, b) for b in (BROWS, SMILE, FROWN, LEFT_BROW)])
    onset = np.stack([skin] * 5)
    said = answerer.answer(onset, np.concatenate([apex, skin[None]]))
    names = [answerer.classes[i] for i in said.probabilities.argmax(1)]
    assert names[:3] == ["surprise", "positive", "negative"]
    noted = [{u for u, on in zip(answerer.units, row, strict=True) if on}
             for row in said.noted]  # fmt: skip
    assert 2 in noted[0] and 12 in noted[1] and 4 in noted[2]
    one, twelve = answerer.units.index(1), answerer.units.index(12)
    assert said.sides[3, one] == -1 and said.sides[0, one] == 0
    assert said.sides[1, twelve] == 0
    np.testing.assert_array_equal(said.still, [False] * 4 + [True])
    assert not noted[4] and said.unsure[4]  # a still face shows nothing
    np.testing.assert_allclose(said.probabilities.sum(1), 1, rtol=1e-5)
    assert said.probabilities.shape == (5, 3) and said.units.shape == (5, 12)
    assert np.all((said.units >= 0) & (said.units <= 1))


def test_a_noisy_camera_makes_no_expression(answerer, skin):
    rng = np.random.default_rng(1)
    noisy = [
        np.uint8(np.clip(skin + rng.normal(0, 1.5, skin.shape), 0, 255).round())
        for _ in range(9)
    ]
    said = answerer.answer(np.stack([skin] * 9), np.stack(noisy))
    assert said.still.all() and not said.noted.any()


def test_published_images_are_read(answerer):
    rng = np.random.default_rng(2)
    images = np.kron(rng.integers(0, 256, (3, 7, 7, 3)), np.ones((1, 4, 4, 1)))
    images = images.astype(np.uint8)
    images[2] = 9  # constant: nothing moved
    said = answerer.read(images)
    np.testing.assert_array_equal(said.still, [False, False, True])
    one = answerer.read(images[1:2])
    np.testing.assert_allclose(one.probabilities[0], said.probabilities[1], atol=1e-4)
    sure = said.probabilities.max(1) >= answerer.sure
    np.testing.assert_array_equal(said.unsure[:2], ~sure[:2])
    assert answerer.read(images[:0]).noted.shape == (0, 12)


def test_bad_input_is_said(answerer, skin):
    with pytest.raises(UserError, match="no built-in model 'other'"):
        answering.load("other")
    with pytest.raises(UserError, match="framing"):
        answerer.answer(skin[None], skin)
    with pytest.raises(UserError, match="framing"):
        answerer.answer(skin[None] / 255, skin[None] / 255)
    with pytest.raises(UserError, match="28"):
        answerer.read(skin[None])
