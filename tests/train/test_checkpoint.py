"""Checkpoints come back as they were written, or not at all."""

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from selfme_jax import files
from selfme_jax.train import checkpoint, schedule
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.train.state import Run, TrainState
from selfme_jax.types import UserError

DEPENDS = {"config": {"motion": {"steps": 7, "groups": 3}}, "samples": "ab" * 32}


def state(seed=0):
    """Everything a TrainState may hold: tuples, no leaves, several types."""
    rng = np.random.default_rng(seed)
    params = {"a": {"kernel": rng.normal(size=(3, 50, 4)).astype(np.float32)}}
    count = np.array([4, 4, 4], np.int32)
    return TrainState(
        count, params, {}, ((), {"mu": (params, count)}), {"b": np.ones(3, np.float16)}
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "0000"
    with Checkpoints(folder, DEPENDS) as chunk:
        chunk.save(4, state())
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "0000")


def restore(folder, depends=DEPENDS, template=True, step=4):
    with Checkpoints(folder, depends) as chunk:
        return chunk.restore(step, state() if template else None)


def equal(found, wanted):
    found, wanted = checkpoint._named(found), checkpoint._named(wanted)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def refused(match, *arguments, **options):
    with pytest.raises(UserError, match=match) as caught:
        restore(*arguments, **options)
    assert len(str(caught.value).splitlines()) == 2
    assert "Delete" in str(caught.value)


@pytest.mark.parametrize("template", [True, False])
@pytest.mark.parametrize("depends", [DEPENDS, None])
def test_it_comes_back(saved, template, depends):
    equal(restore(saved, depends, template=template), state())


def test_a_flipped_bit_anywhere_is_found_or_without_effect(copy):
    """In every file of it, at several places."""
    rng = np.random.default_rng(0)
    hits = {"refused": 0, "equal": 0}
    for path in sorted(p for p in copy.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for place in rng.integers(len(whole), size=3) if whole else ():
            damaged = bytearray(whole)
            damaged[place] ^= 1 << rng.integers(8)
            path.write_bytes(damaged)
            try:
                equal(restore(copy), state())
                hits["equal"] += 1
            except UserError:
                hits["refused"] += 1
            path.write_bytes(whole)
    assert hits["refused"] > 10, hits
    equal(restore(copy), state())


def test_other_arrays_under_the_same_seal(copy, tmp_path):
    """What no checksum of the store could see: a whole, valid state of another run."""
    with Checkpoints(tmp_path / "other", DEPENDS) as chunk:
        chunk.save(4, state(seed=1))
    shutil.rmtree(copy / "4" / "state")
    shutil.copytree(tmp_path / "other" / "4" / "state", copy / "4" / "state")
    refused("content is not what was written", copy)


def test_without_a_seal(copy):
    shutil.rmtree(copy / "4" / "seal")
    refused("it has no seal: another version", copy)


def test_emptied(copy):
    for path in copy.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    refused("cannot read", copy)


def test_a_step_under_another_number(copy):
    (copy / "4").rename(copy / "8")
    refused("step: 4 -> 8", copy, step=8)
    refused("step: 4 -> 8", copy, step=8, depends=None)


def test_what_it_was_made_from_is_named(saved):
    other = {"config": {"motion": {"steps": 9, "groups": 3}}, "samples": "cd" * 32}
    refused(
        r"made from something else \(config.motion.steps: 7 -> 9; "
        r"samples: ababababab... -> cdcdcdcdcd...\)",
        *(saved, other),
    )
    refused(
        r"samples: ababababab... -> \(absent\)", saved, {"config": DEPENDS["config"]}
    )


def test_of_many_differences_five_are_named(saved):
    many = {f"key{i}": i for i in range(9)}
    refused(
        r"\(config.motion.groups: 3 .*key2: \(absent\) -> 2; and 7 more\)", saved, many
    )


def run_of(weights, **changes):
    n = len(weights)
    zeros = np.zeros(n, np.int32)
    run = Run(zeros, np.arange(n, dtype=np.int32), zeros, np.array(weights), zeros)
    return schedule.Chunk(0, run._replace(**changes), [f"fold {i}" for i in range(n)])


def test_runs_are_known_by_who_is_on_which_side():
    first = schedule.digest(run_of([[0.0, 0.3], [0.7, 0.0]]))
    assert schedule.digest(run_of([[0.0, 0.30001], [0.7, 0.0]])) == first
    assert schedule.digest(run_of([[0.3, 0.0], [0.7, 0.0]])) != first
    seed = np.ones(2, np.int32)
    assert schedule.digest(run_of([[0.0, 0.3], [0.7, 0.0]], seed=seed)) != first


BROKEN = ["", "[", "null", "{}", '["a"]', "[0]", "[-1]", "[true]", "[1.5]", "[[1]]"]


@pytest.mark.parametrize("text", [*BROKEN, "[" * 9999, "[" + "9" * 5000 + "]"])
def test_sizes_of_chunks_that_are_none(tmp_path, text):
    (tmp_path / "chunks.json").write_text(text)
    with pytest.raises(UserError, match="chunks.json: .*\nDelete"):
        schedule.read(files.path(tmp_path))


def test_more_runs_than_there_are():
    runs = run_of([[1.0, 0.0]])
    with pytest.raises(UserError, match="tells of 3 runs, of which there are 1"):
        schedule.split(runs.runs, runs.names, [2, 1], 4)


def test_kept_arrays_are_read_or_made_again(tmp_path, capsys):
    path, array = files.path(tmp_path / "a.npy"), np.arange(12.0).reshape(3, 4)
    assert checkpoint.kept(path) is None
    checkpoint.keep(path, array)
    np.testing.assert_array_equal(checkpoint.kept(path), array)
    shutil.copy(path, tmp_path / "b.npy")
    assert checkpoint.kept(files.path(tmp_path / "b.npy")) is None
    assert "name: a.npy -> b.npy" in capsys.readouterr().out
    changes: list[Callable[[bytes], bytes]] = [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(np.float64(5).tobytes(), np.float64(6).tobytes()),
        lambda data: data.split(b'{"sha256"')[0],
    ]
    whole = path.read_bytes()
    for change in changes:
        path.write_bytes(change(whole))
        assert checkpoint.kept(path) is None
        assert "computed again: cannot read" in capsys.readouterr().out
