"""From a release to TFDS and back: frames, numbers and words are what was there."""

import hashlib

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
import tiny_release

from selfme_jax.data import protocol
from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import inspection, prepared
from selfme_jax.data.releases.builders import BUILDERS
from selfme_jax.data.releases.inspection import Options
from selfme_jax.types import ClipDataset, UserError

SIZE = 16
AUS = ["12", "4+L7?", "R12+14", "4", "4"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_release.write("casme2", tmp_path_factory.mktemp("source") / "r")


def prepare(source, data_dir, **options):
    options = Options(**{"size": SIZE, **options})
    cache = data_dir / "faces.json"
    found = inspection.run("casme2", str(source), options, cache, tiny_release.quiet)
    prepared.write("casme2", found, data_dir, options, tiny_release.quiet)
    return found


@pytest.fixture(scope="module")
def written(source, tmp_path_factory):
    """The survey, and where it was written."""
    data_dir = tmp_path_factory.mktemp("data")
    return prepare(source, data_dir), data_dir


def load(data_dir, **options):
    root = str(data_dir)
    return prepared.load("casme2", root=root, allow_partial=True, **options)


def crops(source, row):
    """What the frames of a clip should look like: all of each, 24 -> 16 pixels."""
    folder = source / "Cropped" / f"sub{row[0]}" / row[1]
    images = [
        cv2.imread(str(folder / f"reg_img{n}.jpg"))[..., ::-1]
        for n in range(row[3], row[5] + 1)
    ]
    whole = np.array([[12.0, 0, 12], [0, 12, 12]])
    return np.stack([align.apply(image, whole, size=SIZE) for image in images])


def sha256(frames):
    """Computed anew; see manifest.content_sha256."""
    head = f"{frames.shape} {frames.dtype.str} ".encode()
    return hashlib.sha256(head + frames.tobytes()).hexdigest()


def test_what_is_read_is_what_was_there(source, written):
    data = load(written[1])
    assert isinstance(data, ClipDataset) and data.classes == protocol.CLASSES
    labels = [1, 0, 2, 0, 0]
    for i, row in enumerate(tiny_release.CASME2[:5]):
        sample, clip = data.samples[i], data.clip(i)
        expected = crops(source, row)
        np.testing.assert_array_equal(clip.frames, expected)
        assert clip.apex == 4
        assert (sample.dataset, sample.subject) == ("casme2", f"sub{row[0]}")
        assert (sample.sample, sample.emotion) == (row[1], row[8])
        assert (sample.label, sample.apex_source) == (labels[i], "annotated")
        assert sample.sha256 == sha256(expected)
        record = data.records[i]
        assert list(record["frame_numbers"]) == list(range(row[3], row[5] + 1))
        keys = ("onset_frame", "apex_frame", "offset_frame", "fps", "apex_index")
        assert [int(record[k]) for k in keys] == [*row[3:6], 200, 4]
        assert record["aus"].decode() == AUS[i]
        assert record["onset"] == record["frames"][0]
        assert record["apex"] == record["frames"][4]


def check_decoded(stored, source):
    assert len(stored) == 5
    for record, row in zip(stored, tiny_release.CASME2[:5], strict=True):
        expected = crops(source, row)
        np.testing.assert_array_equal(np.stack(list(record["frames"])), expected)
        np.testing.assert_array_equal(record["onset"], expected[0])
        np.testing.assert_array_equal(record["apex"], expected[4])
        assert record["sample"].decode() == row[1]


def test_tfds_reads_it_by_the_folder_alone(source, written):
    place = prepared.folder("casme2", written[1], 3)
    builder = tfds.builder_from_directory(place)
    check_decoded(builder.as_data_source(split="part0000"), source)
    assert builder.info.features["label"].names == list(protocol.CLASSES)
    assert builder.info.metadata["expected"] == 5
    assert builder.info.metadata["options"]["size"] == SIZE
    assert list(builder.info.splits) == ["part0000"]


def test_the_importable_builder_reads_it(source, written):
    builder = BUILDERS["casme2"](written[1])
    check_decoded(builder.as_data_source(split="part0000"), source)
    assert builder.info.splits["part0000"].num_examples == 5


def test_the_importable_builder_knows_the_classes(written):
    builder = BUILDERS["casme2"](written[1])
    assert builder.info.features["label"].names == list(protocol.CLASSES)


def test_parts_of_a_large_dataset(source, tmp_path, monkeypatch):
    monkeypatch.setattr("selfme_jax.data.shards.PART_BYTES", 15_000)
    prepare(source, tmp_path)
    builder = tfds.builder_from_directory(prepared.folder("casme2", tmp_path, 3))
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert counts == {"part0000": 2, "part0001": 2, "part0002": 1}  # 6912 bytes a clip
    names = [sample.sample for sample in load(tmp_path).samples]
    assert names == [row[1] for row in tiny_release.CASME2[:5]]


@pytest.mark.parametrize(
    ("frames", "chosen", "apex"),
    [("all", list(range(9)), 4), ("rise", [0, 1, 2, 3, 4], 4), ("ends", [0, 4], 1)],
)
def test_which_frames_are_taken(source, tmp_path, frames, chosen, apex):
    prepare(source, tmp_path, frames=frames)
    data = load(tmp_path)
    for i, row in enumerate(tiny_release.CASME2[:5]):
        clip, record = data.clip(i), data.records[i]
        expected = crops(source, row)[chosen]
        np.testing.assert_array_equal(clip.frames, expected)
        assert clip.apex == apex
        assert list(record["frame_numbers"]) == [row[3] + c for c in chosen]
        assert int(record["apex_frame"]) == row[4]
        assert data.samples[i].sha256 == sha256(expected)


@pytest.mark.parametrize("how", inspection.APEXES)
def test_where_the_apex_is_from(source, tmp_path, monkeypatch, how):
    monkeypatch.setattr("selfme_jax.data.faces.apex.estimate", lambda frames: 6)
    prepare(source, tmp_path, apex=how)
    data = load(tmp_path)
    at = {"annotated": 4, "motion": 6, "midpoint": 4}[how]
    assert {data.clip(i).apex for i in range(5)} == {at}
    assert {sample.apex_source for sample in data.samples} == {how}
    assert int(data.records[0]["apex_frame"]) == 46 + at


def test_the_midpoint_of_clips_of_any_length(tmp_path):
    root = tiny_release.write("casme2", tmp_path / "r")
    folder = tiny_release.clip_folder(root)
    for number in (47, 48, 49):
        (folder / f"reg_img{number}.jpg").unlink()
    (root / "Cropped/sub01/EP03_02/reg_img18.jpg").unlink()
    prepare(root, tmp_path / "d", apex="midpoint")
    data = load(tmp_path / "d")
    assert [len(data.clip(i).frames) for i in range(3)] == [6, 8, 9]
    assert [data.clip(i).apex for i in range(3)] == [3, 4, 4]


@pytest.mark.parametrize("count", [0, 2, 3, 4, 5, 8, 9, 20])
@pytest.mark.parametrize("apex", [1, 4, 7, 8])
def test_fewer_frames_keep_onset_apex_and_offset(count, apex):
    values = np.arange(9, dtype=np.uint8)
    pngs = [
        cv2.imencode(".png", np.full((2, 2, 3), value, np.uint8))[1].tobytes()
        for value in values
    ]
    records = [{"apex_index": apex, "frames": pngs}]
    clip = prepared.OfficialClips((), (), records, count).clip(0)
    shown = clip.frames[:, 0, 0, 0].tolist()
    assert len(shown) == (min(count, 9) or 9)
    assert shown[0] == 0 and shown[clip.apex] == apex
    assert shown == sorted(set(shown))
    if count != 2:
        assert shown[-1] == 8


@pytest.mark.parametrize("count", [1, -1])
def test_too_few_frames_are_refused(written, count):
    with pytest.raises(UserError, match="max_frames"):
        load(written[1], max_frames=count)


def test_fewer_frames_of_a_prepared_clip(source, written):
    clip = load(written[1], max_frames=5).clip(0)
    expected = crops(source, tiny_release.CASME2[0])[::2]
    np.testing.assert_array_equal(clip.frames, expected)
    assert clip.apex == 2


def test_five_classes_are_another_dataset(source, written):
    data_dir = written[1]
    prepare(source, data_dir, classes=5)
    data = load(data_dir, classes=5)
    names = ("happiness", "disgust", "repression", "surprise", "others")
    assert data.classes == names
    assert [names[s.label] for s in data.samples] == [s.emotion for s in data.samples]
    assert len(data.samples) == 6 and len(load(data_dir).samples) == 5
