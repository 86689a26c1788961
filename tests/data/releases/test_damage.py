"""Damaged clips of the official releases: each is named, with the reason."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_release

CLIP = "casme2/sub01/EP02_01f"


def frame(root: Path, number: int) -> Path:
    return tiny_release.clip_folder(root) / f"reg_img{number}.jpg"


def drop(root, *numbers):
    for number in numbers:
        frame(root, number).unlink()


def spoil(data):
    def write(*numbers):
        return lambda root: [frame(root, n).write_bytes(data) for n in numbers]

    return write


def cut(root, number=48):
    data = frame(root, number).read_bytes()
    frame(root, number).write_bytes(data[:-12])


def folder_for_frame(root):
    drop(root, 48)
    frame(root, 48).mkdir()


def renamed(number, name):
    return lambda root: frame(root, number).rename(frame(root, number).with_name(name))


def resized(*numbers):
    def change(root):
        for number in numbers:
            small = cv2.imread(str(frame(root, number)))[:12]
            cv2.imwrite(str(frame(root, number)), small)

    return change


def emptied(root):
    drop(root, *range(46, 55))


def removed(root):
    shutil.rmtree(tiny_release.clip_folder(root))


def file_for_clip(root):
    removed(root)
    tiny_release.clip_folder(root).write_text("a file")


def copied(root):
    shutil.copytree(root / "Cropped", root / "copy" / "Cropped")


def numbered_twice(root):
    shutil.copy(frame(root, 50), frame(root, 50).with_name("reg_img050.jpg"))


def dangling(root):
    drop(root, 48)
    frame(root, 48).symlink_to(root / "gone.jpg")


def same_content(root):
    removed(root)
    other = root / "Cropped/sub01/EP03_02"
    tiny_release.clip_folder(root).mkdir()
    for i in range(9):
        shutil.copy(other / f"reg_img{10 + i}.jpg", frame(root, 46 + i))


bad, empty = spoil(b"this is no picture\n"), spoil(b"")
ODD, LOST = f"odd: {CLIP}: ", f"missing: {CLIP} "
GAP = f"frames missing: {CLIP}: "

CASES = {
    "frame cut off": (
        cut,
        {ODD + "frame reg_img48.jpg left out (no readable image)"},
    ),
    "frame empty": (empty(48), {ODD + "frame reg_img48.jpg left out (empty)"}),
    "frame is text": (
        bad(48),
        {ODD + "frame reg_img48.jpg left out (no readable image)"},
    ),
    "frame is a folder": (
        folder_for_frame,
        {ODD + "reg_img48.jpg: a folder, not a frame", GAP + "48"},
    ),
    "frame is a dangling link": (
        dangling,
        {ODD + "frame reg_img48.jpg left out (No such file or directory)"},
    ),
    "frame of another size": (
        resized(48),
        {ODD + "frame reg_img48.jpg left out (24x12, not 24x24)"},
    ),
    "onset of another size": (
        resized(46),
        {LOST + "(apex frame {clip}/reg_img50.jpg cannot be used (24x24, not 24x12))"},
    ),
    "text by its name": (
        renamed(48, "reg_img48.txt"),
        {ODD + "reg_img48.txt: no image by its name", GAP + "48"},
    ),
    "gif by its name": (
        renamed(48, "reg_img48.gif"),
        {ODD + "reg_img48.gif: no image by its name", GAP + "48"},
    ),
    "frame has no number": (renamed(48, "copy.jpg"), {GAP + "48"}),
    "onset missing": (
        lambda root: drop(root, 46),
        {ODD + "onset 46 is missing; 47 stands in", GAP + "46"},
    ),
    "onset and two more missing": (
        lambda root: drop(root, 46, 47, 48),
        {ODD + "onset 46 is missing; 49 stands in", GAP + "46-48"},
    ),
    "onset missing far": (
        lambda root: drop(root, 46, 47, 48, 49),
        {LOST + "(onset frame 46 is missing in {clip})"},
    ),
    "apex missing": (
        lambda root: drop(root, 50),
        {ODD + "apex 50 is missing; 49 stands in", GAP + "50"},
    ),
    "apex missing, three frames away": (
        lambda root: drop(root, *range(47, 53)),
        {ODD + "apex 50 is missing; 53 stands in", GAP + "47-52"},
    ),
    "apex missing far": (
        lambda root: drop(root, *range(47, 54)),
        {LOST + "(apex frame 50 is missing in {clip})"},
    ),
    "offset missing": (lambda root: drop(root, 53, 54), {GAP + "53-54"}),
    "gaps": (lambda root: drop(root, 48, 52, 53), {GAP + "48, 52-53"}),
    "apex unreadable": (
        bad(50),
        {LOST + "(apex frame {clip}/reg_img50.jpg cannot be used (no readable image))"},
    ),
    "apex empty": (
        empty(50),
        {LOST + "(apex frame {clip}/reg_img50.jpg cannot be used (empty))"},
    ),
    "onset unreadable": (
        bad(46),
        {
            LOST + "(onset frame {clip}/reg_img46.jpg cannot be used "
            "(no readable image))"
        },
    ),
    "onset cut off": (
        lambda root: cut(root, 46),
        {
            LOST
            + "(onset frame {clip}/reg_img46.jpg cannot be used (no readable image))"
        },
    ),
    "clip empty": (emptied, {LOST + "(no frames in {clip})"}),
    "clip of one frame": (
        lambda root: drop(root, *range(47, 55)),
        {LOST + "(fewer than 2 frames of 46 to 54 in {clip})"},
    ),
    "clip missing": (removed, {LOST + "(no folder)"}),
    "clip is a file": (file_for_clip, {LOST + "(no folder)"}),
    "number twice": (numbered_twice, {ODD + "reg_img50.jpg: frame 50 twice"}),
    "same content twice": (
        same_content,
        {"same content: casme2/sub01/EP02_01f, casme2/sub01/EP03_02"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_damage_is_named(tmp_path, case):
    damage, expected = CASES[case]
    root = tiny_release.write("casme2", tmp_path / "r")
    damage(root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    clip = str(tiny_release.clip_folder(root))
    # Of a JPEG that is cut off, OpenCV gives nothing or, if older, a part.
    seen = {
        line.replace("(cut off)", "(no readable image)")
        for line in tiny_release.lines(found)
    }
    assert seen == {line.replace("{clip}", clip) for line in expected}
    lost = any(line.startswith("missing") for line in expected)
    assert len(found.usable) == 5 - lost and len(found.entries) == 5
    assert all(len(c.paths) == len(c.numbers) > c.apex for c in found.usable)


def test_two_copies_are_noted_and_one_is_used(tmp_path):
    root = tiny_release.write("casme2", tmp_path / "r")
    copied(root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    assert len(found.usable) == 5
    used = found.usable[0].paths[0].parent
    assert found.usable[0].notes == (f"there 2 times; {used} is used",)


def test_frames_that_may_not_be_read(tmp_path, monkeypatch):
    root = tiny_release.write("casme2", tmp_path / "r")
    read = Path.read_bytes

    def refuse(path):
        if path.name == "reg_img48.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    expected = {ODD + "frame reg_img48.jpg left out (Permission denied)"}
    assert tiny_release.lines(found) == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_clip_that_may_not_be_read(tmp_path):
    root = tiny_release.write("casme2", tmp_path / "r")
    folder = tiny_release.clip_folder(root)
    folder.chmod(0)
    try:
        found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    finally:
        folder.chmod(0o755)
    assert tiny_release.lines(found) == {LOST + "(Permission denied)"}


def test_the_crop_is_that_of_what_is_readable(tmp_path):
    root = tiny_release.write("casme2", tmp_path / "r")
    bad(47, 52)(root)
    clip = tiny_release.look("casme2", root, tmp_path / "faces.json").usable[0]
    assert clip.numbers == (46, 48, 49, 50, 51, 53, 54)
    assert clip.numbers[clip.apex] == 50
    np.testing.assert_array_equal(clip.matrix, [[12, 0, 12], [0, 12, 12]])
