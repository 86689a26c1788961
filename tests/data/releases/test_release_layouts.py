"""Layouts and clips of the releases that differ, and are read all the same."""

import shutil
from pathlib import Path

import cv2
import pytest
import tiny_release

from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import layout


@pytest.fixture(autouse=True)
def face(monkeypatch):
    """The scenes of the tiny SAMM show no face; say that there is one."""
    found = align.Similarity(12, 12, 20, 0)
    monkeypatch.setattr(align, "find", lambda image, *, detector: found)


def reencoded(root):
    path = tiny_release.clip_folder(root) / "reg_img48.jpg"
    path.write_bytes(cv2.imencode(".png", cv2.imread(str(path)))[1].tobytes())


def grey(root):
    for path in tiny_release.clip_folder(root).iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def trailing(root):
    """Cameras and copies add to the end of a JPEG; it is whole."""
    path = tiny_release.clip_folder(root) / "reg_img48.jpg"
    path.write_bytes(path.read_bytes() + bytes(100))


def upper(root):
    for path in tiny_release.clip_folder(root).iterdir():
        path.rename(path.with_suffix(".JPG"))


def doubled(root):
    (root / "Cropped").rename(root / "inner")
    (root / "Cropped").mkdir()
    (root / "inner").rename(root / "Cropped" / "Cropped")


def deep(root):
    (root / "a" / "b").mkdir(parents=True)
    (root / "Cropped").rename(root / "a" / "b" / "Cropped")


def subjects(form):
    def rename(root):
        for path in list((root / "Cropped").iterdir()):
            path.rename(path.with_name(form.format(int(path.name[3:]))))

    return rename


def full_width(root):
    (root / "Cropped/sub01").rename(root / "Cropped/ｓｕｂ０１")


def blanks(root):
    clip = tiny_release.clip_folder(root)
    clip.rename(clip.with_name(" EP02_01f "))
    (root / "Cropped/sub01").rename(root / "Cropped/ sub01 ")


def capitals(root):
    clip = tiny_release.clip_folder(root)
    clip.rename(clip.with_name("ep02_01F"))
    (root / "Cropped/sub01").rename(root / "Cropped/SUB01")


def padded(root):
    for path in tiny_release.clip_folder(root).iterdir():
        number = int(path.stem[7:])
        path.rename(path.with_name(f"reg_img{number:06d}.jpg"))


def rubbish(root):
    for name in ("Thumbs.db", ".DS_Store", "._reg_img46.jpg", "desktop.ini"):
        (tiny_release.clip_folder(root) / name).write_bytes(b"\0\1")
    for folder in ("__MACOSX", ".Trash"):
        shutil.copytree(root / "Cropped", root / folder / "Cropped")
    (root / "readme.txt").write_text("no frame")


def more_frames(root):
    clip = tiny_release.clip_folder(root)
    for number in (1, 45, 55, 300):
        shutil.copy(clip / "reg_img50.jpg", clip / f"reg_img{number}.jpg")


def raw_too(root):
    shutil.copytree(root / "Cropped", root / "CASME2-RAW")


def other_clips(root):
    shutil.copytree(root / "Cropped/sub01/EP03_02", root / "Cropped/sub01/EP77_01")
    shutil.copytree(root / "Cropped/sub01/EP03_02", root / "Cropped/people/EP02_01f")


def same_onset(root):
    onset = tiny_release.clip_folder(root) / "reg_img46.jpg"
    shutil.copy(onset, root / "Cropped/sub01/EP03_02/reg_img10.jpg")


def linked(root):
    target = root.parent / "elsewhere"
    (root / "Cropped").rename(target)
    (root / "Cropped").symlink_to(target)


