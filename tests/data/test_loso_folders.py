"""The published folders: every image once per held-out subject, with its quirks."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from selfme_jax.data import flow_images
from selfme_jax.types import UserError

# folder, file stem, class -> dataset, subject, sample
PUBLISHED = {
    ("sub01", "sub01_EP02_01f", 1): ("casme2", "sub01", "EP02_01f"),
    ("sub01", "sub01_EP19_05f", 0): ("casme2", "sub01", "EP19_05f"),
    ("sub02", "sub02_EP02_01f", 0): ("casme2", "sub02", "EP02_01f"),
    ("s01", "s01_s01_ne_01", 0): ("smic", "s01", "s01_ne_01"),
    ("s01", "s01_s01_sur_01", 2): ("smic", "s01", "s01_sur_01"),
    ("006", "006_006_1_2", 0): ("samm", "006", "006_1_2"),
    ("010", "010_010_2_1", 2): ("samm", "010", "010_2_1"),
}


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (28, 28, 3), np.uint8)


def build(root: Path, published=PUBLISHED) -> Path:
    subjects = {folder for folder, _, _ in published}
    for seed, (owner, stem, label) in enumerate(published):
        data = cv2.imencode(".png", picture(seed)[..., ::-1])[1].tobytes()
        for held_out in subjects:
            side = "u_test" if held_out == owner else "u_train"
            path = root / held_out / side / str(label) / f"{stem} .png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def load(root: Path, **options):
    return flow_images.load(root=str(root), allow_partial=True, **options)


@pytest.mark.parametrize("above", ["", "norm_u_v_os", "norm_u_v_os/norm_u_v_os"])
def test_published_layout(tmp_path, above):
    build(tmp_path / above)
    (tmp_path / "README.txt").write_text("not an image")
    data = load(tmp_path)
    expected = {
        name: (key[2], picture(seed))
        for seed, (key, name) in enumerate(PUBLISHED.items())
    }
    assert [s[:3] for s in data.samples] == sorted(expected)
    for sample, image in zip(data.samples, data.images, strict=True):
        label, pixels = expected[sample[:3]]
        assert sample.label == label
        np.testing.assert_array_equal(image, pixels)


def test_selection(tmp_path):
    data = load(build(tmp_path), datasets="smic,samm")
    assert {s.dataset for s in data.samples} == {"smic", "samm"}
    assert len(data.samples) == 4


@pytest.mark.parametrize(
    ("folder", "stem", "name"),
    [
        ("s1", "s1_s1_ne_01", ("smic", "s01", "s1_ne_01")),
        ("s1", "s01_s01_ne_01", ("smic", "s01", "s01_ne_01")),
        ("s01", "s01_ne_01", ("smic", "s01", "s01_ne_01")),
        ("6", "006_006_1_2", ("samm", "006", "006_1_2")),
        ("006", "006_1_2", ("samm", "006", "006_1_2")),
        ("sub1", "sub1_EP03_02", ("casme2", "sub01", "EP03_02")),
        ("sub01", "EP03_02", ("casme2", "sub01", "EP03_02")),
        ("Sub17", "EP03_02", ("casme2", "sub17", "EP03_02")),
    ],
)
def test_names(tmp_path, folder, stem, name):
    build(tmp_path, {(folder, stem, 1): None})
    assert [s[:3] for s in load(tmp_path).samples] == [name]


def test_same_clip_names_without_the_subject(tmp_path):
    """Without a subject in the file name the content tells whose image it is."""
    build(tmp_path, {("sub01", "EP01_01", 1): None, ("sub02", "EP02_01", 1): None})
    for held_out, name in (("sub01", "EP02_01"), ("sub02", "EP01_01")):
        side = tmp_path / held_out / "u_train" / "1"
        (side / f"{name} .png").rename(side / f"{name}.png")
    other = tmp_path / "sub02" / "u_test" / "1"
    (other / "EP02_01 .png").rename(other / "EP01_01 .png")
    train = tmp_path / "sub01" / "u_train" / "1"
    (train / "EP02_01.png").rename(train / "EP01_01.png")
    data = load(tmp_path)
    assert [s.subject for s in data.samples] == ["sub01", "sub02"]
    np.testing.assert_array_equal(data.images, [picture(0), picture(1)])


def test_the_same_image_twice_counts_once(tmp_path):
    build(tmp_path)
    path = tmp_path / "sub01" / "u_test" / "1" / "sub01_EP02_01f .png"
    shutil.copy(path, path.with_name("sub01_EP02_01f.png"))
    assert len(load(tmp_path).samples) == len(PUBLISHED)


def test_u_train_may_be_absent(tmp_path):
    build(tmp_path)
    for path in tmp_path.glob("*/u_train"):
        shutil.rmtree(path)
    assert len(load(tmp_path).samples) == len(PUBLISHED)


def move(source: str, target: str):
    def break_it(root):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / source).rename(root / target)

    return break_it


def copy(source: str, target: str):
    def break_it(root):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / source, root / target)

    return break_it


def several(root):
    build(root / "a" / "x")
    build(root / "b" / "x")
    for subject in {key[0] for key in PUBLISHED}:
        shutil.rmtree(root / subject)


def lost_test_side(root):
    shutil.rmtree(root / "s01" / "u_test")


def empty_test_side(root):
    lost_test_side(root)
    (root / "s01" / "u_test" / "0").mkdir(parents=True)


ONE = "sub01/u_test/1/sub01_EP02_01f .png"
TRAINED = "s01/u_train/1/sub01_EP02_01f .png"
BAD = {
    "unknown subject": (move("s01", "person1"), "cannot tell the dataset.*'person1'"),
    "unknown class": (move("s01/u_test/2", "s01/u_test/3"), "u_test/3: unknown label"),
    "other class in u_train": (
        move(TRAINED, TRAINED.replace("/1/", "/0/")),
        "s01/u_train/0/sub01_EP02_01f .png is in no other subject's u_test",
    ),
    "other content in u_train": (
        copy("sub01/u_test/0/sub01_EP19_05f .png", TRAINED),
        "u_train/1/sub01_EP02_01f .png is in no other subject's u_test",
    ),
    "held-out image in u_train": (
        copy(ONE, ONE.replace("u_test", "u_train")),
        "sub01/u_train/1/sub01_EP02_01f .png is in no other subject's u_test",
    ),
    "no u_test": (lost_test_side, "is in no other subject's u_test"),
    "empty u_test": (empty_test_side, "holds no <class>"),
    "two classes": (copy(ONE, ONE.replace("/1/", "/0/")), "is there twice"),
    "two contents": (
        copy("006/u_test/0/006_006_1_2 .png", ONE.replace(" .png", ".png")),
        "casme2/sub01/EP02_01f is there twice",
    ),
    "several sets": (several, "several sets of LOSO folders"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_layout(tmp_path, name):
    break_it, message = BAD[name]
    break_it(build(tmp_path))
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path)
    assert len(str(error.value).splitlines()) <= 2


def test_counts_are_asserted_here_too(tmp_path):
    with pytest.raises(UserError, match="expected 145 clips"):
        flow_images.load(root=str(build(tmp_path)), datasets="casme2")


def test_published_images_give_the_same_in_both_layouts(shared_data, tmp_path):
    data = flow_images.load(root=str(shared_data / "flow28"))
    for subject in ("sub02", "s03"):  # who is held out, of 40
        for s in data.samples:
            if s.subject not in ("sub02", "s03"):
                continue
            side = "u_test" if s.subject == subject else "u_train"
            folder = tmp_path / subject / side / str(s.label)
            folder.mkdir(parents=True, exist_ok=True)
            source = shared_data / "flow28" / s.dataset / s.subject / f"{s.sample}.png"
            shutil.copy(source, folder / f"{s.subject}_{s.sample} .png")
    again = load(tmp_path)
    assert again.samples == tuple(
        s for s in data.samples if s.subject in ("sub02", "s03")
    )
