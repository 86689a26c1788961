"""The command that prepares data, as a user runs it."""

import importlib
import os
import subprocess
import sys

import command
import cv2
import footage
import numpy as np
import pytest
from absl import flags

from selfme_jax import prepare
from selfme_jax.data.videos import prepared as video
from selfme_jax.run import build, cli
from selfme_jax.run.config import Source
from selfme_jax.types import UserError

AT_64 = {"motion.frame_size": 64, "flow.scale": 10}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Seconds of work, a folder of frames, and what is no video."""
    root = tmp_path_factory.mktemp("my films")
    footage.write_video(root / "long.avi", np.tile(footage.film(), (20, 1, 1, 1)))
    footage.write_folder(root / "frames $1^2$ 映", footage.film(person=2)[:5])
    (root / "broken.mp4").write_bytes(b"no video at all")
    return root


@pytest.fixture
def no_tensorflow(tmp_path):
    """Environment in which an import of TensorFlow fails, and leaves a trace."""
    (tmp_path / "path").mkdir()
    trace = tmp_path / "imported"
    code = f"open({str(trace)!r}, 'w').close()\nraise ImportError('not installed')\n"
    (tmp_path / "path/tensorflow.py").write_text(code)
    yield {"PYTHONPATH": str(tmp_path / "path")}
    assert not trace.exists(), "TensorFlow was imported"


def start(*arguments, **extra):
    return subprocess.Popen(
        [sys.executable, "-m", "selfme_jax.prepare", *map(str, arguments)],
        cwd=command.ROOT,
        env=os.environ | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_while_writing_it_starts_anew_and_ends(source, tmp_path, no_tensorflow):
    data_dir = tmp_path / "my data"
    arguments = ("video", f"--source={source}", f"--data_dir={data_dir}", "--size=64")
    process = start(*arguments)
    first = process.stdout.readline()
    assert "2 video(s) and 1 folder(s) of frames" in first and str(data_dir) in first
    for line in process.stdout:
        if line.startswith("writing frames"):
            break
    process.kill()
    process.communicate()
    assert list(data_dir.glob("face_videos/incomplete.*"))
    with pytest.raises(UserError, match="no prepared videos"):
        video.load(data_dir)

    process = start(*arguments, **no_tensorflow)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and not err, err
    lines = out.splitlines()
    lead = ("looking for faces ", "writing frames ", "left out: ")
    assert all(line.startswith(lead) for line in lines[1:-2]), out
    assert any(x.startswith("writing frames 100%") and "done" in x for x in lines)
    assert "left out: broken.mp4 (not a readable video)" in lines
    assert lines[-2].startswith(f"245 frames of 2 clip(s) in {data_dir}")
    assert lines[-1] == (
        "python -m selfme_jax.main --config=video_small --config.motion.frame_size=64 "
        f"--config.data.root='{data_dir}'"
    )
    frames = video.load(data_dir)
    assert [clip.count for clip in frames.clips] == [5, 240]
    assert not list(data_dir.glob("face_videos/incomplete.*"))
    sheet = cv2.imread(str(data_dir / "faces.png"))
    assert sheet.shape[1] == 1200
    first = frames.frame(0)[..., ::-1].mean((0, 1))
    assert np.abs(sheet - first).sum(-1).min() < 60  # it shows faces


@pytest.fixture
def options():
    """Flags as a function sets them, in this process."""
    before = set(flags.FLAGS)
    prepare.define()
    flags.FLAGS(["prepare"])
    yield flags.FLAGS
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["vidoe"],
            "unknown dataset 'vidoe'. Known: video, synthetic, casme2, ",
        ),
        ([], "no dataset given. Known: video, synthetic, casme2, "),
        (["video", "DIR"], "unexpected argument 'DIR'; flags start with --."),
        (["video"], "no folder ''. Set --source.\nIt should hold videos"),
        (["video", "--source=x", "--size=wide"], "flag --size=wide: "),
    ],
)
def test_bad_arguments(options, monkeypatch, capsys, arguments, message):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "kept out of this")
    monkeypatch.setattr(sys, "argv", ["prepare.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.run(prepare.main, positional=1)
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and not out
    assert err.startswith(f"error: {message}") and len(err.splitlines()) <= 2


def test_data_dir_has_a_default(options, tmp_path, monkeypatch):
    monkeypatch.setitem(prepare.DATASETS, "video", lambda folder: found.append(folder))
    found = []
    prepare.main("video")
    options.data_dir = "~/faces"
    monkeypatch.setenv("HOME", str(tmp_path))
    prepare.main("video")
    assert [str(folder) for folder in found] == ["data/video", f"{tmp_path}/faces"]


def test_flags_reach_the_work(options, tmp_path, monkeypatch, source):
    given = {}

    def stop(*arguments, tell, **keywords):
        given.update(keywords, arguments=arguments)
        raise UserError("enough")

    monkeypatch.setattr(video, "prepare", stop)
    options.source, options.size, options.stride = str(source), 48, 3
    options.max_frames, options.detector = 7, "x.task"
    with pytest.raises(UserError, match="enough"):
        prepare.video(tmp_path)
    assert given == {
        "arguments": (str(source), tmp_path),
        "size": 48,
        "detector": "x.task",
        "stride": 3,
        "max_frames": 7,
    }


@pytest.mark.parametrize(
    ("name", "size", "config", "changes"),
    [
        ("casme2", 256, "casme2", {}),
        ("dfme_test_a", 256, "dfme", {"data.name": "dfme_test_a"}),
        ("video", 256, "video", {}),
        ("video", 128, "video_small", {}),
        ("video", 64, "video_small", {"motion.frame_size": 64}),
        ("casme2", 128, "casme2_small", {}),
        ("samm", 128, "casme2_small", {"data.name": "samm"}),
        ("smic_hs", 64, "casme2_small", {"data.name": "smic_hs", **AT_64}),
    ],
)
def test_the_config_for_frames_of_a_size_fits_them(name, size, config, changes):
    flags_ = [f"--config={config}", *(f"--config.{k}={v}" for k, v in changes.items())]
    assert prepare._config(name, size) == " ".join(flags_)
    module = importlib.import_module(f"selfme_jax.configs.{config}")
    plan = Source(module.get_config(), config).plan(changes)
    assert plan.data == name and plan.motion["frame_size"] == size
    if name != "video":
        assert plan.flow["scale"] * size == 640
    assert build.first_stage(plan, (size, size, 3)).start is None
