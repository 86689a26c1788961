"""Faces are found where they are; crops are exact, and do not alias."""

import sys
from types import SimpleNamespace

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.faces import detection as faces
from selfme_jax.data.faces.detection import Box, Square
from selfme_jax.types import UserError


def areas(length: int, size: int) -> np.ndarray:
    """[size, length] float64: the mean over each of ``size`` equal intervals."""
    edges = np.linspace(0, length, size + 1)
    left = np.maximum(edges[:-1, None], np.arange(length))
    right = np.minimum(edges[1:, None], np.arange(length) + 1)
    return np.maximum(right - left, 0) * size / length


@pytest.fixture
def image():
    return np.random.default_rng(5).integers(0, 256, (61, 83, 3)).astype(np.uint8)


@pytest.mark.parametrize("side", [48, 41, 17])
def test_shrinking_averages_areas(image, side):
    square = Square(11, 7, side)
    found = faces.crop(image, square, size=16)
    assert found.shape == (16, 16, 3) and found.dtype == np.uint8
    weights = areas(side, 16)
    cut = image[7 : 7 + side, 11 : 11 + side].astype(float)
    expected = np.einsum("yi,xj,ijc->yxc", weights, weights, cut)
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_enlarging_is_smooth_and_stays_in_place():
    ramp = np.zeros((40, 40, 3))
    ramp[..., 0] = 5 * np.arange(40)
    ramp[..., 1] = 4 * np.arange(40)[:, None]
    found = faces.crop(ramp.astype(np.uint8), Square(10, 20, 16), size=40)
    # pixel centres: output k lies at (k + 1/2) * 16 / 40 - 1/2 of the square
    at = (np.arange(40) + 0.5) * 16 / 40 - 0.5
    inner = slice(4, -4)
    columns, rows = found[20, inner, 0], found[inner, 20, 1]
    # OpenCV's cubic (a = -3/4) bends a ramp a little; half a pixel would be 2 or more
    np.testing.assert_allclose(columns, 5 * (10 + at[inner]), atol=1)
    np.testing.assert_allclose(rows, 4 * (20 + at[inner]), atol=1)


@pytest.mark.parametrize(("x", "y"), [(-9, 4), (5, -20), (60, 3), (70, 50), (-30, -30)])
def test_outside_of_the_image_its_border_goes_on(image, x, y):
    wide = np.pad(image, ((100, 100), (100, 100), (0, 0)), mode="edge")
    found = faces.crop(image, Square(x, y, 32), size=32)
    np.testing.assert_array_equal(found, wide[100 + y :, 100 + x :][:32, :32])


def test_the_square_is_around_the_median_box():
    good = [Box(100 + d, 60 - d, 80 + d, 80 + d) for d in (-2, 0, 2)]
    wrong = [Box(3, 200, 20, 20), Box(300, 3, 400, 400)]
    square = faces.clip_square([*wrong, *good])
    assert square == faces.clip_square([Box(100, 60, 80, 80)])
    assert square.side == round(faces.MARGIN * 80)
    assert square.x == round(100 + 40 - faces.MARGIN * 40)
    assert square.y == round(60 + 40 - faces.MARGIN * 40 + faces.DROP * 80)
    assert all(type(value) is int for value in square)


@pytest.mark.parametrize("height, width", [(64, 64), (48, 70), (71, 51)])
def test_of_cut_out_faces_the_middle_square_is_taken(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    square = faces.clip_square([faces.detect(image, detector="frame")] * 3)
    side = min(height, width)
    assert square.side == side
    assert abs(square.x - (width - side) / 2) <= 0.5
    assert abs(square.y - (height - side) / 2) <= 0.5
    cut = faces.crop(image, square, size=side)
    rows = slice(square.y, square.y + side), slice(square.x, square.x + side)
    np.testing.assert_array_equal(cut, image[rows])


def test_haar_finds_a_face_where_it_is():
    frame = footage.film()[0]
    x, y, side = footage.PLACE
    found = np.array(faces.detect(frame))
    assert x < found[0] and y < found[1]
    assert (found[:2] + found[2:] < (x + side, y + side)).all()
    assert found[2] > 0.6 * side
    moved = np.array(faces.detect(np.roll(frame, (12, -20), axis=(0, 1))))
    np.testing.assert_allclose(moved - found, (-20, 12, 0, 0), atol=6)


def test_haar_gives_pixels_of_large_images():
    frame = footage.film()[0]
    large = cv2.resize(frame, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert max(large.shape) > 640
    ratio = np.array(faces.detect(large)) / np.array(faces.detect(frame))
    np.testing.assert_allclose(ratio, 4, rtol=0.15)


def test_haar_takes_the_largest_face():
    frame = footage.film()[0]
    small = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both = np.full((210, 400, 3), 120, np.uint8)
    both[:105, :130], both[:, 140:] = small, frame
    assert faces.detect(both).x > 140
    assert faces.detect(both[:, ::-1]).x < 200
    assert faces.detect(both[:, :140]).x < 60


def test_no_face_is_none():
    assert faces.detect(np.full((120, 90, 3), 77, np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert faces.detect(noise) is None


@pytest.mark.parametrize("name", ["landmarks", "", "yolo"])
def test_unknown_detector(name):
    with pytest.raises(UserError, match=r"(?s)haar.*selfme_jax\[landmarks\]") as error:
        faces.load(name)
    assert len(str(error.value).splitlines()) == 2


def test_landmarks_need_mediapipe_and_its_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UserError, match=r"pip install 'selfme_jax\[landmarks\]'"):
        faces.load("face_landmarker.task")
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace())
    with pytest.raises(UserError, match="no file absent.task"):
        faces.load("absent.task")


def test_landmarks_become_a_box_in_pixels(monkeypatch, tmp_path):
    """MediaPipe's model is not at hand: what it returns is acted out here."""
    point = SimpleNamespace
    landmarks = [point(x=0.25, y=0.5), point(x=0.5, y=0.3), point(x=0.4, y=0.9)]
    results = iter([[landmarks], []])

    class FaceLandmarker:
        @classmethod
        def create_from_options(cls, options):
            if options.base_options.model_asset_path != str(model):
                raise RuntimeError("Unable to open zip archive.")
            return cls()

        def detect(self, picture):
            assert picture.data.flags.c_contiguous and picture.image_format == "srgb"
            return SimpleNamespace(face_landmarks=next(results))

    vision = SimpleNamespace(
        FaceLandmarker=FaceLandmarker, FaceLandmarkerOptions=SimpleNamespace
    )
    fake = SimpleNamespace(
        tasks=SimpleNamespace(vision=vision, BaseOptions=SimpleNamespace),
        Image=SimpleNamespace,
        ImageFormat=SimpleNamespace(SRGB="srgb"),
    )
    monkeypatch.setitem(sys.modules, "mediapipe", fake)
    model = tmp_path / "face_landmarker.task"
    model.touch()
    other = tmp_path / "other.task"
    other.touch()
    image = np.zeros((100, 200, 3), np.uint8)[:, ::-1]
    box = faces.detect(image, detector=str(model))
    np.testing.assert_allclose(box, (50, 30, 50, 60))
    assert faces.detect(image, detector=str(model)) is None
    with pytest.raises(UserError, match=r"zip archive\.\n.*face_landmarker\.task"):
        faces.load(str(other))
