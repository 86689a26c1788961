"""--config=builtin from start to end, tiny; what it made, as a method."""

import csv
import json

import command
import numpy as np
import pytest

MAKING = (
    "--config=builtin",
    "--config.bootstrap=50",
    "--config.builtin.making.seeds=1",
    "--config.builtin.making.fields=300",
    "--config.builtin.making.rendered=30",
    "--config.builtin.making.held_out=400",
    "--config.builtin.making.steps=3",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """With action units, as the protocol of one more dataset would have them."""
    folder = command.write_flow_images(tmp_path_factory.mktemp("data") / "images")
    path = folder / "manifest.csv"
    rows = list(csv.DictReader(path.open()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "aus"])
        writer.writeheader()
        for i, row in enumerate(rows):
            writer.writerow({**row, "aus": ("4", "L12", "1+2")[i % 3]})
    return folder


@pytest.fixture(scope="module")
def making(tmp_path_factory):
    """(arguments) -> what the command left behind."""

    def run(*arguments):
        folder = tmp_path_factory.mktemp("out")
        return command.fork(*arguments, folder=folder)

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory, making, images):
    place = tmp_path_factory.mktemp("made") / "run"
    ended = making(*MAKING, f"--config.data.root={images}", f"--workdir={place}")
    assert ended.code == 0, ended.err
    return place, ended


def test_weights_and_card(made):
    place, ended = made
    assert "no person" in ended.out and "ETA" in ended.out
    card = json.loads((place / "builtin.json").read_text())
    toy = card["real"]["toy"]
    assert toy["n"] == 20 and toy["subjects"] == 4
    for member in ("all", "linear", "vit", "scvit"):
        low, high = toy[member]["ci95"]["uf1"]
        assert low <= toy[member]["uf1"] <= high
        assert set(toy[member]["action_units"]["aus"]) == {"1", "2", "4", "12"}
        assert set(toy[member]["risk"]) == {"100", "80", "50"}
    assert card["sha256"] in (place / "builtin.md").read_text()
    assert sorted(p.name for p in (place / "networks").iterdir()) == [
        "linear-0.safetensors",
        "scvit-0.safetensors",
        "vit-0.safetensors",
    ]


def test_made_again_it_is_the_same_and_goes_on(made, making, images, tmp_path):
    """Bit for bit; of a killed making the networks that are there are taken."""
    place, _ = made
    other = tmp_path / "run"
    (other / "networks").mkdir(parents=True)
    kept = other / "networks" / "vit-0.safetensors"
    kept.write_bytes((place / "networks" / "vit-0.safetensors").read_bytes())
    written = kept.stat().st_mtime_ns
    ended = making(*MAKING, f"--config.data.root={images}", f"--workdir={other}")
    assert ended.code == 0, ended.err
    assert kept.stat().st_mtime_ns == written and "scvit 0 was there" not in ended.out
    for name in ("builtin.safetensors", "networks/scvit-0.safetensors"):
        assert (other / name).read_bytes() == (place / name).read_bytes()


@pytest.mark.parametrize("target", ["classes", "action_units"])
def test_it_scores_a_folder_as_it_is(made, making, images, tmp_path, target):
    ended = making(
        *("--config=flow_images", "--config.method=builtin", "--config.bootstrap=50"),
        f"--config.target={target}",
        *(["--config.action_units.units=(1, 2, 4, 12)"] * (target != "classes")),
        f"--config.builtin.weights={made[0] / 'builtin.safetensors'}",
        *(f"--config.data.root={images}", f"--workdir={tmp_path / 'run'}"),
    )
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["protocol"]["epoch_rule"].startswith("built-in weights")
    assert "builtin.safetensors" in results["protocol"]["pretrained_weights"]
    assert "linear" in results["floors"]
    assert (tmp_path / "run" / "report.html").exists()
    card = json.loads((made[0] / "builtin.json").read_text())["real"]["toy"]["all"]
    if target == "classes":
        np.testing.assert_allclose(results["uf1"], card["uf1"], atol=1e-9)
        assert len(results["seeds"]) == 1
        words = f"--workdir={tmp_path / 'run'}", "--refit", f"--output={tmp_path / 'x'}"
        refused = command.run(*words, module="selfme_jax.export")
        assert refused.code == 2 and "--model=builtin" in refused.err
    else:
        wanted = card["action_units"]["mean_f1"]
        np.testing.assert_allclose(results["mean_f1"], wanted, atol=1e-9)


def test_stages_cannot_be_left_out(making, tmp_path):
    ended = making(*MAKING, "--stages=report", f"--workdir={tmp_path}")
    assert ended.code == 2 and "in one go" in ended.err
