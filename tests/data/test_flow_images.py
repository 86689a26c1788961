"""Flow images in both layouts, and every way a folder of them can be wrong."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from selfme_jax.data import flow_images
from selfme_jax.types import FlowDataset, UserError

HEADER = ["dataset", "subject", "sample", "label", "file"]
# Deliberately unsorted; labels as names and as integers; a set nobody knows.
ROWS = [
    ["mine", "b", "2", "surprise", "mine/b2.png"],
    ["mine", "b", "10", "1", "mine/b10.png"],
    ["mine", "a", "1", "Negative", "mine/a 1.png"],
    ["other", "a", "1", "0", "other.png"],
]
CLASSES = ("negative", "positive", "surprise")
GOLDEN = "864e02d15cb05300f2b213414a30de1dd2efc1b02d16e058c45be4ee64a5a6cc"


def picture(seed: int, size: int = 28) -> np.ndarray:
    """[h, w, 3] uint8 RGB, no symmetry."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def save(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = rgb[..., ::-1] if rgb.ndim == 3 else rgb
    path.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())


def write_csv(folder: Path, rows: list[list[str]], header=HEADER) -> None:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def folder(tmp_path) -> Path:
    for seed, row in enumerate(ROWS):
        save(tmp_path / row[4], picture(seed))
    write_csv(tmp_path, ROWS)
    return tmp_path


def test_manifest_folder(folder):
    data = flow_images.load(root=str(folder))
    assert isinstance(data, FlowDataset)
    assert data.classes == CLASSES
    assert [s[:4] for s in data.samples] == [
        ("mine", "a", "1", 0),
        ("mine", "b", "10", 1),
        ("mine", "b", "2", 2),
        ("other", "a", "1", 0),
    ]
    assert data.images.dtype == np.float32
    # Channels are those of the PNG in RGB order, grey levels untouched.
    for image, seed in zip(data.images, (2, 1, 0, 3), strict=True):
        np.testing.assert_array_equal(image, picture(seed))


def test_action_units_and_emotions_may_stand_beside(folder):
    aus = ["4+L7B?", "", "12", "ref(1)"]
    rows = [[*row, "joy", cell] for row, cell in zip(ROWS, aus, strict=True)]
    write_csv(folder, rows, [*HEADER, "emotion", "aus"])
    samples = flow_images.load(root=str(folder)).samples
    assert [s.aus for s in samples] == ["12", "", "4+L7B?", "ref(1)"]
    assert {s.emotion for s in samples} == {"joy"}


def test_sha256_is_of_the_pixels(folder):
    image = picture(2)
    head = b"(28, 28, 3) |u1 "
    expected = hashlib.sha256(head + image.tobytes()).hexdigest()
    first = flow_images.load(root=str(folder)).samples[0]
    assert first.sha256 == expected
    # Another encoding of the same pixels has the same hash; other pixels have not.
    path = folder / ROWS[2][4]
    path.write_bytes(
        cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 0])[1]
    )
    assert flow_images.load(root=str(folder)).samples[0].sha256 == expected
    image[3, 4, 1] ^= 1
    save(path, image)
    assert flow_images.load(root=str(folder)).samples[0].sha256 != expected


def test_row_order_does_not_matter(folder):
    before = flow_images.load(root=str(folder))
    write_csv(folder, ROWS[::-1])
    after = flow_images.load(root=str(folder))
    assert before.samples == after.samples
    np.testing.assert_array_equal(before.images, after.images)


@pytest.mark.parametrize(
    ("datasets", "count"), [("", 4), ("mine", 3), (" other , mine,", 4), ("other", 1)]
)
def test_selection(folder, datasets, count):
    assert len(flow_images.load(root=str(folder), datasets=datasets).samples) == count


def test_unselected_images_may_be_missing(folder):
    (folder / "other.png").unlink()
    assert len(flow_images.load(root=str(folder), datasets="mine").samples) == 3


def test_other_sizes(folder):
    for seed, row in enumerate(ROWS):
        save(folder / row[4], picture(seed, size=36)[:32])
    assert flow_images.load(root=str(folder)).images.shape == (4, 32, 36, 3)