@pytest.mark.parametrize(
    "change",
    [
        *(reencoded, grey, trailing, upper, doubled, deep, full_width, blanks),
        *(
            capitals,
            padded,
            rubbish,
            more_frames,
            raw_too,
            other_clips,
            linked,
            same_onset,
        ),
        *(subjects("{}"), subjects("sub{}"), subjects("Sub{:03d}"), subjects("{:02d}")),
    ],
)
def test_casme2_is_read_all_the_same(tmp_path, change):
    root = tiny_release.write("casme2", tmp_path / "r")
    change(root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    assert not tiny_release.lines(found) and len(found.usable) == 5
    clip = found.usable[0]
    assert clip.entry.key == ("sub01", "EP02_01f")
    assert clip.numbers == tuple(range(46, 55)) and clip.apex == 4
    assert clip.apex_source == "annotated" and not clip.missing
    assert [layout.index_frames(clip.paths[0].parent)[0][n] for n in clip.numbers] == [
        *clip.paths
    ]


@pytest.mark.parametrize(
    "folder", ["s01_ne_01", "s001_ne_1", "S1_NE_01", " s1_ne_01 ", "s１_ne_０１"]
)
def test_smic_folders(tmp_path, folder):
    root = tiny_release.write("smic_hs", tmp_path / "r")
    clip = tiny_release.clip_folder(root, "smic_hs")
    clip.rename(clip.with_name(folder))
    shutil.copytree(clip.parent / "s1_ne_02", clip.parents[2] / "non_micro/s1_ne_01")
    found = tiny_release.look("smic_hs", root, tmp_path / "faces.json")
    assert not tiny_release.lines(found) and len(found.usable) == 4
    assert len(found.entries) == 164
    assert {clip.apex_source for clip in found.usable} == {"motion"}
    assert found.usable[0].numbers == tuple(range(1234, 1240))
    assert "non_micro" not in str(found.usable[0].paths[0])


@pytest.mark.parametrize(
    ("folder", "sample"), [("6_1_2", "006_1_2"), ("006_1_2", "6_01_2")]
)
def test_samm_folders(tmp_path, folder, sample):
    root = tiny_release.write("samm", tmp_path / "r")
    clip = tiny_release.clip_folder(root, "samm")
    clip.rename(clip.with_name(folder))
    row = (clip.parent.name, sample, *tiny_release.SAMM[0][2:])
    rows = [tiny_release.SAMM_HEAD, row, *tiny_release.SAMM[1:]]
    tiny_release.write_sheet(root / tiny_release.SHEETS["samm"], rows)
    found = tiny_release.look("samm", root, tmp_path / "faces.json")
    assert not tiny_release.lines(found) and len(found.usable) == 2
    assert found.usable[0].entry.key == ("006", "006_1_2")


def test_samm_without_a_face(tmp_path, monkeypatch):
    monkeypatch.setattr(align, "find", lambda image, *, detector: None)
    root = tiny_release.write("samm", tmp_path / "r")
    found = tiny_release.look("samm", root, tmp_path / "faces.json")
    onset = tiny_release.clip_folder(root, "samm") / "006_05562.jpg"
    line = (
        f"missing: samm/006/006_1_2 (no face found in the onset frame {onset}, "
        "nor later)"
    )
    assert line in tiny_release.lines(found) and not found.usable


def test_samm_with_a_face_in_the_third_frame_alone(tmp_path, monkeypatch):
    root = tiny_release.write("samm", tmp_path / "r")
    third = tiny_release.clip_folder(root, "samm") / "006_05564.jpg"
    mean = cv2.imread(str(third)).mean()

    def find(image, *, detector):
        same = image.mean() == mean
        return align.Similarity(12, 12, 20, 0) if same else None

    monkeypatch.setattr(align, "find", find)
    found = tiny_release.look("samm", root, tmp_path / "faces.json")
    assert [clip.notes for clip in found.usable] == [
        ("no face found in the onset; that of frame 5564 is used",)
    ]


@pytest.mark.parametrize(
    ("apex", "note"),
    [
        (5600, "apex 5600 is out of 5562 to 5570"),
        (5562, "apex 5562 is out of 5562 to 5570"),
        ("/", None),
        (None, None),
    ],
)
def test_samm_apex_that_is_none_is_estimated(tmp_path, apex, note):
    root = tiny_release.write("samm", tmp_path / "r")
    row = (*tiny_release.SAMM[0][:4], apex, *tiny_release.SAMM[0][5:])
    rows = [tiny_release.SAMM_HEAD, row, *tiny_release.SAMM[1:]]
    tiny_release.write_sheet(root / tiny_release.SHEETS["samm"], rows)
    found = tiny_release.look("samm", root, tmp_path / "faces.json")
    expected = {f"odd: samm/006/006_1_2: {note}"} if note else set()
    assert tiny_release.lines(found) == expected
    assert [clip.apex_source for clip in found.usable] == ["motion", "annotated"]
    assert 1 <= found.usable[0].apex < 9


@pytest.mark.parametrize("keep", [20, 1000])
def test_smic_frame_cut_off(tmp_path, keep):
    """A bitmap of which a part is lost is not taken for a whole one."""
    root = tiny_release.write("smic_hs", tmp_path / "r")
    path = tiny_release.clip_folder(root, "smic_hs") / "reg_image001236.bmp"
    path.write_bytes(path.read_bytes()[:keep])
    found = tiny_release.look("smic_hs", root, tmp_path / "faces.json")
    (line,) = tiny_release.lines(found)
    assert "s01_ne_01: frame reg_image001236.bmp left out" in line


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_png_frame_cut_off(tmp_path, share):
    root = tiny_release.write("casme2", tmp_path / "r")
    reencoded(root)
    path: Path = tiny_release.clip_folder(root) / "reg_img48.jpg"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    (line,) = tiny_release.lines(found)
    assert "EP02_01f: frame reg_img48.jpg left out" in line


def test_parts_of_a_composite_in_folders_of_their_names(tmp_path):
    """Each is looked for there alone; without such folders, everywhere."""
    for name in ("casme2", "smic_hs", "samm"):
        tiny_release.write(name, tmp_path / "r" / name)
    decoy = tiny_release.clip_folder(tmp_path / "r" / "casme2")
    shutil.copytree(decoy, tmp_path / "r/samm/Cropped/sub01/EP02_01f")
    apart = tiny_release.look("megc2019", tmp_path / "r", tmp_path / "faces.json")
    assert len(apart.usable) == 5 + 4 + 2
    assert "times" not in " ".join(apart.usable[0].notes)
    (tmp_path / "r" / "samm").rename(tmp_path / "r" / "SAMM")
    mixed = tiny_release.look("megc2019", tmp_path / "r", tmp_path / "faces.json")
    assert len(mixed.usable) == 5 + 4 + 2
    assert "there 2 times" in " ".join(mixed.usable[0].notes)
