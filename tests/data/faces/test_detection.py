"""Faces are found where they are, by every detector, and nothing else is."""

import hashlib
import re
import sys
from types import SimpleNamespace

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.faces import anthropometry, detection, framing, mesh
from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.types import UserError

BOTH = pytest.mark.parametrize("detector", ["mesh", "haar"])


def box(image, detector="mesh"):
    return np.array(detection.detect(image, detector=detector).box)


@BOTH
def test_a_face_is_found_where_it_is(detector):
    frame = footage.film()[0]
    x, y, side = footage.PLACE
    found = box(frame, detector)
    assert x < found[0] and y < found[1]
    assert (found[:2] + found[2:] < (x + side, y + side)).all()
    assert found[2] > 0.6 * side
    moved = box(np.roll(frame, (12, -20), axis=(0, 1)), detector)
    np.testing.assert_allclose(moved - found, (-20, 12, 0, 0), atol=6)


@BOTH
def test_pixels_of_large_images(detector):
    frame = footage.film()[0]
    large = cv2.resize(frame, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(
        box(large, detector) / box(frame, detector), 4, rtol=0.15
    )


@BOTH
def test_all_faces_the_largest_first(detector):
    frame = footage.film()[0]
    small = cv2.resize(frame, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.full((210, 420, 3), 120, np.uint8)
    both[: small.shape[0], : small.shape[1]], both[:, 160:] = small, frame
    for image, left in ((both, False), (both[:, ::-1].copy(), True)):
        found = [face.box for face in detection.load(detector)(image)]
        assert len(found) == 2 and found[0].width > 1.3 * found[1].width
        assert (found[0].x < found[1].x) == left


@BOTH
def test_no_face(detector):
    find = detection.load(detector)
    assert find(np.full((120, 90, 3), 77, np.uint8)) == ()
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert find(noise) == ()
    assert detection.detect(noise, detector=detector) is None


def test_the_two_detectors_draw_about_the_same_box():
    data = synthetic.load(subjects=6, clips_per_subject=1, size=160, first_subject=40)
    for i in range(6):
        frame = np.pad(
            data.clip(i).frames[0], ((60, 60), (60, 60), (0, 0)), mode="edge"
        )
        one, other = box(frame, "haar"), box(frame, "mesh")
        np.testing.assert_allclose(one[2], other[2], rtol=0.25)
        middle = one[:2] + one[2:] / 2 - other[:2] - other[2:] / 2
        assert np.abs(middle).max() < 0.15 * one[2]


def test_landmarks_are_where_the_face_was_drawn():
    data = synthetic.load(subjects=5, clips_per_subject=1, size=256, first_subject=60)
    corners = [[f"eye_{end}_{side}" for end in ("inner", "outer")] for side in "lr"]
    drawn = [[synthetic.LANDMARKS.index(name) for name in eye] for eye in corners]
    for i in range(5):
        clip = data.clip(i)
        frame = np.pad(clip.frames[0], ((40, 40), (90, 90), (0, 0)), mode="edge")
        face = detection.detect(frame)
        eyes = [
            face.mesh[list(indices), :2].mean(0) - (90, 40)
            for indices in (anthropometry.EYE_LEFT, anthropometry.EYE_RIGHT)
        ]
        truth = [clip.landmarks[0, eye].mean(0) for eye in drawn]
        assert np.abs(np.array(eyes) - truth).max() < 12


@pytest.mark.parametrize("angle", [-30, 20, 90])
def test_the_angle_is_that_of_the_eyes(angle):
    frame = np.pad(footage.film()[0], ((40, 40), (40, 40), (0, 0)), mode="edge")
    middle = frame.shape[1] / 2, frame.shape[0] / 2
    turn = cv2.getRotationMatrix2D(middle, -angle, 1)  # clockwise is positive
    size, border = frame.shape[1::-1], {"borderMode": cv2.BORDER_REPLICATE}
    turned = cv2.warpAffine(frame, turn, size, **border)
    upright = detection.detect(frame)
    face = detection.detect(turned)
    assert abs(face.angle - upright.angle - angle) < 5
    assert abs(face.box.width / upright.box.width - 1) < 0.1


def test_depth_tells_a_turned_head():
    face = detection.detect(footage.film()[0])
    assert anthropometry.turned(face.mesh) < 12
    for degrees in (30, -50):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        flat = face.mesh - face.mesh.mean(0)
        flat[:, 2] = 0
        seen = flat @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
        np.testing.assert_allclose(anthropometry.turned(seen), abs(degrees), atol=3)


def test_of_cut_out_faces_all_or_the_middle_square_is_taken():
    for shape in ((64, 64), (48, 70), (71, 51)):
        image = np.zeros((*shape, 3), np.uint8)
        found = framing.find(image, detector="frame")
        expected = shape[1] / 2, shape[0] / 2, min(shape), 0
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_networks_are_those_of_the_notice():
    notice = (mesh.WEIGHTS / "NOTICE").read_text()
    files = sorted(mesh.WEIGHTS.glob("*.tflite"))
    told = re.findall(r"^(\w+\.tflite)$.*?SHA-256 (\w{64})", notice, re.M | re.S)
    found = [(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files]
    assert sorted(told) == found and len(found) == 2 and "Apache" in notice


@pytest.mark.parametrize("name", ["landmarks", "", "yolo"])
def test_unknown_detector(name):
    with pytest.raises(UserError, match=r"(?s)haar.*\[landmarks\]") as error:
        detection.load(name)
    assert len(str(error.value).splitlines()) == 2


def test_a_landmarker_needs_mediapipe_and_its_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UserError, match=r"pip install .*\[landmarks\]'"):
        detection.load("face_landmarker.task")
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace())
    with pytest.raises(UserError, match="no file absent.task"):
        detection.load("absent.task")


def test_landmarks_of_mediapipe_become_faces_in_pixels(monkeypatch, tmp_path):
    """MediaPipe's model is not at hand: what it returns is acted out here."""
    truth = detection.detect(footage.film()[0])
    scale = np.array([260, 210, 260])  # the width and height of the film

    def points(mesh):
        return [SimpleNamespace(x=x, y=y, z=z) for x, y, z in mesh / scale]

    more = np.vstack([truth.mesh, np.zeros((10, 3))])  # irises follow the mesh
    results = iter([[points(0.5 * more), points(more)], []])

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
    model, other = tmp_path / "face_landmarker.task", tmp_path / "other.task"
    model.touch()
    other.touch()
    image = np.zeros((210, 260, 3), np.uint8)[:, ::-1]
    found = detection.load(str(model))(image)
    np.testing.assert_allclose(found[0].box, truth.box, atol=0.01)
    np.testing.assert_allclose(
        np.array(found[1].box), np.array(truth.box) / 2, atol=0.01
    )
    assert detection.detect(image, detector=str(model)) is None
    with pytest.raises(UserError, match=r"zip archive\.\n.*face_landmarker\.task"):
        detection.load(str(other))