def test_spreadsheet_quirks_are_tolerated(folder):
    """Byte order mark, CRLF, blank lines, blanks around cells, more columns."""
    lines = [" Dataset ,subject,sample,label, file,emotion"]
    lines += ["", *(",".join([*row, " joy "]) for row in ROWS), ",,,,,", ""]
    text = "\r\n".join(lines)
    (folder / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    data = flow_images.load(root=str(folder))
    assert len(data.samples) == 4
    assert {s.emotion for s in data.samples} == {"joy"}


def test_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(flow_images.load(root=f"~/{folder.name}").samples) == 4


def drop_column(folder):
    write_csv(folder, [row[:4] for row in ROWS], HEADER[:4])


def semicolons(folder):
    text = (folder / "manifest.csv").read_text().replace(",", ";")
    (folder / "manifest.csv").write_text(text)


def change(row: int, column: str, value: str):
    def break_it(folder):
        rows = [list(r) for r in ROWS]
        rows[row][HEADER.index(column)] = value
        write_csv(folder, rows)

    return break_it


def put(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


def cut_image(folder):
    path = folder / "other.png"
    path.write_bytes(path.read_bytes()[:-200])


def folder_for_image(folder):
    (folder / "other.png").unlink()
    (folder / "other.png").mkdir()


def folder_for_manifest(folder):
    (folder / "manifest.csv").unlink()
    (folder / "manifest.csv").mkdir()


def image(array: np.ndarray):
    return lambda folder: save(folder / "other.png", array)


GREY_ALPHA = np.dstack([picture(0), picture(1)[..., 0]])
BAD = {
    "no manifest": (lambda f: (f / "manifest.csv").unlink(), "neither manifest.csv"),
    "empty manifest": (put("manifest.csv", b""), "is empty"),
    "blank manifest": (put("manifest.csv", b"\n \n,,\n"), "is empty"),
    "header only": (lambda f: write_csv(f, []), "no samples"),
    "missing column": (drop_column, "no column file"),
    "semicolons": (semicolons, "separated by commas"),
    "not UTF-8": (put("manifest.csv", "größe".encode("latin-1")), "not UTF-8"),
    "UTF-16": (put("manifest.csv", "dataset".encode("utf-16")), "not UTF-8"),
    "open quote": (put("manifest.csv", b'dataset,"subject'), "not a CSV file"),
    "manifest is a folder": (folder_for_manifest, "cannot read"),
    "row too long": (lambda f: write_csv(f, [[*ROWS[0], "x"]]), "row 1: 6 cells"),
    "row too short": (lambda f: write_csv(f, [ROWS[0][:3]]), "row 1: 3 cells"),
    "empty cell": (change(1, "subject", " "), "row 2: no subject"),
    "unknown label": (change(1, "label", "joy"), "row 2: unknown label 'joy'"),
    "label out of range": (change(1, "label", "3"), "row 2: unknown label '3'"),
    "negative label": (change(1, "label", "-1"), "row 2: unknown label '-1'"),
    "duplicate key": (change(1, "sample", "2"), "row 2: mine/b/2 is listed twice"),
    "missing image": (change(1, "file", "none.png"), "cannot read .*none.png"),
    "image is a folder": (folder_for_image, "cannot read .*other.png"),
    "empty image": (put("other.png", b""), "other.png is not a readable image"),
    "no image": (put("other.png", b"hello"), "other.png is not a readable image"),
    "cut image": (cut_image, "other.png is not a readable image"),
    "other size": (image(picture(9, size=32)), "32x32 pixels but .* 28x28"),
    "grey image": (image(picture(9)[..., 0]), "has 1 channel"),
    "alpha": (image(GREY_ALPHA), "has 4 channel"),
    "16 bit": (image(picture(9).astype(np.uint16)), "3 channel.* of uint16"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_folder(folder, name):
    break_it, message = BAD[name]
    break_it(folder)
    with pytest.raises(UserError, match=message) as error:
        flow_images.load(root=str(folder))
    lines = str(error.value).splitlines()
    assert 1 <= len(lines) <= 2
    assert str(error.value).endswith(".")  # a sentence: what to do about it


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root": ""}, "data.root"),
        ({"root": "/nowhere/at/all"}, "no folder /nowhere/at/all"),
        ({"datasets": "casme2"}, "no samples of casme2; the folder holds mine, other"),
        ({"datasets": "mine,casme2,x"}, "no samples of casme2, x"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(UserError, match=message):
        flow_images.load(**({"root": str(folder)} | options))


def test_counts_of_known_datasets(folder):
    rows = [["casme2", *row[1:]] for row in ROWS[:3]]
    write_csv(folder, rows)
    with pytest.raises(UserError) as error:
        flow_images.load(root=str(folder))
    message = str(error.value)
    assert "3 clips of 2 subjects (1 negative, 1 positive, 1 surprise)" in message
    assert "145 clips of 24 subjects (88 negative, 32 positive, 25 surprise)" in message
    assert "allow_partial" in message
    assert len(flow_images.load(root=str(folder), allow_partial=True).samples) == 3


def test_published_images(shared_data):
    """Counts, people, order and content of the images published with STSTNet."""
    data = flow_images.load(root=str(shared_data / "flow28"))
    assert data.images.shape == (309, 28, 28, 3)
    assert len({s.person for s in data.samples}) == 40
    # Each channel of each image is stretched to 0..255.
    np.testing.assert_array_equal(data.images.min((1, 2)), 0)
    np.testing.assert_array_equal(data.images.max((1, 2)), 255)
    # The manifest's own order, read another way.
    with (shared_data / "flow28" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [s[:3] for s in data.samples] == [
        (r["dataset"], r["subject"], r["sample"]) for r in rows
    ]
    assert [CLASSES[s.label] for s in data.samples] == [r["label"] for r in rows]
    joined = "".join(s.sha256 for s in data.samples).encode()
    # Golden, from this reader: it must not move between machines and versions.
    assert hashlib.sha256(joined).hexdigest() == GOLDEN


@pytest.mark.parametrize(("name", "count"), [("casme2", 145), ("smic", 164)])
def test_published_selection(shared_data, name, count):
    data = flow_images.load(root=str(shared_data / "flow28"), datasets=name)
    assert [s.dataset for s in data.samples] == [name] * count
