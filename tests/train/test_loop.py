"""The engine: one fold alone, all under vmap, all under pmap are the same program."""

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from selfme_jax.systems import base as method
from selfme_jax.systems.deep import Data
from selfme_jax.train import loop, schedule, step
from selfme_jax.train.log import Log, read
from selfme_jax.train.loop import NonFiniteError, Stage
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy

STEPS = 20


@pytest.fixture(scope="module")
def setting():
    problem, deep = toy.problem(), toy.deep()
    task = deep.task(problem.inputs.shape, len(problem.labels))._replace(steps=STEPS)
    runs, names = method.training_runs(problem, balance=0.5)
    data = Data(jnp.array(problem.inputs), jnp.array(problem.labels, jnp.int32))
    return task, runs, names, data


def fit(setting, folder, finish=lambda v, run, data: v, **options):
    task, runs, names, data = setting
    folder.mkdir(exist_ok=True, parents=True)
    log = Log(open_workdir(folder))
    stage = Stage("toy", open_workdir(folder), log, **options)
    result = loop.fit(task, runs, data, finish, stage, names)
    log.close()
    return result


@pytest.fixture(scope="module")
def pmapped(setting, tmp_path_factory):
    """Two runs at once on each of the devices."""
    return fit(setting, tmp_path_factory.mktemp("pmapped"), at_once=2)


def train(task, run, data):
    """The state of one run after all steps, without the engine."""

    def body(_, state):
        return step.update(task, state, run, data)[0]

    return jax.lax.fori_loop(0, STEPS, body, step.init(task, run))


def assert_close(a, b):
    """Parameters and batch statistics to 1e-5."""
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), a, b)


def test_pmap_is_over_eight_devices():
    assert jax.local_device_count() == 8


def test_one_fold_alone_equals_all_folds_on_all_devices(setting, pmapped):
    task, runs, _, data = setting
    alone = jax.jit(lambda run: step.variables(task, train(task, run, data)))
    for i in (0, 5, 13):
        run = jax.tree.map(lambda x, i=i: x[i], runs)
        assert_close(alone(run), jax.tree.map(lambda x, i=i: x[i], pmapped))


def test_vmap_on_one_device_equals_pmap(setting, pmapped):
    task, runs, _, data = setting
    together = jax.jit(jax.vmap(partial(train, task), in_axes=(0, None)))
    states = together(runs, data)
    assert_close(jax.vmap(partial(step.variables, task))(states), pmapped)


def test_chunks_change_nothing(setting, pmapped, tmp_path):
    assert_close(fit(setting, tmp_path, runs_per_device=1), pmapped)


def test_an_accelerator_takes_all_runs_of_a_chunk_at_once(monkeypatch):
    monkeypatch.setattr(schedule.parallel, "on_cpu", lambda: False)
    assert schedule.waves(14, 0)[1:] == (16, 16)
    assert schedule.waves(40, 3)[1:] == (24, 24)


def test_on_cpu_a_device_takes_one_run_after_the_other(setting, pmapped, tmp_path):
    assert schedule.waves(14, 0)[1:] == (8, 16)
    assert schedule.waves(14, 1)[1:] == schedule.waves(14, 1, 2)[1:] == (8, 8)
    assert schedule.waves(40, 0, 2)[1:] == (16, 40)
    assert schedule.waves(1, 0)[1:] == (1, 1)
    assert_close(fit(setting, tmp_path), pmapped)
    assert schedule.read(tmp_path / "checkpoints" / "toy") == [14]


def test_a_chunk_more_traces_no_state_more(setting, tmp_path):
    """That of a big network takes seconds."""
    task, *rest = setting
    traces = []

    def counted(key):
        traces.append(key)
        return task.init(key)

    counts = []
    for per_device in (0, 1):
        short = task._replace(init=counted, steps=1), *rest
        fit(short, tmp_path / str(per_device), runs_per_device=per_device)
        counts.append(len(traces))
        traces.clear()
    assert counts[0] == counts[1] > 0


