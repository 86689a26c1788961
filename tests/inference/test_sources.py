"""What is given is found, or a line says why not."""

import os

import cv2
import footage
import numpy as np
import pytest

from selfme_jax.inference import sources
from selfme_jax.types import UserError


def picture(path, size=(120, 160), value=90):
    path.write_bytes(cv2.imencode(".png", np.full((*size, 3), value, np.uint8))[1])
    return path


def refused(what, words, **options):
    with pytest.raises(UserError, match=words) as caught:
        sources.find(what, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2, text
    text.encode()  # can be printed


def test_a_video_is_one_clip_that_can_be_read_twice(tmp_path):
    film = footage.write_video(tmp_path / "a film.avi", footage.film(5))
    given = sources.find([film])
    (source,) = given.sources
    assert not given.several
    assert source.path == str(film)
    assert (source.expected, source.fps) == (5, 25)
    twice = [[frame.image for frame in source.read()] for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    seconds = [frame.seconds for frame in source.read()]
    np.testing.assert_allclose(np.diff(seconds), 1 / 25, atol=1e-3)


def test_a_rate_that_is_given_sets_the_times(tmp_path):
    film = footage.write_video(tmp_path / "a.avi", footage.film(5))
    (source,) = sources.find([film], fps=200).sources
    assert source.fps == 200
    assert [f.seconds for f in source.read()] == [0, 0.005, 0.01, 0.015, 0.02]


def test_a_folder_of_frames_needs_a_rate(tmp_path):
    folder = footage.write_folder(tmp_path / "frames", footage.film(3))
    refused([folder], "--fps")
    given = sources.find([folder], fps=100)
    assert not given.several
    assert [f.seconds for f in given.sources[0].read()] == [0, 0.01, 0.02]


def test_a_folder_of_clips_leaves_frames_without_a_rate_out(tmp_path):
    footage.write_video(tmp_path / "b.avi", footage.film(3))
    footage.write_video(tmp_path / "a/b.avi", footage.film(3))
    footage.write_folder(tmp_path / "frames", footage.film(3))
    given = sources.find([tmp_path])
    assert given.several
    assert [s.name for s in given.sources] == ["a/b.avi", "b.avi"]
    assert list(given.left_out) == [str(tmp_path / "frames")]


def test_two_pictures_are_a_pair_in_their_order(tmp_path):
    dark, light = picture(tmp_path / "b.png", value=9), picture(tmp_path / "a.png")
    (source,) = sources.find([dark, light]).sources
    assert [frame.image[0, 0, 0] for frame in source.read()] == [9, 90]
    assert source.fps == 0


def test_what_cannot_be_used_is_refused(tmp_path):
    one, other = picture(tmp_path / "1.png"), picture(tmp_path / "2.png", (60, 160))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused([], "nothing is given")
    refused([""], "no file or folder")
    refused([tmp_path / "nobody.mp4"], "no file or folder")
    refused([one], "1 picture")
    refused([one, one, one], "3 picture")
    refused([one, tmp_path], "1 picture")
    refused([one, other], "160x120 pixels, .*160x60")
    refused([one, tmp_path / "bad.png"], "bad.png is not a readable image")
    refused([tmp_path / "empty"], "no clip in")
    refused([tmp_path / "pipe.mp4"], "no regular file")
    refused([one, other], "--fps", fps=-1)
    refused([one, other], "--fps", fps=float("nan"))


def test_names_of_any_bytes_are_told_as_text(tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9 \xf0\x9f\x99\x82.avi")
    footage.write_video(tmp_path / "x.avi", footage.film(3)).rename(place)
    (source,) = sources.find([place]).sources
    source.path.encode()
    assert len(list(source.read())) == 3


def test_names_of_folders_differ_and_are_plain(tmp_path):
    paths = ["a/b.avi", "a_b.avi", "ä b.avi", "..avi", "/".join("xyz" * 40) + ".avi"]
    given = [sources.in_memory([np.zeros((9, 9, 3), np.uint8)] * 2, n) for n in paths]
    found = sources.names(given)
    assert len({*found}) == len(paths)
    assert all("/" not in n and not n.startswith(".") and len(n) < 90 for n in found)


def test_frames_in_memory_are_checked():
    good = np.zeros((2, 9, 9, 3), np.uint8)
    assert len(list(sources.in_memory(list(good)).read())) == 2
    for bad in (good[:1], good.astype(float), good[..., 0], [good[0], good[1, 1:]]):
        with pytest.raises(UserError, match="uint8"):
            sources.in_memory(list(bad))
