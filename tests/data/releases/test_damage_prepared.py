"""Damage to all but the onset, to what is kept on the way, to what was prepared."""

import json

import pytest
import tiny_release

from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import prepared
from selfme_jax.data.releases.inspection import Options
from selfme_jax.types import UserError


def test_smic_onset_alone_is_readable(tmp_path):
    root = tiny_release.write("smic_hs", tmp_path / "r")
    folder = tiny_release.clip_folder(root, "smic_hs")
    for path in sorted(folder.iterdir())[1:]:
        path.write_bytes(b"")
    found = tiny_release.look("smic_hs", root, tmp_path / "faces.json")
    line = f"missing: smic/s01/s01_ne_01 (fewer than 2 readable frames in {folder})"
    assert tiny_release.lines(found) == {line}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', "\udcff", "3"])
def test_a_damaged_cache_of_faces(tmp_path, monkeypatch, text):
    found = align.Similarity(12, 12, 20, 0)
    monkeypatch.setattr(align, "find", lambda image, *, detector: found)
    release = tiny_release.write("samm", tmp_path / "r")
    (tmp_path / "faces.json").write_text(text, errors="surrogateescape")
    found = tiny_release.look("samm", release, tmp_path / "faces.json")
    assert len(found.usable) == 2
    kept = json.loads((tmp_path / "faces.json").read_text())
    assert sum("face" in str(value) for value in kept.values()) == 2


def spoil_info(place):
    (place / "dataset_info.json").write_text("{")


def empty_shard(place):
    next(place.glob("*array_record*")).write_bytes(b"")


def cut_shard(place):
    shard = next(place.glob("*array_record*"))
    shard.write_bytes(shard.read_bytes()[:-100])


def no_shard(place):
    next(place.glob("*array_record*")).unlink()


def no_features(place):
    (place / "features.json").unlink()


@pytest.mark.parametrize(
    "damage", [spoil_info, empty_shard, cut_shard, no_shard, no_features]
)
def test_a_damaged_dataset_is_refused(tmp_path, damage):
    sound = tiny_release.write("casme2", tmp_path / "r")
    options = Options(size=16)
    found = tiny_release.look("casme2", sound, tmp_path / "d" / "faces.json")
    prepared.write("casme2", found, tmp_path / "d", options, tiny_release.quiet)
    place = prepared.folder("casme2", tmp_path / "d", 3)
    assert json.loads((place / "dataset_info.json").read_text())["name"] == "casme2"
    damage(place)
    with pytest.raises(UserError) as caught:
        prepared.load("casme2", root=str(tmp_path / "d"), allow_partial=True)
    assert str(tmp_path / "d") in tiny_release.refusal(caught.value)
