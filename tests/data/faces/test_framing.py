"""The apex is where most motion is; crops follow one exact map for a whole clip."""

import json

import cv2
import numpy as np
import pytest
import tiny_release
from scipy import ndimage

from selfme_jax.data.faces import apex, detection, framing
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.data.releases import inspection, records
from selfme_jax.data.synthetic import rendered as synthetic


def people(count, **options):
    options = {"subjects": count, "clips_per_subject": 1, "size": 64, **options}
    return synthetic.load(first_subject=300, **options)


def test_the_apex_is_found_within_three_frames_on_average():
    data = people(12, frames=34)
    clips = [data.clip(i) for i in range(12)]
    errors = [abs(apex.estimate(clip.frames) - clip.apex) for clip in clips]
    assert np.mean(errors) <= 3, errors
    halfway = [abs(17 - clip.apex) for clip in clips]
    assert np.mean(errors) < np.mean(halfway)


def test_an_apex_is_never_the_onset():
    still = [np.full((20, 30, 3), 90, np.uint8)] * 5
    assert apex.estimate(still) >= 1
    assert apex.estimate(still[:2]) == 1


def test_a_moving_head_is_no_apex():
    """The whole picture slides on; the blob within it moves in frame 6."""
    rng = np.random.default_rng(1)
    wall = cv2.GaussianBlur(rng.uniform(0, 255, (96, 96)).astype(np.float32), None, 2)
    wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX)
    y, x = np.mgrid[:96, :96].astype(np.float32)
    near = np.exp(-((x - 48) ** 2 + (y - 60) ** 2) / 72)
    frames = []
    for t in range(14):
        bump = float(3 * np.exp(-((t - 6) ** 2) / 8) * (t > 0))
        at = (x + np.float32(0.4 * t), y + bump * near)
        seen = cv2.remap(wall, *at, cv2.INTER_CUBIC)
        frames.append(np.repeat(seen[16:80, 16:80, None], 3, 2).astype(np.uint8))
    assert abs(apex.estimate(frames) - 6) <= 1


def oracle(image, matrix, size):
    """[size, size, 3] float64: the mean of many linear samples in every pixel."""
    fine = 8
    at = -1 + (2 * np.arange(size * fine) + 1) / (size * fine)
    v, u = np.meshgrid(at, at, indexing="ij")
    x, y = (row[0] * u + row[1] * v + row[2] - 0.5 for row in matrix)
    channels = [
        ndimage.map_coordinates(channel, [y, x], order=1, mode="nearest")
        for channel in np.moveaxis(image.astype(np.float64), -1, 0)
    ]
    cells = np.stack(channels, -1).reshape(size, fine, size, fine, -1)
    return cells.mean((1, 3))


def ramp(height=60, width=80):
    y, x = np.mgrid[:height, :width]
    return np.stack([3 * x, 4 * y, x + 2 * y], -1).astype(np.uint8)


FACES = [
    Similarity(40, 30, 40, 0),
    Similarity(40.3, 29.6, 40, 12),
    Similarity(38, 31, 24, -17),
    Similarity(41, 30, 35, 25),
]


@pytest.mark.parametrize("found", FACES)
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_ramp_stays_a_ramp(found, size):
    """Its value at the centre of each pixel of the crop, rotated by the angle."""
    crop = framing.apply(ramp(), framing.affine(found), size=size)
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8
    at = (2 * np.arange(size) + 1) / size - 1
    v, u = np.meshgrid(at, at, indexing="ij")
    angle, half = np.radians(found.angle), found.side / 2
    x = found.x - 0.5 + half * (np.cos(angle) * u - np.sin(angle) * v)
    y = found.y - 0.5 + half * (np.sin(angle) * u + np.cos(angle) * v)
    expected = np.stack([3 * x, 4 * y, x + 2 * y], -1)
    np.testing.assert_allclose(crop, expected, atol=1.1)
    assert abs((crop - expected).mean()) < 0.6


@pytest.mark.parametrize("found", [*FACES, Similarity(70, 8, 50, 9)])
@pytest.mark.parametrize("size", [16, 48])
def test_a_smooth_picture_is_cut_out_as_by_another_program(found, size):
    noise = np.random.default_rng(2).uniform(0, 255, (60, 80, 3))
    image = ndimage.gaussian_filter(noise, (2.5, 2.5, 0))
    image = np.clip(4 * (image - 127) + 127, 0, 255).astype(np.uint8)
    matrix = framing.affine(found)
    crop = framing.apply(image, matrix, size=size)
    error = abs(crop - oracle(image, matrix, size))
    assert error.mean() < 1.5 and error.max() < 16
    shift = np.array([[0, 0, 0.5], [0, 0, 0]])
    shifted = abs(crop - oracle(image, matrix + shift, size))
    assert shifted.mean() > 2 * error.mean()


