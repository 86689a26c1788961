"""The command on clips of all kinds: files, exit codes, and what is told."""

import csv
import itertools
import json
import os
import re
from pathlib import Path

import av
import command
import footage
import numpy as np
import pytest
from etils import epath

from selfme_jax import predict as predicting
from selfme_jax.data import synthetic_videos
from selfme_jax.files import films, mirror
from selfme_jax.inference import sources
from selfme_jax.inference.answering import Answers
from selfme_jax.inference.predictor import Options, Predictor
from selfme_jax.run.own_clips import Work

FILES = {
    *("predictions.json", "report.html", "intervals.csv", "intervals.elan.txt"),
    *("intervals.srt", "overlay.mp4", "figures/timeline.png"),
}


@pytest.fixture(scope="module")
def frames():
    """A micro-expression from 2.2 to 2.5 s; 30 frames/s."""
    video = synthetic_videos.make(7, seconds=9, fps=30)
    return list(itertools.islice(video.frames(), 90))


@pytest.fixture(scope="module")
def film(frames, tmp_path_factory):
    place = tmp_path_factory.mktemp("films") / "somebody 7.mp4"
    films.write(place, [(i / 30, x) for i, x in enumerate(frames)], fps=30)
    return place


def predict(*words, folder, code=0):
    folder.mkdir(parents=True, exist_ok=True)
    ended = command.fork(*map(str, words), folder=folder, module="selfme_jax.predict")
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    return ended


def refused(*words, folder, says):
    ended = predict(*words, folder=folder, code=2)
    error = ended.err[ended.err.index("error: ") :].strip()
    assert re.search(says, error), error
    assert len(error.splitlines()) <= 2, error


