"""Clips and answers in gs://, against a stand-in of the service on this machine."""

import itertools
import json

import bucket
import command
import pytest

from selfme_jax import files
from selfme_jax.data import synthetic_videos
from selfme_jax.files import films, mirror


@pytest.fixture
def film(tmp_path):
    """A third of a second."""
    video = synthetic_videos.make(7, seconds=1, fps=30)
    frames = itertools.islice(video.frames(), 10)
    place = tmp_path / "film.mp4"
    films.write(place, [(i / 30, x) for i, x in enumerate(frames)], fps=30)
    return place


@pytest.fixture
def cloud():
    with bucket.Bucket() as made:
        yield made


def test_clips_and_answers_in_a_bucket(film, cloud, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        cloud.put(("clips", f"films/{name}"), film.read_bytes())
    extra = cloud.environment | {"XDG_CACHE_HOME": str(tmp_path / "home")}

    def predict(*words, code=0):
        words = "gs://clips/films", *words
        ended = command.run(*words, module="selfme_jax.predict", **extra)
        assert ended.code == code and "Traceback" not in ended.err, ended.err
        return ended

    ended = predict("--output=gs://bucket/out")
    assert "look at gs://bucket/out/report.html" in ended.out
    names = set(cloud.names("bucket/out/"))
    for name in ("predictions.json", "intervals.csv", "report.html"):
        assert f"bucket/out/{name}" in names
        assert f"bucket/out/a.mp4/{name}" in names
    assert "bucket/out/b.mp4/overlay.mp4" in names
    found = json.loads(cloud.objects["bucket", "out/predictions.json"][0])
    assert len(found["clips"]) == 2
    # What says that a clip is done comes after what it speaks of.
    order = {n: cloud.objects["bucket", n.removeprefix("bucket/")][1] for n in names}
    own = {n: at for n, at in order.items() if n.startswith("bucket/out/a.mp4/")}
    assert max(own, key=own.get) == "bucket/out/a.mp4/predictions.json"

    # Again: clips are kept, and not even sent again.
    predict("--output=gs://bucket/out")
    for name in names:
        if name.count("/") > 2:
            again = cloud.objects["bucket", name.removeprefix("bucket/")][1]
            assert again == order[name], name

    cloud.put(("bucket", "theirs/thesis.txt"), b"")
    ended = predict("--output=gs://bucket/theirs", code=2)
    assert "gs://bucket/theirs holds other files" in ended.err
    assert cloud.names("bucket/theirs/") == ["bucket/theirs/thesis.txt"]
    ended = predict("--output=gs://forbidden-bucket/out", code=2)
    assert "cannot reach" in ended.err or "403" in ended.err


def test_what_is_gone_here_goes_there(cloud, monkeypatch):
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("a/film", "a/text", "b/film"):
        cloud.put(("bucket", f"out/{name}"), b"old")
    with mirror.opened(files.path("gs://bucket/out")) as made:
        assert (made.folder / "a/text").read_bytes() == b"old"
        (made.folder / "a/film").unlink()
        (made.folder / "a/text").write_bytes(b"new")
        made.push("a", last="text")
        assert cloud.names("bucket/out/") == ["bucket/out/a/text", "bucket/out/b/film"]
        assert cloud.objects["bucket", "out/a/text"][0] == b"new"
        cloud.put(("bucket", "out/c/film"), b"of another process")
        made.pull()
        assert (made.folder / "c/film").exists()
        (made.folder / "top").write_bytes(b"1")
        made.push(last="top", deep=False)  # what others have made stays
        assert len(cloud.names("bucket/out/")) == 4
    assert not made.folder.exists()