@pytest.mark.parametrize("shape", [(48, 48), (96, 48), (40, 100)])
def test_a_whole_frame_is_stretched_to_a_square(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.stack([2 * x, 2 * y, x], -1).astype(np.uint8)
    crop = framing.apply(image, framing.whole(image.shape), size=20)
    at = (np.arange(20) + 0.5) / 20
    inner = slice(1, -1)
    columns, rows = 2 * (at * shape[1] - 0.5), 2 * (at * shape[0] - 0.5)
    np.testing.assert_allclose(crop[10, inner, 0], columns[inner], atol=1.1)
    np.testing.assert_allclose(crop[inner, 10, 1], rows[inner], atol=1.1)


def test_a_crop_of_the_same_size_is_the_frame_itself():
    image = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    same = framing.apply(image, framing.whole(image.shape), size=32)
    np.testing.assert_array_equal(same, image)
    halves = framing.apply(image, framing.whole(image.shape), size=16)
    mean = image.reshape(16, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose(halves, mean, atol=0.51)


def scene(person, angle=0.0):
    """A face of 160 pixels around (150, 130) of a wall, and the picture turned."""
    face = people(person + 1, size=160, frames=3).clip(person).frames[0]
    wall = np.full((260, 300, 3), (110, 120, 130), np.uint8)
    wall[50:210, 70:230] = face
    turn = cv2.getRotationMatrix2D((150, 130), -angle, 1)  # clockwise is positive
    border = {"borderMode": cv2.BORDER_REPLICATE, "flags": cv2.INTER_CUBIC}
    return cv2.warpAffine(wall, turn, (300, 260), **border)


@pytest.mark.parametrize(("detector", "least"), [("mesh", 6), ("haar", 4)])
def test_a_face_is_found_where_it_is_and_as_it_is_turned(detector, least):
    good = 0
    for person in range(6):
        upright = framing.find(scene(person), detector=detector)
        turned = framing.find(scene(person, 8), detector=detector)
        assert upright is not None and turned is not None
        assert abs(upright.x - 150) < 16 and abs(upright.y - 130) < 24
        assert 100 < upright.side < 240 and abs(upright.angle) < 5
        good += abs(turned.angle - upright.angle - 8) < 4
    assert good >= least


@pytest.mark.parametrize("detector", ["mesh", "haar"])
def test_no_face_no_transform(detector):
    assert framing.find(np.full((90, 90, 3), 128, np.uint8), detector=detector) is None


def test_the_square_is_moved_down_along_the_face():
    for angle in (0.0, 90.0, -37.0):
        face = detection.Face(detection.Box(20, 30, 50, 40), angle)
        found = framing.of(face)
        down = np.radians(angle + 90)
        drop = framing.DROP * 50 * np.array([np.cos(down), np.sin(down)])
        np.testing.assert_allclose(found[:2], np.array([45, 50]) + drop)
        assert found[2:] == (framing.MARGIN * 50, angle)


def test_a_few_wrong_framings_do_no_harm():
    good = [Similarity(100 + d, 60 - d, 80 + d, d / 2) for d in (-2, 0, 2)]
    wrong = [Similarity(3, 200, 20, -30), Similarity(300, 3, 400, 60)]
    assert framing.middle([*wrong, *good]) == Similarity(100, 60, 80, 0)


@pytest.fixture
def samm(tmp_path):
    return tiny_release.write("samm", tmp_path / "r")


def test_one_map_for_all_frames_of_a_clip(samm, tmp_path, monkeypatch):
    looked = []

    def find(image, *, detector):
        looked.append(detector)
        return Similarity(12, 11, 14, 7)

    monkeypatch.setattr(framing, "find", find)
    found = tiny_release.look("samm", samm, tmp_path / "faces.json")
    assert looked == ["mesh", "mesh"] and len(found.usable) == 2
    clip = found.usable[0]
    expected = framing.affine(Similarity(12, 11, 14, 7))
    np.testing.assert_array_equal(clip.matrix, expected)
    options = inspection.Options(size=16)
    record = next(records.stream([clip], options, tiny_release.quiet))
    for png, path in zip(record["frames"], clip.paths, strict=True):
        got = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        scene = cv2.imread(str(path))[..., ::-1]
        np.testing.assert_array_equal(got, framing.apply(scene, expected, size=16))


def test_what_the_folders_above_the_source_are_called_does_not_matter(
    tmp_path, monkeypatch
):
    """Scenes below .../cropped sets/ are scenes; their faces are looked for."""
    face = Similarity(12, 11, 14, 7)
    monkeypatch.setattr(framing, "find", lambda image, *, detector: face)
    (tmp_path / "cropped sets").mkdir()
    root = tiny_release.write("samm", tmp_path / "cropped sets" / "r")
    clip = tiny_release.look("samm", root, tmp_path / "faces.json").usable[0]
    np.testing.assert_array_equal(clip.matrix, framing.affine(face))


def test_faces_found_before_are_not_looked_for_again(samm, tmp_path, monkeypatch):
    face = Similarity(12, 11, 14, 7)
    monkeypatch.setattr(framing, "find", lambda image, *, detector: face)
    cache = tmp_path / "new" / "faces.json"
    before = tiny_release.look("samm", samm, cache).usable
    kept = json.loads(cache.read_text())
    assert sorted(v["clip"] for v in kept.values()) == [c.entry.name for c in before]
    assert all(value["face"] == list(face) for value in kept.values())
    assert all(key.startswith("mesh ") for key in kept)

    def fail(image, *, detector):
        raise AssertionError("looked for again")

    monkeypatch.setattr(framing, "find", fail)
    after = tiny_release.look("samm", samm, cache).usable
    assert [c.content for c in after] == [c.content for c in before]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.matrix, other.matrix)
    onset = tiny_release.clip_folder(samm, "samm") / "006_05562.jpg"
    cv2.imwrite(str(onset), 255 - cv2.imread(str(onset)))
    with pytest.raises(AssertionError, match="looked for again"):
        tiny_release.look("samm", samm, cache)
