"""Devices change nothing: eight virtual ones, real processes, other ones later."""

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from selfme_jax.systems import deep
from selfme_jax.train import parallel, preemption, schedule, step
from selfme_jax.train.log import Log, read
from selfme_jax.workdir import open_workdir

sys.path.insert(0, str(Path(__file__).parent))
import toy

WORKER = Path(__file__).parent / "pod_worker.py"
STEPS = 20


@pytest.fixture(scope="module", autouse=True)
def compiled_in_haste():
    """Most of the time goes into compiling; what is compiled is tiny."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def close(a, b, tolerance):
    jax.tree.map(partial(np.testing.assert_allclose, atol=tolerance), a, b)


def test_weights_drawn_in_haste_are_the_same_to_the_bit():
    traced = []
    jax.config.update("jax_disable_most_optimizations", False)  # as users have it

    def draw(seed):
        traced.append(seed)
        key = jax.random.key(seed)
        dense = nn.Dense(7).init(key, jnp.ones(5))
        conv = nn.Conv(3, (3, 3)).init(key, jnp.ones((1, 4, 4, 2)))
        return dense, conv, jax.random.truncated_normal(key, -2.0, 2.0, (50,))

    seeds = np.arange(16).reshape(8, 2)
    mapping = parallel.FoldAxis().map
    expected = mapping(draw)(seeds)
    traced.clear()
    hasty = mapping(draw, hasty=True)
    for _ in range(2):  # chunks have one shape: it is compiled once
        jax.tree.map(np.testing.assert_array_equal, hasty(seeds), expected)
    assert len(traced) <= 1
    other = hasty(seeds + 5)
    assert not np.array_equal(other[2], expected[2])
    jax.config.update("jax_disable_most_optimizations", True)


def one_run(batch=8):
    task, runs, _, data = toy.setting()

    def draw(key, data, run):
        return *deep.draw(key, data, run, size=batch, mirror=0.5), run.shares

    run = jax.tree.map(lambda x: x[3:4], runs)
    return task._replace(batch=draw), run, data


def trained(task, run, data, steps):
    """Without the engine, on one device."""
    run = jax.tree.map(lambda x: x[0], run)
    update = jax.jit(partial(step.update, task))
    state = step.init(task, run)
    for _ in range(steps):
        state, metrics = update(state, run, data)
    return state, metrics


def sharded(task, run, data, steps):
    """The batch over eight devices; the compiled step, too."""
    axis = parallel.axis(1)
    task = axis.task(task)
    args = axis.split(run), axis.share(data)
    state = axis.map(partial(step.init, task))(args[0])
    update = axis.map(partial(step.update, task), shared=1)
    update = update.lower(state, *args).compile()
    for _ in range(steps):
        state, metrics = update(state, *args)
    return state, metrics, update


@pytest.mark.parametrize("batch", [8, 12, 7])
def test_one_run_over_eight_devices_equals_one_device(batch, capsys):
    """Draws, dropout, batch statistics and means are those of the whole batch."""
    task, run, data = one_run(batch)
    expected, metrics = trained(task, run, data, STEPS)
    state, found, update = sharded(task, run, data, STEPS)
    close(state.params, expected.params, 1e-5)
    close(state.model_state, expected.model_state, 1e-4)
    close(found, metrics, 1e-4)
    # It was shared out: devices exchange something where their number allows it.
    assert ("all-reduce" in update.as_text()) == (batch != 7)
    told = {8: 0, 12: 1, 7: 1}[batch]
    assert capsys.readouterr().out.count(f"a batch of {batch} is shared by") == told


def test_gradients_over_eight_devices_are_not_eight_times_as_large():
    """By plain gradient descent: Adam would hide it."""
    task, run, data = one_run()
    task = task._replace(optimizer=optax.sgd(1.0), ema=0.0)
    start = step.init(task, jax.tree.map(lambda x: x[0], run))
    expected, metrics = trained(task, run, data, 1)
    state, found, _ = sharded(task, run, data, 1)
    gradient = jax.tree.map(np.subtract, start.params, expected.params)
    assert optax.tree.norm(gradient) > 0.1
    close(jax.tree.map(np.subtract, start.params, state.params), gradient, 1e-6)
    np.testing.assert_allclose(
        found["gradient_norm"], metrics["gradient_norm"], rtol=1e-5
    )


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """All runs, uninterrupted, on eight devices, two at once on each."""
    folder = tmp_path_factory.mktemp("several")
    return toy.fit(folder, Log(open_workdir(folder)), at_once=2)


class ShardedAxis:
    """An axis by other means than pmap: jit, and arrays that lie over a mesh."""

    def __init__(self):
        self.width = jax.device_count()
        mesh = jax.sharding.Mesh(jax.devices(), "runs")
        self._whole, self._over = (
            jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*names))
            for names in ((), ("runs",))
        )

    def task(self, task):
        return task

    def map(self, function, *, shared=0, donate=False, hasty=False):
        def mapped(*args):
            axes = (0,) * (len(args) - shared) + (None,) * shared
            return jax.vmap(function, in_axes=axes)(*args)

        donated = (0,) if donate else ()
        return jax.jit(mapped, out_shardings=self._over, donate_argnums=donated)

    def split(self, tree):
        return jax.device_put(tree, self._over)

    def share(self, tree):
        return jax.device_put(tree, self._whole)

    feed = share

    def own(self, tree):
        return jax.tree.map(np.asarray, tree)

    merge = own

    def gather(self, tree):
        return tree


def test_another_axis_is_enough_to_leave_pmap(several, monkeypatch, tmp_path):
    """The engine knows of devices what the protocol says, and nothing else."""
    axis: parallel.Axis = ShardedAxis()
    monkeypatch.setattr(parallel, "axis", lambda runs: axis)
    monkeypatch.setattr(jax, "pmap", None)
    found = toy.fit(tmp_path, Log(open_workdir(tmp_path)), at_once=2)
    close(found, several, 1e-4)
    close(found["params"], several["params"], 1e-5)


class Terminated(Log):
    """Gets a SIGTERM while the tenth step is logged."""

    def metrics(self, *args):
        super().metrics(*args)
        if args[2] == 10:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def handler():
    before = signal.getsignal(signal.SIGTERM)
    preemption.watch()
    yield
    signal.signal(signal.SIGTERM, before)
    preemption._ASKED.clear()


def stop_half_way(folder, **options):
    folder.mkdir(exist_ok=True)
    options |= {"log_every": 1, "save_seconds": 1000.0}
    with pytest.raises(preemption.PreemptedError, match="saved at step 10 of 20"):
        toy.fit(folder, Terminated(open_workdir(folder)), **options)
    preemption._ASKED.clear()


def test_sigterm_saves_and_fewer_devices_go_on(several, handler, tmp_path, capsys):
    stop_half_way(tmp_path, at_once=2)
    assert schedule.read(tmp_path / "checkpoints" / "toy") == [14]
    # Half the chunk at once: as on half the devices.
    found = toy.fit(tmp_path, Log(open_workdir(tmp_path)), runs_per_device=1)
    close(found, several, 1e-4)
    close(found["params"], several["params"], 1e-5)
    assert "resumed at step 10 of 20" in capsys.readouterr().out
    steps = [row["step"] for row in read(tmp_path / "metrics.jsonl")]
    assert steps == list(range(1, STEPS + 1))


def test_sigterm_saves_and_more_devices_go_on(several, handler, tmp_path):
    folder = tmp_path / "checkpoints" / "toy"
    folder.mkdir(parents=True)
    (folder / "chunks.json").write_text("[3]")  # begun on three devices
    stop_half_way(tmp_path)
    found = toy.fit(tmp_path, Log(open_workdir(tmp_path)))
    assert schedule.read(folder) == [3, 11]
    close(found["params"], several["params"], 1e-5)


def test_sigterm_stops_other_work_at_once(handler):
    with pytest.raises(preemption.PreemptedError):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()


def free_ports():
    """A port whose neighbour is free, too."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def named(number, count, port):
    """What a process is told by those who start it themselves."""
    return {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(number),
    }


