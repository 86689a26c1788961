import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfme_jax.ops import affine, augment, bspline, grid, warp

KEY = jax.random.key(3)


@pytest.fixture
def field(rng):
    return rng.normal(size=(6, 9, 3)).astype(np.float32)


def test_mirror_flips_x_and_negates_u_only(field):
    found = np.asarray(augment.mirror(field))
    for j in range(9):
        np.testing.assert_array_equal(found[:, j, 0], -field[:, 8 - j, 0])
        np.testing.assert_array_equal(found[:, j, 1:], field[:, 8 - j, 1:])
    np.testing.assert_array_equal(augment.mirror(found), field)
    np.testing.assert_array_equal(augment.mirror_image(field), field[:, ::-1])


def test_mirror_is_the_mirror_of_a_motion(rng):
    """Warping the mirrored image by the mirrored flow mirrors the warped image."""
    image = rng.uniform(size=(8, 11, 2)).astype(np.float32)
    flow = rng.normal(size=(8, 11, 2)).astype(np.float32) * 0.3
    found = warp.warp(augment.mirror_image(image), augment.mirror(flow))
    expected = augment.mirror_image(warp.warp(image, flow))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_mirror_commutes_with_the_bspline_field(rng):
    control = rng.normal(size=(7, 6, 2)).astype(np.float32)
    found = bspline.field(augment.mirror(control), (5, 8))
    expected = augment.mirror(bspline.field(control, (5, 8)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def moved(field, dx, dy):
    padded = np.pad(field, ((20, 20), (20, 20), (0, 0)), mode="edge")
    return padded[20 - dy : 26 - dy, 20 - dx : 29 - dx]


@pytest.mark.parametrize("pixels", [(0, 0), (2, 0), (0, -3), (-4, 1), (20, -20)])
def test_shift_moves_content_and_repeats_the_border(field, pixels):
    found = augment.shift(field, np.array(pixels))
    np.testing.assert_array_equal(found, moved(field, *pixels))


def test_random_mirror_mirrors_about_as_often_as_asked(field):
    keys = jax.random.split(KEY, 400)
    draw = jax.vmap(lambda k: augment.random_mirror(k, field, probability=0.25))
    found = np.asarray(draw(keys))
    mirrored = (found == np.asarray(augment.mirror(field))).all((1, 2, 3))
    kept = (found == field).all((1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 0.15 < mirrored.mean() < 0.35


def test_random_mirror_keeps_a_pair_together(field):
    pair = np.stack([field, field + 1])
    for key in jax.random.split(KEY, 6):
        found = np.asarray(augment.random_mirror(key, pair))
        np.testing.assert_allclose(found[1, ..., 1:] - found[0, ..., 1:], 1, atol=1e-6)


def test_random_shift_reaches_every_shift_and_no_other(field):
    keys = jax.random.split(KEY, 300)
    draw = jax.vmap(lambda k: augment.random_shift(k, field, distance=1))
    found = {f.tobytes() for f in np.asarray(draw(keys))}
    steps = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    assert found == {moved(field, *step).tobytes() for step in steps}


def test_random_affine_stays_within_its_limits():
    keys = jax.random.split(KEY, 500)

    def draw(rotation=0.0, scale=0.0, translation=0.0):
        return np.asarray(
            jax.vmap(
                lambda k: augment.random_affine(
                    k, rotation=rotation, scale=scale, translation=translation
                )
            )(keys)
        )

    np.testing.assert_array_equal(draw(), np.broadcast_to(np.eye(2, 3), (500, 2, 3)))
    turned = draw(rotation=0.3)
    angles = np.arctan2(turned[:, 1, 0], turned[:, 0, 0])
    np.testing.assert_allclose(np.linalg.det(turned[:, :, :2]), 1, atol=1e-5)
    assert 0.27 < np.abs(angles).max() <= 0.3001
    assert abs(angles.mean()) < 0.03
    scaled = np.log(draw(scale=0.2)[:, [0, 1], [0, 1]])
    assert 0.18 < np.abs(scaled).max() <= 0.2001
    assert abs(np.corrcoef(scaled.T)[0, 1]) < 0.2
    shifts = draw(translation=0.1)[:, :, 2]
    assert 0.09 < np.abs(shifts).max() <= 0.1001
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.2


def test_random_bspline_has_the_lattice_and_the_deviation():
    control = np.asarray(augment.random_bspline(KEY, cells=(30, 20), scale=0.05))
    assert control.shape == (33, 23, 2)
    np.testing.assert_allclose(control.std(), 0.05, rtol=0.1)
    assert abs(control.mean()) < 0.01
    assert augment.random_bspline(KEY, cells=4, scale=0.1).shape == (7, 7, 2)


def test_random_warps_are_invertible_enough_for_equivariance(rng):
    """Points mapped through flow and sampled flow agree: what the loss relies on."""
    control = augment.random_bspline(KEY, cells=(5, 5), scale=0.02)
    matrix = augment.random_affine(KEY, rotation=0.1, scale=0.1, translation=0.1)
    flow = affine.field(matrix, (65, 65)) + bspline.field(control, (65, 65))
    points = rng.uniform(-0.9, 0.9, (5, 2)).astype(np.float32)
    exact = affine.apply(matrix, points) + bspline.evaluate(control, points)
    sampled = points + warp.sample(flow, points[None])[0]
    np.testing.assert_allclose(sampled, exact, atol=2e-4)
    assert np.abs(np.asarray(grid.identity((65, 65))) - flow).max() > 0.05


def test_random_gain_multiplies_all_by_one_factor(field):
    factors = []
    for key in jax.random.split(KEY, 30):
        found = np.asarray(augment.random_gain(key, field, gain=0.5))
        ratio = found / field
        np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)
        factors.append(np.log(ratio[0, 0, 0]))
    assert -0.5 <= min(factors) < -0.2 < 0.2 < max(factors) <= 0.5


def test_random_jitter_is_one_change_of_light_for_all_frames(rng):
    frames = rng.uniform(0.3, 0.7, (2, 6, 7, 3)).astype(np.float32)
    brighter = np.asarray(
        augment.random_jitter(KEY, frames, brightness=0.2, contrast=0.0)
    )
    delta = brighter - frames
    assert 0.005 < abs(delta.flat[0]) <= 0.2
    np.testing.assert_allclose(delta, delta.flat[0], atol=1e-6)
    sharper = np.asarray(
        augment.random_jitter(KEY, frames, brightness=0.0, contrast=0.3)
    )
    mean = frames.mean((1, 2), keepdims=True)
    factor = ((sharper - mean) / (frames - mean)).flat[0]
    assert 0.005 < abs(factor - 1) <= 0.3
    np.testing.assert_allclose(sharper, mean + factor * (frames - mean), atol=1e-5)
    both = augment.random_jitter(KEY, frames * 2, brightness=0.5, contrast=0.5)
    assert both.min() >= 0
    assert both.max() <= 1


def test_the_key_decides_and_vmap_equals_a_loop(field):
    @jax.jit
    def draw(key, field):
        return (
            augment.random_mirror(key, field),
            augment.random_shift(key, field, distance=3),
            augment.random_gain(key, field, gain=0.3),
            augment.random_jitter(key, field, brightness=0.2, contrast=0.2),
            augment.random_affine(key, rotation=0.2, scale=0.1),
            augment.random_bspline(key, cells=(3, 4), scale=0.1),
        )

    keys = jax.random.split(KEY, 8)
    loop = zip(*[draw(key, field) for key in keys], strict=True)
    for together, alone in zip(
        jax.vmap(draw, (0, None))(keys, field), loop, strict=True
    ):
        np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)
        assert len({np.asarray(a).tobytes() for a in alone}) > 1
    for again, first in zip(draw(keys[0], field), draw(keys[0], field), strict=True):
        np.testing.assert_array_equal(again, first)


def test_transforms(field, transforms, gradients):
    def everything(field):
        parts = (
            augment.mirror(field),
            augment.mirror_image(field) * 2,
            augment.shift(field, np.array([2, -1])) * 3,
        )
        return jnp.concatenate(parts, -1)

    transforms(everything, field)
    gradients(everything, field)
