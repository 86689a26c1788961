"""Clips are found by name and read in order, up to where they are damaged."""

import shutil

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.videos import clips, reading
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.types import UserError


def numbered(count, shape=(10, 12)):
    """Frames whose colours say which they are: red is the number."""
    frames = np.zeros((count, *shape, 3), np.uint8)
    frames[..., 0] = np.arange(count)[:, None, None] * 9
    frames[..., 1] = 200
    return frames


def read(path):
    """Frames until the end or the damage, and what is said of the damage."""
    (clip,) = clips.find(path)
    frames, damage = [], ""
    try:
        for frame in reading.read(clip):
            frames.append(frame)
    except DamagedError as error:
        damage = str(error)
    return frames, damage


def test_find_gives_names_in_order(tmp_path):
    root = tmp_path / "films"
    two = numbered(2)
    for name in ("b/ä ö .MP4", "b/x.webm", " padded .avi", "a.mov"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"123")
    footage.write_folder(root / "a/deep/映像", two, names="frame {}.jpg")
    footage.write_folder(root / "b/like.mp4", two)  # a folder named like a video
    footage.write_folder(root / "one image", numbered(1))
    footage.write_folder(root / ".hidden", two)
    (root / "._a.mov").write_bytes(b"1")
    (root / "notes.txt").write_text("none")
    (root / "gone.avi").symlink_to(root / "nowhere.avi")
    found = clips.find(root)
    assert [clip.name for clip in found] == [
        " padded .avi",
        "a.mov",
        "a/deep/映像",
        "b/like.mp4",
        "b/x.webm",
        "b/ä ö .MP4",
    ]
    assert [bool(clip.images) for clip in found] == [0, 0, 1, 1, 0, 0]
    assert found[0].bytes == 3
    assert found[2].bytes == sum(p.stat().st_size for p in found[2].path.iterdir())
    assert all(clip.path == root / clip.name for clip in found)


def test_a_folder_of_frames_may_be_the_source_itself(tmp_path):
    folder = footage.write_folder(tmp_path / "clip", numbered(3))
    (clip,) = clips.find(str(folder))
    assert clip.name == "clip" and len(clip.images) == 3


@pytest.mark.parametrize("source", ["", "/no/such/folder"])
def test_no_folder(source):
    with pytest.raises(UserError, match=r"(?s)--source.*videos.*frames") as error:
        clips.find(source)
    assert repr(source) in str(error.value) and len(str(error.value).splitlines()) == 2


def test_no_clip(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="no clip in .* videos .* at least 2 frames"):
        clips.find(tmp_path)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ("img{}.png", 7),
        ("s01_02_img{:04d} .bmp", 95),
        ("{}.png", 0),
        ("frame{:03}x.png", 998),
    ],
)
def test_frames_are_in_the_order_of_their_numbers(tmp_path, names, first):
    frames = numbered(6)
    footage.write_folder(tmp_path / "c", frames, names=names, first=first)
    found, damage = read(tmp_path)
    np.testing.assert_array_equal(found, frames)
    assert not damage


def test_padding_may_vary(tmp_path):
    frames = numbered(4)
    (tmp_path / "c").mkdir()
    for name, frame in zip(("2", "03", "10", "0011"), frames, strict=True):
        cv2.imwrite(str(tmp_path / "c" / f"{name}.png"), frame[..., ::-1])
    np.testing.assert_array_equal(read(tmp_path)[0], frames)


def test_a_video_gives_its_frames_in_rgb(tmp_path):
    frames = numbered(8, shape=(48, 64))
    footage.write_video(tmp_path / "é x.avi", frames, fps=200)
    (clip,) = clips.find(tmp_path)
    assert reading.expected_frames(clip) == 8 and reading.fps(clip) == 200
    found, damage = read(tmp_path)
    assert not damage and found[0].dtype == np.uint8
    # chroma is coarse in JPEG, but these frames are of one colour each
    np.testing.assert_allclose(found, frames.astype(int), atol=6)


def test_a_folder_has_no_rate(tmp_path):
    footage.write_folder(tmp_path / "c", numbered(3))
    (clip,) = clips.find(tmp_path)
    assert reading.expected_frames(clip) == 3 and reading.fps(clip) == 0


def test_a_cut_video_is_read_up_to_the_cut(tmp_path):
    path = footage.write_video(tmp_path / "a.avi", numbered(40, shape=(48, 64)))
    data = path.read_bytes()
    whole, _ = read(tmp_path)
    path.write_bytes(data[: len(data) // 2])
    found, damage = read(tmp_path)
    assert 5 < len(found) < 35
    assert damage == f"it ends after {len(found)} of 40 frames"
    # the last one before the cut may be half a frame, and is not given
    np.testing.assert_array_equal(found, whole[: len(found)])


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_an_unreadable_video_says_so(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert read(tmp_path) == ([], "not a readable video")
    (clip,) = clips.find(tmp_path)
    assert reading.expected_frames(clip) == 0 and reading.fps(clip) == 0


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c: (c / "img3.png").write_bytes(b""), "img3.png is not a readable"),
        (lambda c: (c / "img3.png").write_bytes(b"\x89PNG cut"), "img3.png is not a"),
        (lambda c: shutil.copy(c / "img2.png", c / "img02.png"), "the same frame"),
        (lambda c: cv2.imwrite(str(c / "img3.png"), np.zeros((9, 12, 3))), "12x9"),
    ],
)
def test_a_damaged_folder_is_read_up_to_the_damage(tmp_path, break_it, message):
    footage.write_folder(tmp_path / "c", numbered(5))
    break_it(tmp_path / "c")
    found, damage = read(tmp_path)
    assert len(found) == 2 and message in damage
