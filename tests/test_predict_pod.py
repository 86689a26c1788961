"""A pod's processes share the clips of a folder; one of them writes of all."""

import itertools
import json

import command
import pytest

from selfme_jax.data import synthetic_videos
from selfme_jax.files import films


@pytest.fixture
def folder(tmp_path):
    """Three films of unequal length; the second is for process 1."""
    video = synthetic_videos.make(7, seconds=4, fps=30)
    frames = [(i / 30, x) for i, x in enumerate(itertools.islice(video.frames(), 90))]
    place = tmp_path / "films"
    place.mkdir()
    for name, count in (("a.mp4", 90), ("b.mp4", 6), ("c.mp4", 12)):
        films.write(place / name, frames[:count], fps=30)
    return place


def test_a_pod_shares_a_folder_of_films(folder, tmp_path):
    def words(name):
        return str(folder), f"--output={tmp_path / name}"

    workers = command.pod(2, *words("together"), module="selfme_jax.predict")
    said = command.ends(workers)
    assert [ended.code for ended in said] == [0, 0], said
    assert ["3 of 3 clips" in ended.out for ended in said] == [True, False]
    for name, there in (("a", True), ("b", False), ("c", True)):
        assert (f": {name}.mp4: " in said[0].out) == there  # b: by process 1
    alone = command.run(*words("alone"), module="selfme_jax.predict")
    assert alone.code == 0, alone.err
    files = []
    for name in ("together", "alone"):
        place = tmp_path / name
        files.append({str(p.relative_to(place)) for p in place.rglob("*")})
    assert files[0] == files[1]
    one, two = (
        json.loads((tmp_path / name / "predictions.json").read_text())["clips"]
        for name in ("together", "alone")
    )
    assert one == two and [clip["frames"] for clip in one] == [90, 6, 12]

    again = command.run(*words("together"), module="selfme_jax.predict")
    assert again.code == 0, again.err
    assert "watching" not in again.out  # what is there is not made again
