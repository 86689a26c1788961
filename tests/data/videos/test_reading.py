"""Videos of any container, name, rate, rotation and depth are read, or refused."""

import os
import struct
import zlib
from fractions import Fraction

import av
import cv2
import footage
import numpy as np
import pytest

from selfme_jax.data.faces import detection
from selfme_jax.data.videos import clips, prepared, reading
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.types import UserError


def scene(count=10, h=48, w=64):
    """Corners of different colours: no turn and no flip looks alike."""
    frames = np.zeros((count, h, w, 3), np.uint8)
    frames[:, : h // 2, : w // 2] = (200, 30, 30)
    frames[:, : h // 2, w // 2 :] = (30, 200, 30)
    frames[:, h // 2 :, : w // 2] = (30, 30, 200)
    frames[:, h // 2 :, w // 2 :] = np.linspace(40, 220, count)[:, None, None, None]
    return frames


def write(path, frames, *, codec, pixels="yuv420p", rate=25, times=None, **options):
    """A video; times: of the frames, in milliseconds."""
    with av.open(os.fspath(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = int(times[i]), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def read(path):
    (clip,) = clips.find(path)
    found = list(reading.read_timed(clip))
    return np.stack([f.image for f in found]), np.array([f.seconds for f in found])


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.mkv", "ffv1", "yuv420p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray16le"),
        ("a.mov", "png", "rgba"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.mpg", "mpeg2video", "yuv420p"),
    ],
)
def test_containers_and_pixels(tmp_path, name, codec, pixels):
    frames = scene()
    path = write(tmp_path / name, frames, codec=codec, pixels=pixels)
    found, times = read(path)
    assert found.dtype == np.uint8 and len(found) == len(frames)
    np.testing.assert_allclose(times, np.arange(10) / 25, atol=2e-3)
    truth = frames.astype(float)
    if pixels.startswith("gray"):
        truth[:] = np.einsum("...c,c->...", truth, [0.299, 0.587, 0.114])[..., None]
    middles = np.ix_(range(10), (12, 36), (16, 48))  # chroma is coarse at edges
    tolerance = 60 if codec == "gif" else 14
    np.testing.assert_allclose(found[middles], truth[middles], atol=tolerance)


def test_frames_carry_their_own_times(tmp_path):
    times = np.array([0, 33, 66, 200, 210, 500, 533, 1000])
    write(tmp_path / "v.mkv", scene(8), codec="ffv1", times=times)
    found, seconds = read(tmp_path)
    assert len(found) == 8
    np.testing.assert_allclose(seconds, times / 1000, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_rotation_that_a_phone_writes_is_undone(tmp_path, degrees):
    upright = scene()
    stored = np.rot90(upright, degrees // 90, axes=(1, 2)).copy()
    path = write(tmp_path / "v.mp4", stored, codec="mpeg4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix is 40 bytes on
    # Shown turned clockwise by the angle: x' = a x + c y, y' = b x + d y
    a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = (a, b, 0, -b, a, 0, 0, 0)
    data[at : at + 32] = struct.pack(">8i", *(v << 16 for v in matrix))
    path.write_bytes(data)
    found, _ = read(path)
    assert found.shape == upright.shape
    middles = np.ix_(range(10), (12, 36), (16, 48))
    np.testing.assert_allclose(found[middles], upright[middles].astype(int), atol=14)


def test_names_of_any_bytes(tmp_path):
    good = footage.write_video(tmp_path / "good.avi", scene(6))
    odd = os.fsencode(tmp_path) + b"/\xff\xfe \xe9.avi"
    with open(odd, "wb") as file:
        file.write(good.read_bytes())
    found = clips.find(tmp_path)
    assert len(found) == 2
    for clip in found:
        assert len(list(reading.read(clip))) == 6 and reading.fps(clip) == 25
    assert {clip.name for clip in found} == {"good.avi", "�� �.avi"}


def test_memory_does_not_grow_with_the_length(tmp_path):
    import tracemalloc

    long = write(tmp_path / "v.mkv", scene(200, 240, 320), codec="ffv1")
    (clip,) = clips.find(long)
    frames = reading.read(clip)
    for _ in range(20):
        next(frames)
    tracemalloc.start()
    try:
        for _ in range(20):
            next(frames)
        before = tracemalloc.get_traced_memory()[0]
        assert sum(1 for _ in frames) == 160
        assert tracemalloc.get_traced_memory()[1] - before < 12 * 240 * 320 * 3
    finally:
        tracemalloc.stop()


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "v.mp4")
    os.mkfifo(tmp_path / "i1.png")
    with pytest.raises(UserError, match="no regular file"):
        clips.find(tmp_path / "v.mp4")
    with pytest.raises(UserError, match="no clip in"):
        clips.find(tmp_path)
    for path in (tmp_path / "v.mp4", "/dev/zero"):
        clip = clips.ClipFile("v", path, 0)
        with pytest.raises(DamagedError, match="no regular file"):
            next(reading.read(clip))
        assert reading.expected_frames(clip) == 0 == reading.fps(clip)
    with pytest.raises(DamagedError, match="no regular file"):
        reading.still(tmp_path / "i1.png")


def png(width, height):
    """The beginning of a PNG: what it claims, and nothing more."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + crc


@pytest.mark.parametrize(("w", "h"), [(40000, 40000), (2**31 - 1, 1), (30000, 3000)])
def test_a_picture_that_claims_to_be_huge_is_refused(tmp_path, w, h):
    (tmp_path / "a.png").write_bytes(png(w, h))
    with pytest.raises(DamagedError, match=f"{w}x{h} pixels: too large|not a readable"):
        reading.still(tmp_path / "a.png")
    if w * h > reading.LARGEST:
        with pytest.raises(DamagedError, match="too large"):
            reading.still(tmp_path / "a.png")


def test_a_play_list_opens_nothing(tmp_path):
    inside = write(tmp_path / "secret.ts", scene(), codec="mpeg2video")
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfile://{inside}\n"
    for name, content in (
        ("a.mp4", text + "#EXT-X-ENDLIST\n"),
        ("b.mp4", f"ffconcat version 1.0\nfile '{inside}'\n"),
    ):
        (tmp_path / name).write_text(content)
        clip = clips.ClipFile(name, tmp_path / name, len(content))
        with pytest.raises(DamagedError):
            list(reading.read(clip))


def test_sound_alone_is_no_video(tmp_path):
    with av.open(os.fspath(tmp_path / "v.mkv"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = np.zeros((1, 8000), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with pytest.raises(DamagedError, match="only sound"):
        read(tmp_path)


def test_a_cut_matroska_says_where_it_ends(tmp_path):
    path = write(tmp_path / "v.mkv", scene(60), codec="ffv1", slices="4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (clip,) = clips.find(path)
    frames = reading.read(clip)
    with pytest.raises(DamagedError, match=r"it ends after \d\.\d of 2.4 seconds"):
        list(frames)


def test_a_picture_is_turned_as_it_says_and_loses_its_alpha(tmp_path):
    image = scene(1)[0]
    alpha = np.dstack([image[..., ::-1], np.full(image.shape[:2], 7, np.uint8)])
    cv2.imwrite(os.fspath(tmp_path / "a.png"), alpha)
    np.testing.assert_array_equal(reading.still(tmp_path / "a.png"), image)


def test_advice_fits_what_was_given(tmp_path):
    face = footage.film()
    single = footage.write_video(tmp_path / "one" / "v.avi", face[:6])
    assert [clip.name for clip in clips.find(single)] == ["v.avi"]
    frame = footage.write_folder(tmp_path / "still", face[:1]) / "img1.png"
    with pytest.raises(UserError, match=r"single picture.*\n.*predict ONSET APEX"):
        clips.find(frame)
    two = footage.write_folder(tmp_path / "two", [face[0], face[3][:150]])
    with pytest.raises(UserError, match=r"260x150.*for two stills: .*predict"):
        data = prepared.prepare(two, tmp_path / "x", size=32)
        raise UserError(str(data.damaged) + str(data.left_out))


@pytest.mark.parametrize("dark", [0, 2])
@pytest.mark.parametrize(("quarters", "named"), [(1, 270), (2, 180), (3, 90)])
def test_a_turned_picture_is_named(tmp_path, monkeypatch, quarters, named, dark):
    def upright_only(image):  # a detector of faces whose mark is in the first pixel
        marked = image[0, 0].tolist() == [255, 0, 255]
        return (detection.Face(detection.Box(50, 25, 160, 160)),) if marked else ()

    monkeypatch.setattr(detection, "load", lambda name: upright_only)
    frames = footage.film()[:6].copy()
    frames[:, 0, 0] = 255, 0, 255
    turned = [np.rot90(frame, quarters) for frame in frames]
    fade = [np.zeros_like(turned[0])] * dark
    footage.write_folder(tmp_path / "films", fade + turned)
    with pytest.raises(UserError, match=f"turned by {named}°"):
        prepared.prepare(tmp_path / "films", tmp_path / "y", size=32)
    footage.write_folder(tmp_path / "good", frames)
    assert not prepared.prepare(tmp_path / "good", tmp_path / "z", size=32).left_out
