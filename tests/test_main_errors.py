"""Whatever a user gets wrong: exit code 2 and a line or two with the remedy."""

import shutil

import command
import numpy as np
import pytest

# A config file, and what the message about it must name.
CONFIG_FILES = {
    "syntax": ("def get_config(:", ["broken.py", "Correct"]),
    "import": ("import no_such_module", ["no_such_module", "Correct"]),
    "no function": ("x = 1", ["get_config"]),
    "no config": ("def get_config():\n    return {}", ["broken.py", "ConfigDict"]),
    "failure": ("def get_config():\n    raise ValueError('oh')", ["oh", "Correct"]),
}
# The same for what a config file sets after reading configs/flow_images.py.
SETTINGS = {
    "type": ("seeds = 'many'", ["seeds", "int"]),
    "unknown key": ("scvit.model.widht = 3", ["widht", "config.scvit"]),
}

# Flags after --config=configs/flow_images.py and the folder of flow images.
FLAGS = {
    "unknown key": ("--config.nope=3", ["unknown config key", "'nope'", "base.py"]),
    "misspelt key": (
        "--config.scvit.model.widht=3",
        ["widht", "Did you mean", '"width"'],
    ),
    "wrong type": ("--config.scvit.model.width=wide", ["scvit.model.width", "int"]),
    "whole group": ("--config.scvit=3", ["--config.scvit"]),
    "method": ("--config.method=resnet", ["config.method", "vit, scvit"]),
    "input": (
        "--config.input=bogus",
        ["config.input", "learned, tcae, tvl1, registered"],
    ),
    "dataset": ("--config.data.name=mnist", ["mnist", "flow_images, synthetic"]),
    "wrong input": ("--config.input=learned", ["--config.input=images"]),
    "no faces": ("--config.data.name=synthetic", ["--config.input=learned"]),
    "no root": ("--config.data.root=", ["data.root"]),
    "missing root": ("--config.data.root=/no/folder", ["/no/folder", "data.root"]),
    "subset": ("--config.data.datasets=casme2", ["casme2", "toy"]),
    "seeds": ("--config.seeds=0", ["config.seeds", "at least 1"]),
    "batch": ("--config.vit.train.batch_size=0", ["vit.train.batch_size", "least 1"]),
    "log_every": ("--config.engine.classifier.log_every=0", ["log_every", "least 1"]),
    "channels": ("--config.flow.channels=rgb", ["flow.channels", "uv, uvs"]),
    "patch": ("--config.scvit.model.patch=5", ["config.scvit", "28x28", "divide by 5"]),
    "heads": ("--config.scvit.model.heads=3", ["config.scvit", "28x28"]),
    "head": ("--config.scvit.model.head=pool", ["'pool'", "concat", "config.scvit"]),
    "decay": ("--config.scvit.train.decay=linear", ["'linear'", "cosine, constant"]),
    "weights": ("--config.ststnet.weights=/no.npz", ["/no.npz", "ststnet.weights"]),
    "stage": ("--stages=training", ["training", "motion, classifier, report"]),
    "no stage": ("--stages=", ["motion, classifier, report"]),
    "nothing to report": ("--stages=report", ["predictions.csv", "classifier"]),
    "open range": (
        "--config.scvit.model.dropout=1",
        ["scvit.model.dropout is 1.0", "at most 0.999999999"],
    ),
    "long range": ("--config.seeds=1000000", ["at most 10000."]),
    "long value": (
        f"--config.data.datasets={'b' * 9999}",
        [" ... (and 90", "characters)"],
    ),
    "obeyed by terminals": ("--config.data.root=\x1b[2Jx", ["no folder ?[2Jx"]),
    "argument": ("extra", ["'extra'", "--"]),
    "flag": ("--workdri=x", ["workdri", "--help"]),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return command.write_flow_images(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture
def fails(tmp_path):
    """Run the command with these flags; what it must leave is checked here."""

    def run(*arguments: str, names: list[str]) -> None:
        new = tmp_path / "new"
        if not any(argument.startswith("--workdir") for argument in arguments):
            arguments += (f"--workdir={new}",)
        ended = command.fork(*arguments, folder=tmp_path)
        assert ended.code == 2, ended
        assert "Traceback" not in ended.err
        *before, last = ended.err.rstrip("\n").split("error: ")
        assert len(before) == 1 and 1 <= len(last.splitlines()) <= 2, ended.err
        for name in names:
            assert name in last, (name, last)
        # A config that cannot work must not claim the workdir.
        if "--stages=report" not in arguments:
            assert not new.exists()

    return run


@pytest.mark.parametrize("case", FLAGS)
def test_flags(fails, data, case):
    flag, names = FLAGS[case]
    fails(command.CONFIG, f"--config.data.root={data}", flag, names=names)


@pytest.mark.parametrize("case", CONFIG_FILES)
def test_config_files(fails, tmp_path, case):
    text, names = CONFIG_FILES[case]
    path = tmp_path / "broken.py"
    path.write_text(text)
    fails(f"--config={path}", names=names)


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_of_config_files(fails, data, tmp_path, case):
    setting, names = SETTINGS[case]
    path = tmp_path / "mine.py"
    path.write_text(
        "from selfme_jax.configs import flow_images\n\n\n"
        "def get_config():\n"
        "    config = flow_images.get_config()\n"
        f"    config.{setting}\n"
        "    return config\n"
    )
    fails(f"--config={path}", f"--config.data.root={data}", names=names)


def test_no_config(fails):
    fails(names=["--config is missing", "--config=synthetic", "casme2_small"])


@pytest.mark.parametrize("extra", [(), ("--config.seeds=3",)])
def test_missing_config_file(fails, extra):
    fails("--config=configs/no_such.py", *extra, names=["configs/no_such.py"])


def test_empty_root(fails, tmp_path):
    root = tmp_path / "empty"
    root.mkdir()
    flag = f"--config.data.root={root}"
    fails(command.CONFIG, flag, names=["manifest.csv", "u_test", "data.root"])


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n cut off"])
def test_corrupt_image(fails, data, tmp_path, content):
    root = shutil.copytree(data, tmp_path / "toy")
    (root / "p2_3.png").write_bytes(content)
    flag = f"--config.data.root={root}"
    fails(command.CONFIG, flag, names=["p2_3.png", "not a readable image"])


def test_pictures_of_one_person_under_two_names(fails, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "copy")
    shutil.copy(copy / "p0_0.png", copy / "p1_3.png")
    names = ["toy/p0/c0 = toy/p1/c3", "--config.data.allow_doubles=True"]
    fails(command.CONFIG, f"--config.data.root={copy}", names=names)


@pytest.mark.parametrize("inside", ["", "/sub"])
def test_workdir_that_cannot_be_written(fails, data, tmp_path, inside):
    (tmp_path / "file").write_text("in the way")
    fails(
        command.CONFIG,
        f"--config.data.root={data}",
        f"--workdir={tmp_path / 'file'}{inside}",
        names=[f"{tmp_path / 'file'}{inside}: ", "choose another place"],
    )
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("kind", ["text", "other arrays"])
def test_weights_that_are_none(fails, data, tmp_path, kind):
    path = tmp_path / "weights.npz"
    if kind == "text":
        path.write_text("no zip")
    else:
        np.savez(path, **{"p0/conv1.weight": np.zeros((3, 3, 3, 3))})
    flags = f"--config.data.root={data}", f"--config.ststnet.weights={path}"
    fails(command.CONFIG, *flags, names=[str(path)])


def test_motion_settings(fails):
    flags = "--config=configs/synthetic.py", "--config.motion.network.detector=hog"
    fails(*flags, names=["config.motion", "'hog'", "regression, heatmap"])


def test_perceptual_loss_without_weights(fails):
    flags = "--config=configs/synthetic.py", "--config.motion.loss.perceptual=1"
    fails(*flags, names=["VGG-19", "--config.motion.loss.vgg=FILE"])


def test_no_motion_to_classify(fails, tmp_path):
    flags = "--config=configs/synthetic.py", "--stages=classifier"
    workdir = f"--workdir={tmp_path / 'other'}"
    fails(*flags, workdir, names=["flow.npy", "stage motion"])


def test_a_platform_that_is_not_there(data, tmp_path):
    ended = command.alone(
        *(command.CONFIG, f"--config.data.root={data}"),
        f"--workdir={tmp_path / 'new'}",
        JAX_PLATFORMS="abacus",
    )
    assert ended.code == 2 and ended.err.count("\n") == 2
    assert "(JAX_PLATFORMS=abacus)" in ended.err and "JAX_PLATFORMS=cpu" in ended.err
    assert not (tmp_path / "new").exists()


def test_a_device_without_the_memory(data, tmp_path):
    ended = command.run(
        *(command.CONFIG, f"--config.data.root={data}", *command.TINY),
        "--config.scvit.train.batch_size=1000000",
        f"--workdir={tmp_path / 'new'}",
    )
    assert ended.code == 2 and ended.err.count("\n") == 2
    assert "Out of memory" in ended.err and "runs_per_device" in ended.err