def test_runs_differ(pmapped):
    kernels = pmapped["params"]["Dense_0"]["kernel"]
    assert len(np.unique(kernels[:, 0, 0])) == len(kernels)


def test_held_out_subjects_enter_nothing(setting, pmapped, tmp_path):
    """Each fold is trained on data whose held-out subject is NaN."""
    task, runs, names, _ = setting
    problem = toy.problem()
    flow = np.repeat(problem.inputs, len(problem.splits), axis=0)
    labels = np.repeat(problem.labels[None], len(problem.splits), axis=0)
    for i, split in enumerate(problem.splits):
        flow[i, split.test] = np.nan
    per_fold = problem._replace(inputs=flow)
    runs, _ = method.training_runs(per_fold, balance=0.5)
    poisoned = fit(
        (task, runs, names, Data(flow, labels[0].astype(np.int32))), tmp_path
    )
    for leaf in jax.tree.leaves(poisoned):
        assert np.isfinite(leaf).all()
    assert_close(poisoned, pmapped)
    weights = runs.weights.reshape(len(problem.seeds), len(problem.splits), -1)
    for i, split in enumerate(problem.splits):
        assert not weights[:, i, split.test].any()
        assert weights[:, i, split.train].all()


class KilledError(Exception):
    pass


class Dying(Log):
    """Ends the run at its sixth write: in the second chunk, where one has four."""

    rows = 0

    def metrics(self, *args):
        super().metrics(*args)
        self.rows += 1
        if self.rows == 6:
            raise KilledError


def test_resume_is_bit_equal_and_finished_chunks_are_kept(
    setting, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("selfme_jax.train.log._SECONDS_BETWEEN_LINES", 0.0)
    task, runs, names, data = setting

    options = {"runs_per_device": 1, "log_every": 5, "save_seconds": 0.0}
    whole = fit(setting, tmp_path / "whole", **options)
    folder = tmp_path / "killed"
    folder.mkdir()
    stage = Stage("toy", open_workdir(folder), Dying(open_workdir(folder)), **options)
    with pytest.raises(KilledError):
        loop.fit(task, runs, data, lambda v, run, data: v, stage, names)
    before = read(folder / "metrics.jsonl")
    capsys.readouterr()
    resumed = fit(setting, folder, **options)
    kept, trained = [s for s in capsys.readouterr().out.splitlines() if "gone" in s][:2]
    assert "chunk 1: kept" in kept and "step 1" in trained
    assert trained.endswith("ETA after the next line")  # what was kept took no time
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)
    rows = read(folder / "metrics.jsonl")
    assert rows[:STEPS] == before[:STEPS]  # the finished chunk was not redone
    keys = [(r["chunk"], r["step"]) for r in rows]
    assert keys == [(c, s) for c in range(2) for s in range(1, STEPS + 1)]


def test_nan_names_run_and_step(setting, tmp_path):
    task, runs, names, data = setting
    labels = np.asarray(data.labels)
    broken = np.flatnonzero(runs.weights[3] > 0)
    inputs = np.array(data.inputs)
    inputs[0, broken] = np.nan
    with pytest.raises(NonFiniteError, match=r"step 1 of seed 0 fold toy/s\d"):
        fit((task, runs, names, Data(inputs, labels)), tmp_path, log_every=7)


def test_a_stream_of_what_is_resident_gives_the_same(setting, tmp_path):
    task, runs, names, data = setting
    asked = []

    def batches(start, stop):
        for number in range(start, stop):
            asked.append(number)
            yield data.inputs

    def batch(key, fed, run):
        return task.batch(key, Data(*fed), run)

    streamed = task._replace(batch=batch)
    stream = loop.Stream(batches, data.labels)
    got = fit((streamed, runs, names, stream), tmp_path / "one", runs_per_device=2)
    whole = fit(setting, tmp_path / "two", runs_per_device=2)
    jax.tree.map(np.testing.assert_array_equal, got, whole)
    assert asked == list(range(STEPS))