def sliced(number, count, port):
    """What the machines of two TPU slices are told by Google Cloud."""
    each = count // 2
    return {
        "SELFME_POD": "auto",
        "SELFME_SLICES": "2",
        "JAX_FORCE_TPU_INIT": "1",  # as if this were a TPU VM
        "JAX_PLATFORMS": "cpu",
        "JAX_COORDINATOR_PORT": str(port),
        "TPU_WORKER_HOSTNAMES": ",".join(["127.0.0.1"] * each),
        "TPU_WORKER_ID": str(number % each),
        "MEGASCALE_COORDINATOR_ADDRESS": "127.0.0.1:8080",
        "MEGASCALE_NUM_SLICES": "2",
        "MEGASCALE_SLICE_ID": str(number // each),
    }


def run_pod(count, devices, folder, told=named):
    """``count`` processes with so many devices each; what each of them found."""
    port = free_ports()
    workers = []
    for number in range(count):
        own = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {
            **told(number, count, port),
            "JAX_NUM_CPU_DEVICES": str(devices),
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        }
        command = [sys.executable, str(WORKER), str(folder)]
        with (folder / f"worker{number}.txt").open("w") as file:
            worker = subprocess.Popen(command, env=own, stdout=file, stderr=file)
        workers.append(worker)
    for number, worker in enumerate(workers):
        code = worker.wait(timeout=280)
        assert code == 0, (folder / f"worker{number}.txt").read_text()
    return [np.load(folder / f"worker{number}.npz") for number in range(count)]


@pytest.mark.parametrize(("count", "devices", "told"), [(2, 4, named), (4, 1, sliced)])
def test_processes_change_nothing(count, devices, told, several, handler, tmp_path):
    """Several runs; one run, whose batch they share; runs that eight devices began."""
    stop_half_way(tmp_path / "begun")
    found = run_pod(count, devices, tmp_path, told)
    task, run, data = one_run()
    state, _ = trained(task, run, data, STEPS)
    one = step.variables(task, state)["params"]
    for worker in found:
        for name, params in (
            ("several", several["params"]),
            ("begun", several["params"]),
            ("one", jax.tree.map(lambda x: x[None], one)),
        ):
            for path, leaf in jax.tree_util.tree_leaves_with_path(params):
                key = f"{name}['params']{jax.tree_util.keystr(path)}"
                np.testing.assert_allclose(worker[key], leaf, atol=1e-4)
        told = ["no file in "]
        told += [
            f"worker {k} of {count}: no file in {'x' * k}" for k in range(1, count)
        ]
        assert worker["agreed"].tolist() == told  # in every process, whoever met it
        assert worker["decided"]
    said = (tmp_path / "worker0.txt").read_text()
    assert "resumed at step 10 of 20" in said
    assert "resumed" not in (tmp_path / "worker1.txt").read_text()
    rows = read(tmp_path / "several" / "metrics.jsonl")
    assert {row["step"] for row in rows} == set(range(1, STEPS + 1))
