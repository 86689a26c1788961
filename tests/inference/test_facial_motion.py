"""What muscles move is measured, what the head moves is taken out."""

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.faces import detection, framing
from selfme_jax.inference import facial_motion
from selfme_jax.inference.facial_motion import NAMES, SIZE, Tracker


@pytest.fixture(scope="module")
def begin():
    """A crop and the mesh in it."""
    frame = footage.film()[0]
    face = detection.detect(frame)
    matrix = framing.affine(framing.of(face))
    mesh = facial_motion.in_crop(face.mesh, matrix)
    return facial_motion.crop(frame, matrix), mesh


def warped(crop, move):
    """The crop in which the point p has moved to p + move(p), nearly."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1)
    grid = grid.astype(np.float32)
    back = grid - move(grid).astype(np.float32)
    return cv2.remap(crop, back, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def follow(begin, *moves):
    crop, mesh = begin
    tracker = Tracker(crop, mesh)
    for move in moves:
        motion = tracker.follow(warped(crop, move), 1 / 30)
    return motion


def pixels(motion, name):
    return motion.regions[NAMES.index(name)] * SIZE


def bump(centre, motion, extent=9.0):
    def move(grid):
        far = ((grid - centre) ** 2).sum(-1) / extent**2
        return np.exp(-0.5 * far)[..., None] * np.array(motion)

    return move


def test_the_mesh_lies_on_the_face_in_the_crop(begin):
    crop, mesh = begin
    again = detection.load("mesh")(np.repeat(crop[..., None], 3, -1))[0].mesh
    np.testing.assert_allclose(mesh[:, :2], again[:, :2], atol=4)


def test_a_still_face_does_not_move(begin):
    noise = np.random.default_rng(0).normal(0, 1.5, (5, SIZE, SIZE))
    crop, mesh = begin
    tracker = Tracker(crop, mesh)
    for n in noise:
        motion = tracker.follow(np.clip(crop + n, 0, 255).astype(np.uint8), 1 / 30)
        assert np.abs(motion.regions).max() * SIZE < 0.25


@pytest.mark.parametrize(
    ("move", "index", "size"),
    [
        (lambda g: np.broadcast_to([2.3, 0.0], g.shape), 0, 2.3),
        (lambda g: np.broadcast_to([0.0, -1.4], g.shape), 1, -1.4),
        (lambda g: 0.03 * (g - SIZE / 2), 2, 0.03 * SIZE / 2),
        (lambda g: 0.03 * (g - SIZE / 2)[..., ::-1] * [-1, 1], 3, 0.03 * SIZE / 2),
    ],
)
def test_the_motion_of_the_head_is_taken_out(begin, move, index, size):
    motion = follow(begin, move)
    assert motion.head[index] * SIZE == pytest.approx(size, abs=0.25)
    assert np.abs(motion.regions).max() * SIZE < 0.3


@pytest.mark.parametrize(
    ("name", "motion"),
    [("mouth_l", (-1.5, -1.5)), ("brow_inner_r", (0.0, -2.0)), ("chin", (0.0, 1.0))],
)
def test_the_motion_of_a_region_is_measured_under_that_of_the_head(begin, name, motion):
    _, mesh = begin
    centre = mesh[list(facial_motion.REGIONS[name]), :2].mean(0)
    local = bump(centre, motion)
    found = follow(begin, lambda g: np.add(local(g), (1.2, -0.8)))
    np.testing.assert_allclose(pixels(found, name), motion, atol=0.8)
    others = [n for n in NAMES if np.hypot(*(region(mesh, n) - centre)) > 35]
    assert others and max(np.abs(pixels(found, n)).max() for n in others) < 0.35


def region(mesh, name):
    return mesh[list(facial_motion.REGIONS[name]), :2].mean(0)


def test_new_key_frames_lose_nothing(begin):
    """Three seconds of slow motion: beyond FAR pixels and KEY seconds."""
    crop, mesh = begin
    tracker = Tracker(crop, mesh)
    for i in range(1, 91):
        shift = np.array([0.09 * i, -0.05 * i])
        motion = tracker.follow(warped(crop, lambda g, s=shift: s + 0 * g), 1 / 30)
    np.testing.assert_allclose(motion.head[:2] * SIZE, (8.1, -4.5), atol=0.4)
    assert np.abs(motion.regions).max() * SIZE < 0.5


def test_another_framing_goes_on_from_the_last_motion(begin):
    crop, mesh = begin
    before = follow(begin, lambda g: np.broadcast_to([2.0, 1.0], g.shape))
    motion = Tracker(crop, mesh, before=before).follow(crop, 1 / 30)
    np.testing.assert_allclose(motion.head, before.head, atol=1e-3)
    np.testing.assert_allclose(motion.regions, before.regions, atol=1e-3)


def test_a_point_that_slid_does_not_come_back(begin):
    """All went 5 pixels to the side; every third was found 7 pixels from there."""
    crop, mesh = begin
    tracker = Tracker(crop, mesh)
    here = tracker._start
    slid = np.arange(len(here)) % 3 == 0
    went = np.array([5.0, 0.0], np.float32)
    found = here + went + np.where(slid[:, None], [0.0, 7.0], 0).astype(np.float32)
    back = tracker._comes_back(warped(crop, lambda g: 0 * g + went), here, found)
    assert back[slid].mean() < 0.15 and back[~slid].mean() > 0.7
    assert tracker._comes_back(crop, here, here + 1).all()  # near ones are not asked


def test_points_that_went_astray_are_put_back(begin):
    crop, mesh = begin
    tracker = Tracker(crop, mesh)
    tracker.follow(np.roll(crop, 3, axis=1), 1 / 30)
    moved = mesh.copy()
    moved[:, 0] += 3
    wild = moved.copy()
    wild[list(facial_motion.REGIONS["chin"]), 1] += 20
    tracker.correct(wild)
    motion = tracker.follow(np.roll(crop, 3, axis=1), 1 / 30)
    assert np.isfinite(motion.regions).all()
    assert np.abs(np.delete(motion.regions, NAMES.index("chin"), 0)).max() * SIZE < 0.5
