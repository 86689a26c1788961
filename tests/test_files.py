"""Files in folders of this machine and in a bucket: the same calls, the same bytes."""

import os
from pathlib import Path

import bucket
import fsspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from selfme_jax import files, tensor_file
from selfme_jax.train.log import Log, read
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir


@pytest.fixture(scope="module")
def cloud():
    with bucket.Bucket() as made:
        yield made


@pytest.fixture(params=["folder", "gs"])
def place(request, cloud, tmp_path, monkeypatch):
    """An empty place of either kind."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fsspec.filesystem("gcs").invalidate_cache()
    if request.param == "folder":
        return files.path(tmp_path / "place")
    return files.path(f"gs://bucket/{tmp_path.name}")


def test_whole_files(place):
    place.mkdir(parents=True)
    for content in ("first, longer", b"second\r\n\xff"):
        files.write(place / "a.txt", content)
    assert (place / "a.txt").read_bytes() == b"second\r\n\xff"
    files.copy(place / "a.txt", place / "b.txt")
    files.write(place / "a.txt", "third")
    files.copy(place / "a.txt", place / "b.txt")
    assert (place / "b.txt").read_text() == "third"
    assert sorted(p.name for p in place.iterdir()) == ["a.txt", "b.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = files.path(tmp_path / "a.txt")
    files.write(path, "old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, "new")
    assert path.read_text() == "old"


def test_arrays(place):
    array = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
    files.write_array(place / "deep" / "a.npy", array)
    found = files.read_array(place / "deep" / "a.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array)


def test_claims(place):
    open_workdir(place).claim({"a": 1}, free=())
    open_workdir(place).claim({"a": 1}, free=())
    with pytest.raises(UserError, match="another config"):
        open_workdir(place).claim({"a": 2}, free=())


def test_metrics_are_rewound_and_gone_on_with(place):
    place.mkdir(parents=True)
    log = Log(open_workdir(place))
    log.rewind("s", 0, 0)
    log.metrics("s", 0, 1, {"loss": np.array([3.0, 2.0, 1.0])})
    log.close()
    log = Log(open_workdir(place))  # as after a kill
    log.rewind("s", 0, 2)
    log.metrics("s", 0, 3, {"loss": np.array([0.5])})
    log.rewind("s", 1, 0)  # the next chunk, not copied yet
    log.metrics("s", 1, 1, {"loss": np.array([7.0])})
    log.close()
    rows = read(place / "metrics.jsonl")
    assert [(r["chunk"], r["step"], r["loss"]) for r in rows] == [
        *((0, 1, 3.0), (0, 2, 2.0), (0, 3, 0.5)),
        (1, 1, 7.0),
    ]
    events = [p.name for p in (place / "events" / "s_0000").iterdir()]
    assert any("tfevents" in name for name in events)


def test_copies_of_data_follow_the_bucket(place):
    files.write_array(place / "part" / "a.npy", np.arange(3))
    files.write(place / "b.txt", "one")
    found = Path(files.local(str(place)))
    assert (found / "b.txt").read_text() == "one"
    np.testing.assert_array_equal(np.load(found / "part" / "a.npy"), np.arange(3))
    assert found.name == place.name
    files.write(place / "b.txt", "two")  # as long as before
    fsspec.filesystem("gcs").invalidate_cache()
    assert Path(files.local(str(place)), "b.txt").read_text() == "two"
    assert Path(files.local(str(place / "b.txt"))).read_text() == "two"
    if files.remote(place):
        assert files.local(str(place)) == files.local(str(place))  # kept
        with pytest.raises(UserError, match="nothing in gs://bucket/none"):
            files.local("gs://bucket/none")


def test_what_is_here_is_taken_as_it_was_given():
    assert [files.local(given) for given in ("", "~/a", "a/b")] == ["", "~/a", "a/b"]


def test_weights_in_a_bucket(cloud, tmp_path, monkeypatch):
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_file({"a": np.arange(6, dtype=np.float32)}, tmp_path / "w.safetensors")
    cloud.put(("bucket", "w.safetensors"), (tmp_path / "w.safetensors").read_bytes())
    source = tensor_file.Source("net", "net", "", "net.weights", "net")
    with tensor_file.reading("gs://bucket/w.safetensors", source) as file:
        np.testing.assert_array_equal(file.take("a", (6,)), np.arange(6))


def test_another_kind_of_place():
    with pytest.raises(UserError, match="give a folder of this machine or gs://"):
        files.path("s3://bucket/runs")


def test_without_what_reads_buckets(monkeypatch):
    monkeypatch.setattr(files.places, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        files.path("gs://bucket/runs")
