"""Prepared videos: the right pixels in the right order, and nothing half done."""

import fcntl
import json

import footage
import numpy as np
import pytest
from selfme_jax.configs import synthetic_pretraining

from selfme_jax.data.faces import detection, framing
from selfme_jax.data.faces.detection import Box, Face
from selfme_jax.data.pairs import ClipInfo, Pairs, prefetch
from selfme_jax.data.releases import imitation
from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.data.videos import clips, reading
from selfme_jax.data.videos import prepared as video
from selfme_jax.types import UserError

SIZE = 24


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Five clips: good, good, damaged, without a face, unreadable."""
    root = tmp_path_factory.mktemp("films")
    footage.write_folder(root / "a b é", footage.film()[:7], names="s1_{}.png")
    footage.write_video(root / "b.avi", footage.film(frames=12, person=2))
    cut = footage.write_video(root / "c.avi", np.repeat(footage.film(), 2, axis=0))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    footage.write_folder(root / "wall", np.full((5, 90, 90, 3), 99, np.uint8))
    (root / "zero.mp4").touch()
    return root


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def prepared(source, told, tmp_path_factory):
    """Written in parts of 5 frames."""
    data_dir = tmp_path_factory.mktemp("data") / "video"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("selfme_jax.data.shards.PART_BYTES", 5 * 3 * SIZE * SIZE + 1)
        video.prepare(
            source, data_dir, size=SIZE, tell=lambda *words: told.append(words)
        )
    return data_dir


@pytest.fixture
def frames(prepared):
    return video.load(prepared)


def contents(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def by_name(source, name):
    (clip,) = (clip for clip in clips.find(source) if clip.name == name)
    return clip


def test_clips_follow_each_other(source, frames):
    third = frames.clips[2].count
    assert frames.clips == (
        ClipInfo("a b é", 0, 7, 0.0),
        ClipInfo("b.avi", 7, 12, 25.0),
        ClipInfo("c.avi", 19, third, 25.0),
    )
    assert 5 < third < 20
    assert frames.size == SIZE and len(frames.records) == 19 + third
    assert frames.damaged == {"c.avi": f"it ends after {third} of 24 frames"}
    assert frames.left_out == {
        "wall": "a face in 0 of the 5 frames looked at",
        "zero.mp4": "not a readable video",
    }


def matrix(row):
    return framing.affine(framing.Similarity(**row["framing"]))


def test_records_are_one_framing_of_every_frame(source, prepared, frames):
    table = json.loads(next(prepared.rglob("metadata.json")).read_text())["clips"]
    number = 0
    for row, name in zip(table, ("a b é", "b.avi", "c.avi"), strict=True):
        x, _, side = footage.PLACE
        assert abs(row["framing"]["x"] - x - side / 2) < 0.1 * side
        images = reading.read(by_name(source, name))
        for k, image in zip(range(row["count"]), images, strict=False):
            expected = framing.apply(image, matrix(row), size=SIZE)
            np.testing.assert_array_equal(frames.frame(number), expected)
            record = frames.records[number]
            assert record["clip"].decode() == name and record["frame"] == k
            number += 1
    assert number == len(frames.records)


def test_records_are_in_several_parts(prepared, frames):
    parts = list(prepared.rglob("*.array_record-*"))
    assert len(parts) == -(-len(frames.records) // 5)


def test_it_tells_how_far_it_is(frames, told):
    for what, total in (
        ("looking for faces", 5),
        ("writing frames", len(frames.records)),
    ):
        mine = [words for words in told if words[0] == what]
        done = [words[1] for words in mine]
        assert done == sorted(done) and done[-1] == total
        assert {words[2] for words in mine} == {total}
        assert {words[3] for words in mine} >= {"a b é", "b.avi", "c.avi"}


def test_pairs_may_be_loaded_by_threads(frames):
    pairs = Pairs(frames=frames, max_gap=4, batch_size=3, seed=1)
    for step, (source, driving) in prefetch(pairs.batch, 0, 6, depth=4):
        for part, indices in zip((source, driving), pairs.indices(step).T, strict=True):
            expected = [frames.frame(i) for i in indices]
            np.testing.assert_array_equal(part, expected)


def test_done_once_is_done(source, prepared, frames, monkeypatch):
    before = contents(prepared)
    monkeypatch.setattr(video.crops, "look", None)
    monkeypatch.setattr("selfme_jax.data.shards.Builder.write", None)
    again = video.prepare(str(source), prepared, size=SIZE)
    assert again.clips == frames.clips and again.left_out == frames.left_out
    assert contents(prepared) == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": 32}, "size: 24 -> 32"),
        ({"size": SIZE, "stride": 2}, "stride: 1 -> 2"),
        ({"size": SIZE, "max_frames": 9}, "max_frames: 0 -> 9"),
    ],
)
def test_other_options_are_refused(source, prepared, options, named):
    with pytest.raises(UserError, match=f"{named}.*\n.*--data_dir"):
        video.prepare(source, prepared, **options)


def test_another_source_is_refused(source, prepared, tmp_path):
    for name in ("b.avi", "c.avi", "new.avi"):
        (tmp_path / name).write_bytes((source / "b.avi").read_bytes())
    match = r"1 clip\(s\) new; 3 clip\(s\) gone; 1 clip\(s\) changed"
    with pytest.raises(UserError, match=match):
        video.prepare(tmp_path, prepared, size=SIZE)


def test_stride_and_max_frames(source, tmp_path):
    frames = video.prepare(source, tmp_path / "data", size=SIZE, stride=3, max_frames=3)
    assert [(c.name, c.count, c.fps) for c in frames.clips] == [
        ("a b é", 3, 0.0),
        ("b.avi", 3, pytest.approx(25 / 3)),
        ("c.avi", 3, pytest.approx(25 / 3)),
    ]
    assert not frames.damaged  # it is not read that far
    images = list(reading.read(by_name(source, "a b é")))
    table = json.loads(next(tmp_path.rglob("metadata.json")).read_text())["clips"]
    for k in range(3):
        expected = framing.apply(images[3 * k], matrix(table[0]), size=SIZE)
        np.testing.assert_array_equal(frames.frame(k), expected)


def test_jitter_of_the_detector_is_no_motion(tmp_path, monkeypatch):
    still = np.repeat(footage.film()[:1], 20, axis=0)
    footage.write_folder(tmp_path / "films/a", still)
    rng = np.random.default_rng(0)
    boxes = (Box(*rng.normal((70, 50, 90, 90), 4)) for _ in range(99))
    seen = iter([(Face(next(boxes)),), (), *((Face(box),) for box in boxes)])
    monkeypatch.setattr(detection, "load", lambda name: lambda image: next(seen))
    frames = video.prepare(tmp_path / "films", tmp_path / "data", size=32)
    for i in range(1, 20):
        np.testing.assert_array_equal(frames.frame(i), frames.frame(0))


@pytest.mark.parametrize(
    ("options", "looked_at"),
    [
        ({}, [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]),
        ({"stride": 2}, [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]),
        ({"max_frames": 10}, list(range(10))),
    ],
)
def test_the_face_is_looked_for_all_over_what_is_used(
    tmp_path, monkeypatch, options, looked_at
):
    film = np.tile(np.arange(38, dtype=np.uint8)[:, None, None, None], (1, 20, 20, 3))
    seen = []

    def detect(image):
        seen.append(int(image[0, 0, 0]))
        return (Face(Box(2, 3, 60, 60)),)

    film = np.repeat(film, 4, axis=1).repeat(4, axis=2)
    film[:, :, 30:, 1] = 255  # contrast
    footage.write_folder(tmp_path / "films/a", film)
    monkeypatch.setattr(detection, "load", lambda name: detect)
    video.prepare(tmp_path / "films", tmp_path / "data", size=16, **options)
    assert seen == looked_at


def test_a_single_hit_is_no_face(tmp_path, monkeypatch):
    footage.write_folder(tmp_path / "films/a", footage.film()[:9])
    hits = iter([(Face(Box(70, 50, 90, 90)),), *[()] * 99])
    monkeypatch.setattr(detection, "load", lambda name: lambda image: next(hits))
    match = "none of 1 clip.* a face in 1 of the 9 frames looked at.*\n.*from the front"
    with pytest.raises(UserError, match=match):
        video.prepare(tmp_path / "films", tmp_path / "data", size=32)
    with pytest.raises(UserError, match="no prepared videos"):
        video.load(tmp_path / "data")


def test_what_a_kill_left_is_removed_and_is_no_dataset(source, tmp_path):
    left = tmp_path / "data" / "face_videos" / "incomplete.ABC123_2.0.0"
    left.mkdir(parents=True)
    (left / "dataset_info.json").write_text("{}")
    with pytest.raises(UserError, match="prepare video --source=DIR"):
        video.load(tmp_path / "data")
    video.prepare(source, tmp_path / "data", size=SIZE, max_frames=2)
    assert [p.name for p in (tmp_path / "data/face_videos").iterdir()] == ["2.0.0"]


def test_a_failure_leaves_nothing(source, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("power cut")

    monkeypatch.setattr(framing, "apply", fail)
    with pytest.raises(RuntimeError):
        video.prepare(source, tmp_path / "data", size=SIZE)
    assert not list((tmp_path / "data/face_videos").iterdir())


def test_a_clip_that_shrinks_meanwhile_is_an_error(source, tmp_path):
    root = tmp_path / "films"
    footage.write_folder(root / "a", footage.film()[:6])

    def tell(what, done, total, where):
        if what == "writing frames" and done == 1:
            (root / "a/img4.png").write_bytes(b"")

    with pytest.raises(UserError, match="films/a changed while it was read"):
        video.prepare(root, tmp_path / "data", size=SIZE, tell=tell)


def test_one_process_writes_at_a_time(source, tmp_path, monkeypatch):
    monkeypatch.setattr(video.crops, "look", None)  # it is refused before any work
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is preparing"):
            video.prepare(source, tmp_path / "data", size=SIZE, max_frames=2)


def test_a_place_that_cannot_be_written(source, tmp_path, monkeypatch):
    monkeypatch.setattr(video.crops, "look", None)  # it is refused before any work
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write to .*file.*--data_dir"):
        video.prepare(source, tmp_path / "file", size=SIZE, max_frames=2)


@pytest.mark.parametrize(
    "options", [{"size": 15}, {"stride": 0}, {"max_frames": -1}, {"max_frames": 1}]
)
def test_bad_options(source, tmp_path, options):
    with pytest.raises(UserError, match=next(iter(options))):
        video.prepare(source, tmp_path / "data", **options)


def test_real_faces_are_found(shared_data, tmp_path):
    frames = video.prepare(shared_data / "videos", tmp_path, size=64, max_frames=20)
    assert [clip.count for clip in frames.clips] == [20, 20]
    assert not frames.left_out and not frames.damaged
    for clip in frames.clips:  # the face fills the middle of its crop
        box = detection.detect(frames.frame(clip.start + 10)).box
        assert 64 * 0.65 < box.width < 64 * 0.95
        assert abs(box.x + box.width / 2 - 32) < 6
        assert abs(box.y + box.height / 2 - 32) < 8


def test_imitated_videos_are_the_synthetic_people_to_the_bit(tmp_path, monkeypatch):
    """Those of configs/synthetic_pretraining.py, whom the demo learns from."""
    config = synthetic_pretraining.get_config().synthetic
    assert config.first_subject == imitation.FIRST_PERSON
    counts = config.subjects, config.clips_per_subject
    assert counts == (imitation.PEOPLE, imitation.CLIPS)
    monkeypatch.setattr(imitation, "PEOPLE", 2)
    monkeypatch.setattr(imitation, "CLIPS", 3)
    look = imitation.Look(size=32, frames=4)
    assert imitation.write("video", tmp_path / "clips", look=look) == 6
    found = video.prepare(
        tmp_path / "clips", tmp_path / "data", size=32, detector="frame"
    )
    options = config.to_dict() | {"subjects": 2, "clips_per_subject": 3}
    data = synthetic.load(**options | {"size": 32, "frames": 4})
    assert not set(data.samples) & set(synthetic.load(subjects=8).samples)
    for i, clip in enumerate(found.clips):
        frames = [found.frame(clip.start + k) for k in range(clip.count)]
        np.testing.assert_array_equal(frames, data.clip(i).frames)
        sample = data.samples[i]
        assert clip.name == f"{sample.subject}/{sample.sample}"