def test_a_stream_that_is_broken_off_goes_on_where_it_was(setting, tmp_path):
    """Its batches differ from step to step: another one would change the result."""
    task, runs, names, data = setting

    def batches(start, stop):
        for number in range(start, stop):
            yield data.inputs * (1 + number / STEPS)

    def batch(key, fed, run):
        return task.batch(key, Data(*fed), run)

    streamed = task._replace(batch=batch)
    whole = streamed, runs, names, loop.Stream(batches, data.labels)
    options = {"runs_per_device": 1, "log_every": 5, "save_seconds": 0.0}
    expected = fit(whole, tmp_path / "whole", **options)
    folder = tmp_path / "killed"
    folder.mkdir()
    stage = Stage("toy", open_workdir(folder), Dying(open_workdir(folder)), **options)
    with pytest.raises(KilledError):
        loop.fit(streamed, runs, whole[-1], lambda v, *_: v, stage, names)
    got = fit(whole, folder, **options)
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def test_what_finish_gives_is_kept_by_the_weights(setting, tmp_path):
    task, runs, names, data = setting
    folder, calls = tmp_path / "kept", []

    def kept(variables):
        kernel = variables["params"]["Dense_0"]["kernel"]
        return folder / f"{abs(kernel).sum():.6f}.npy"

    def finish(variables, run, data):
        calls.append(1)  # while it is traced
        return variables["params"]["Dense_0"]["kernel"].sum() + run.fold

    def go():
        log = Log(open_workdir(tmp_path))
        stage = Stage("toy", open_workdir(tmp_path), log)
        found = loop.fit(task, runs, data, finish, stage, names, kept=kept)
        log.close()
        return found

    first = go()
    assert len(calls) == 1 and len(list(folder.iterdir())) == len(names)
    np.testing.assert_array_equal(go(), first)
    assert len(calls) == 1  # nothing was computed again
    next(folder.iterdir()).unlink()
    np.testing.assert_array_equal(go(), first)
    assert len(calls) == 2


def test_runs_start_where_they_are_told_to(setting, pmapped, tmp_path):
    task, runs, names, data = setting
    one = jax.tree.map(lambda x: np.asarray(x[3]), pmapped)
    stay = task._replace(start=one, optimizer=optax.set_to_zero(), ema=0.0)
    got = fit((stay, runs, names, data), tmp_path)
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(x, np.broadcast_to(y, x.shape)),
        got["params"],
        one["params"],
    )


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_what_a_start_leaves_out_is_drawn_for_each_run(setting, ema):
    task, runs, _, _ = setting
    layer = {"kernel": np.ones((192, 8), np.float32)}  # its bias stays as it was
    mean = np.arange(8, dtype=np.float32)
    start = {
        "params": {"Dense_0": layer},
        "batch_stats": {"BatchNorm_0": {"mean": mean}},
    }
    task = toy.deep()._replace(start=start).task((1, 30, 8, 8, 3), 30)
    task = task._replace(ema=ema)
    drawn = jax.device_get(jax.jit(jax.vmap(partial(step.init, task)))(runs))
    got = step.restart(task, drawn)
    expected = jax.tree.map(np.array, drawn)
    expected.params["Dense_0"]["kernel"][:] = 1
    expected.model_state["batch_stats"]["BatchNorm_0"]["mean"][:] = mean
    if ema:
        expected.average["Dense_0"]["kernel"][:] = 1
    jax.tree.map(np.testing.assert_array_equal, got, expected)
    head = got.params["Dense_1"]["kernel"]
    assert len(np.unique(head, axis=0)) == len(head)  # runs differ in the rest
    start["params"]["Dense_7"] = layer
    with pytest.raises(KeyError, match="Dense_7"):
        step.restart(task, drawn)


def test_every_step_has_its_row(setting, tmp_path):
    fit(setting, tmp_path, log_every=7)
    rows = read(tmp_path / "metrics.jsonl")
    assert [r["step"] for r in rows] == list(range(1, STEPS + 1))
    assert all({"loss", "accuracy", "gradient_norm", "seconds"} <= set(r) for r in rows)
