import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from selfme_jax.ops import heatmap


@pytest.fixture
def points(rng):
    return rng.uniform(-1.1, 1.1, (4, 2)).astype(np.float32)


def test_gaussian_equals_a_loop(points):
    found = np.asarray(heatmap.gaussian(points, (6, 9), variance=0.03))
    assert found.shape == (6, 9, 4)
    for i, y in enumerate(np.linspace(-1, 1, 6)):
        for j, x in enumerate(np.linspace(-1, 1, 9)):
            for k, (px, py) in enumerate(points.astype(np.float64)):
                squared = (x - px) ** 2 + (y - py) ** 2
                expected = np.exp(-squared / 2 / 0.03)
                np.testing.assert_allclose(found[i, j, k], expected, atol=1e-6)


def test_gaussian_peaks_at_its_point():
    point = np.array([[0.5, -1.0]], np.float32)
    found = np.asarray(heatmap.gaussian(point, (5, 9), variance=0.01))[..., 0]
    assert np.unravel_index(found.argmax(), found.shape) == (0, 6)
    assert found.max() == 1


def test_soft_argmax_equals_scipy(rng):
    logits = rng.normal(size=(7, 5, 3)) * 4
    probs = softmax(logits / 0.7, axis=(0, 1))
    x = np.einsum("hwk,w->k", probs, np.linspace(-1, 1, 5))
    y = np.einsum("hwk,h->k", probs, np.linspace(-1, 1, 7))
    found = heatmap.soft_argmax(logits.astype(np.float32), temperature=0.7)
    np.testing.assert_allclose(found, np.stack([x, y], -1), atol=2e-6)


def test_soft_argmax_finds_the_centre_of_a_gaussian(points):
    inside = points * 0.5
    maps = np.asarray(heatmap.gaussian(inside, (65, 81), variance=0.01))
    found = heatmap.soft_argmax(np.log(maps + 1e-30), temperature=1.0)
    np.testing.assert_allclose(found, inside, atol=1e-3)


def test_soft_argmax_goes_to_the_arg_max_and_survives_large_logits():
    logits = np.zeros((5, 7, 1), np.float32)
    logits[3, 1] = 1e4
    found = heatmap.soft_argmax(logits, temperature=0.01)
    np.testing.assert_allclose(found, [[-2 / 3, 0.5]], atol=1e-6)


def test_mirrored_logits_give_the_mirrored_point(rng):
    logits = rng.normal(size=(6, 9, 2)).astype(np.float32) * 3
    found = np.asarray(heatmap.soft_argmax(logits, temperature=0.5))
    mirrored = heatmap.soft_argmax(logits[:, ::-1], temperature=0.5)
    np.testing.assert_allclose(mirrored, found * [-1, 1], atol=1e-6)


def test_transforms(points, transforms, gradients):
    def there_and_back(points):
        maps = heatmap.gaussian(points, (5, 6), variance=0.1)
        back = heatmap.soft_argmax(maps, temperature=0.5)
        batch = points.shape[:-2]
        return jnp.concatenate([maps.reshape(*batch, -1), back.reshape(*batch, -1)], -1)

    transforms(there_and_back, points)
    gradients(there_and_back, points)
