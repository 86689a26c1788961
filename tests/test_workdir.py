"""A workdir belongs to one config; its files are old or new, never torn."""

import json
import os

import numpy as np
import pytest

from selfme_jax import workdir
from selfme_jax.train import checkpoint
from selfme_jax.types import UserError

CONFIG = {
    "seeds": 5,
    "scvit": {"model": {"width": 64}, "train": {"decay": "cosine"}},
    "engine": {"motion": {"log_every": 10}},
    "synthetic": {"amplitude": (0.5, 3.0)},
}


def claim(folder, config, *, free):
    workdir.open_workdir(folder).claim(config, free=free)


def changed(**top):
    return {**json.loads(json.dumps(CONFIG)), **top}


def read(folder):
    return json.loads((folder / "config.json").read_text())


def test_claim_makes_the_folder_and_can_be_repeated(tmp_path):
    folder = tmp_path / "runs" / "deep" / "new"
    claim(folder, CONFIG, free=("engine",))
    assert read(folder) == changed()
    # Tuples become lists in JSON: still the same config.
    claim(folder, CONFIG, free=("engine",))
    assert [path.name for path in folder.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("new", "names"),
    [
        ({"seeds": 6}, ["(seeds: 5 -> 6)"]),
        ({"synthetic": {"amplitude": (0.5, 2.0)}}, ["synthetic.amplitude", "2.0"]),
        ({"scvit": {"model": {"width": 64}}}, ["scvit.train.decay", "(absent)"]),
        ({"first": None}, ["first: (absent) -> None"]),
        (
            {"seeds": 1, "scvit": {"model": {"width": 8}, "train": {"decay": "x"}}},
            ["scvit.model.width: 64 -> 8; scvit.train.decay: cosine -> x; seeds"],
        ),
    ],
)
def test_another_config_is_refused_and_every_key_named(tmp_path, new, names):
    claim(tmp_path, CONFIG, free=("engine",))
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(UserError) as caught:
        claim(tmp_path, changed(**new), free=("engine",))
    for name in [str(tmp_path), "another --workdir", *names]:
        assert name in str(caught.value)
    assert "amplitude" not in str(caught.value) or "synthetic" in new
    assert (tmp_path / "config.json").read_bytes() == before


def test_free_keys_may_change_and_are_kept(tmp_path):
    claim(tmp_path, CONFIG, free=("engine",))
    new = changed(engine={"motion": {"log_every": 3, "more": 1}})
    claim(tmp_path, new, free=("engine",))
    assert read(tmp_path) == new
    # Dots lead below the top.
    inner = changed(scvit={"model": {"width": 8}, "train": {"decay": "cosine"}})
    claim(tmp_path, inner, free=("engine", "scvit.model.width"))
    claim(tmp_path, new, free=("engine", "scvit.model.width"))
    # Free is the key at the top, not one of that name below.
    below = changed(scvit={**CONFIG["scvit"], "engine": 1})
    with pytest.raises(UserError, match="scvit.engine"):
        claim(tmp_path, below, free=("engine",))


@pytest.mark.parametrize("content", [b'{"seeds": 5', b"", b"\xff\xfe\x00"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match="cannot read .*config.json: "):
        claim(tmp_path, CONFIG, free=())
    assert (tmp_path / "config.json").read_bytes() == content


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="cannot write to .*another --workdir"):
            claim(folder, CONFIG, free=())


def test_writes_are_atomic(tmp_path, monkeypatch):
    """A kill before the last moment leaves the old content."""
    workdir.write_json(tmp_path / "a.json", {"old": 1})
    checkpoint.write_array(tmp_path / "a.npy", np.arange(3))

    def killed(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            workdir.write_json(tmp_path / "a.json", {"new": 2})
        with pytest.raises(KeyboardInterrupt):
            checkpoint.write_array(tmp_path / "a.npy", np.arange(9.0))
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1}
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), [0, 1, 2])
    workdir.write_json(tmp_path / "a.json", {"new": 2})
    checkpoint.write_array(tmp_path / "a.npy", np.arange(9.0))
    assert json.loads((tmp_path / "a.json").read_text()) == {"new": 2}
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.arange(9.0))
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "a.npy"}


def test_of_many_keys_that_differ_the_first_are_named(tmp_path):
    claim(tmp_path, {f"k{i}": "x" * 99 for i in range(9)}, free=())
    with pytest.raises(UserError) as caught:
        claim(tmp_path, {f"k{i}": i for i in range(9)}, free=())
    said = str(caught.value)
    assert "k4: " in said and "k5" not in said and "and 4 more" in said
    assert len(said) < 700


@pytest.mark.parametrize("content", ["[]", "null", "[" * 100_000, '"a"', "{}]"])
def test_json_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match="config.json"):
        claim(tmp_path, CONFIG, free=())


def test_an_empty_object_is_not_nothing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "motion.json").write_text("{}")
    with pytest.raises(UserError, match="holds another config"):
        claim(tmp_path, CONFIG, free=())
    with pytest.raises(UserError, match="learned otherwise"):
        workdir.open_workdir(tmp_path).claim_motion({"samples": "abc"})


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(UserError, match="config.json: it is no file but a pipe"):
        claim(tmp_path, CONFIG, free=())


def test_motion_is_shared_by_what_it_depends_on(tmp_path):
    """The folder of a whole run serves the next one that needs the same motion."""
    run = workdir.open_workdir(tmp_path)
    claim(tmp_path, CONFIG, free=("engine",))
    run.claim_motion({"motion": {"steps": 3}, "samples": "abc"})
    run.claim_motion({"motion": {"steps": 3}, "samples": "abc"})
    with pytest.raises(UserError, match="learned otherwise .motion.steps: 3 -> 4"):
        run.claim_motion({"motion": {"steps": 4}, "samples": "abc"})