def files_in(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def answered(film, tmp_path_factory):
    place = tmp_path_factory.mktemp("answered")
    ended = predict(film, f"--output={place / 'out'}", folder=place / "said")
    return place / "out", ended


def test_a_video_gives_all_files(answered):
    folder, ended = answered
    assert files_in(folder) >= FILES
    assert not [name for name in files_in(folder) if "partial" in name]
    assert "ETA" in ended.out and "report.html" in ended.out


def test_predictions_have_the_schema(answered, film):
    found = json.loads((answered[0] / "predictions.json").read_text())
    assert found["version"] == 1
    (clip,) = found["clips"]
    assert (clip["path"], clip["fps"], clip["frames"]) == (str(film), 30, 90)
    assert isinstance(clip["notes"], list)
    (interval,) = [i for i in clip["intervals"] if i["kind"] == "micro"]
    assert interval["onset"] < interval["apex"] < interval["offset"]
    assert abs(interval["apex"] - 70) <= 2
    assert sum(interval["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    best = max(interval["probabilities"], key=interval["probabilities"].get)
    assert interval["class"] == best
    assert len(interval["aus"]) == 12 and all(
        0 <= p <= 1 for p in interval["aus"].values()
    )
    assert interval["unsure"] in (True, False)
    assert found["model"]["scores"]["casme2"]["uf1"] > 0.5


def test_the_page_asks_nobody_and_cautions(answered):
    page = (answered[0] / "report.html").read_text()
    assert not re.search(r"(src|href)=\"?(https?:)?//", page)
    assert "never for decisions about people" in page
    assert "CASME II" in page and "UF1" in page
    for name in re.findall(r'href="([^"]+)"', page):
        assert (answered[0] / name).is_file(), name


def test_the_overlay_plays_in_browsers(answered, frames):
    with av.open(str(answered[0] / "overlay.mp4")) as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        shown = list(container.decode(stream))
    assert len(shown) == len(frames)
    assert shown[-1].time == pytest.approx(89 / 30, abs=0.01)
    data = (answered[0] / "overlay.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it plays while it loads


def test_the_same_again_is_kept_and_another_model_of_it_is_not(answered, film):
    folder, _ = answered
    before = (folder / "report.html").stat().st_mtime_ns
    predict(film, f"--output={folder}", folder=folder.parent / "again")
    assert (folder / "report.html").stat().st_mtime_ns == before
    predict(film, f"--output={folder}", "--nooverlay", folder=folder.parent / "again")
    assert (folder / "report.html").stat().st_mtime_ns != before
    assert not (folder / "overlay.mp4").exists()


def test_a_folder_goes_on_past_what_is_bad(frames, film, tmp_path):
    source = tmp_path / "source"
    footage.write_folder(source / "stills", frames[:3])
    wall = np.full((120, 160, 3), 128, np.uint8)
    footage.write_video(source / "wall.avi", [wall] * 30)
    (source / "broken.mp4").write_bytes(film.read_bytes()[:2000])
    good = source / os.fsdecode(b"caf\xe9.mp4")
    good.write_bytes(film.read_bytes())
    out = tmp_path / "out"
    words = (source, f"--output={out}", "--nooverlay")
    ended = predict(*words, folder=tmp_path / "said")
    assert ended.out.count("left out: ") == 3
    found = json.loads((out / "predictions.json").read_text())
    (clip,) = found["clips"]
    assert clip["path"].endswith("caf\ufffd.mp4")
    left = {Path(path).name: why for path, why in found["left_out"].items()}
    assert set(left) == {"stills", "wall.avi", "broken.mp4"}
    assert "--fps" in left["stills"] and "no face" in left["wall.avi"]
    rows = list(csv.DictReader((out / "intervals.csv").open()))
    assert {row["clip"] for row in rows} == {clip["path"]}
    page = (out / "report.html").read_text()
    (link,) = re.findall(r'href="([^"]+/report.html)"', page)
    assert (out / link).is_file()
    marks = {p: p.stat().st_mtime_ns for p in out.rglob("*/report.html")}
    predict(*words, folder=tmp_path / "said")
    assert marks == {p: p.stat().st_mtime_ns for p in out.rglob("*/report.html")}


def test_pictures_and_known_frames(frames, tmp_path):
    folder = footage.write_folder(tmp_path / "still", frames[60:80], first=60)
    pair = (folder / "img66.png", folder / "img70.png")
    predict(*pair, f"--output={tmp_path / 'pair'}", folder=tmp_path / "said")
    (clip,) = json.loads((tmp_path / "pair/predictions.json").read_text())["clips"]
    (interval,) = clip["intervals"]
    assert (interval["onset"], interval["apex"], clip["fps"]) == (0, 1, None)
    out = tmp_path / "known"
    words = (folder, "--fps=30", "--onset=6", "--apex=10", f"--output={out}")
    predict(*words, folder=tmp_path / "said")
    (clip,) = json.loads((out / "predictions.json").read_text())["clips"]
    (same,) = clip["intervals"]
    assert (same["onset"], same["apex"]) == (6, 10)
    assert same["probabilities"] == pytest.approx(interval["probabilities"], abs=1e-3)


class Slow:
    """A network that has to be compiled before its first answer."""

    classes, units = ("negative", "positive"), ()
    card = {"words": ["Made of nothing."]}  # noqa: RUF012
    compiled = False

    def answer(self, onset, apex):
        print("answered", flush=True)
        self.compiled = True
        none, no = np.zeros((1, 0)), np.zeros(1, bool)
        return Answers(np.array([[0.2, 0.8]]), none, none, none > 0, no, no)


@pytest.mark.parametrize("clips", [1, 2])
def test_a_network_says_once_that_it_is_compiled(clips, frames, tmp_path, capsys):
    """Before it is: a terminal or a log would be silent for minutes."""
    for name in "ab"[:clips]:
        footage.write_folder(tmp_path / f"films/{name}", frames[60:80])
    work = Work(Predictor(Slow(), "runs/mine"), Options(), film=False)
    given = sources.find([tmp_path / "films"], fps=30)
    with mirror.opened(epath.Path(tmp_path / "out")) as made:
        if clips > 1:
            predicting._several(work, given, made)
        else:
            predicting._one(work, given, made)
    lines = capsys.readouterr().out.splitlines()
    (at,) = [n for n, line in enumerate(lines) if "compiling" in line]
    assert lines[at].startswith("compiling the network of runs/mine")
    assert lines.index("answered") > at and lines.count("answered") == clips


def test_what_cannot_be_done_ends_with_2(film, frames, tmp_path):
    out, said = f"--output={tmp_path / 'out'}", tmp_path / "said"
    wall = footage.write_video(
        tmp_path / "wall.avi", [np.full((90, 90, 3), 90, np.uint8)] * 9
    )
    night = footage.write_video(tmp_path / "night.avi", [frames[0] // 50] * 9)
    one = footage.write_video(tmp_path / "one.avi", frames[:1])
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", 16000)
        sample = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        sample.sample_rate = 16000
        container.mux(stream.encode(sample))
        container.mux(stream.encode(None))
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/thesis.txt").write_text("")
    for words, says in (
        ((), "nothing is given"),
        ((wall, out), "wall.avi: no face"),
        ((night, out), "night.avi: the picture is too dark"),
        ((one, out), "2 frames|1 frame"),
        ((sound, out), "only sound"),
        ((tmp_path / "empty", out), "no clip"),
        ((film, out, "--apex=3"), "onset"),
        ((film, out, "--onset=9", "--apex=3"), "comes after"),
        ((film, out, "--model=nowhere"), "no such folder"),
        ((film, out, f"--model={tmp_path / 'theirs'}"), "neither an export"),
        ((film, out, "--face=nose"), "unknown face"),
        ((film, f"--output={tmp_path / 'theirs'}"), "other files"),
        ((film, film, out, "--onset=1"), "of one clip"),
    ):
        refused(*words, folder=said, says=says)
    assert not (tmp_path / "out").exists() or not files_in(tmp_path / "out") - {
        ".selfme_jax_predict"
    }


@pytest.mark.skipif(not films.codec(), reason="PyAV without an encoder of H.264")
@pytest.mark.parametrize("kind", ["gif", "turned", "uneven"])
def test_containers_of_phones_and_the_web(kind, frames, tmp_path):
    place = tmp_path / f"clip.{'gif' if kind == 'gif' else 'mp4'}"
    times = [i / 30 for i in range(len(frames))]
    if kind == "uneven":  # half of the frames, at random, at their own times
        kept = np.sort(np.random.default_rng(1).choice(90, 70, replace=False))
        times, frames = [times[i] for i in kept], [frames[i] for i in kept]
    if kind == "gif":
        from PIL import Image

        images = [Image.fromarray(x) for x in frames]
        images[0].save(place, save_all=True, append_images=images[1:], duration=30)
    else:
        films.write(place, zip(times, frames, strict=True), fps=30)
    if kind == "turned":
        turned = [np.ascontiguousarray(np.rot90(x)) for x in frames]
        films.write(place, zip(times, turned, strict=True), fps=30)
    out = tmp_path / "out"
    predict(place, f"--output={out}", "--nooverlay", folder=tmp_path / "said")
    (clip,) = json.loads((out / "predictions.json").read_text())["clips"]
    (found,) = [i for i in clip["intervals"] if i["kind"] == "micro"]
    assert found["seconds"][1] == pytest.approx(2.35, abs=0.25)
