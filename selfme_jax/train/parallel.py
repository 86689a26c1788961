"""The only code that knows devices, of this process and of a pod of processes.

Several runs: a run axis, by pmap over devices and vmap within one. Runs do not speak
to each other, so each process maps over its own devices alone, without collectives;
results are gathered where they are logged or saved (``FoldAxis``).

One run: its batch over all devices (``DataAxis``). Not by pmap: the partitioner splits
the program of one device, so that every draw, statistic and mean is over the whole
batch whatever the number of devices. Under pmap each device would draw for its own
part, and gradients would have to be averaged by hand (summed ones are as many times too
large as there are devices, and Adam hides it).

Process 0 alone writes; ``lead`` lets it go first where the others read what it wrote.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from selfme_jax.train.state import Task

T = TypeVar("T")


def describe() -> str:
    """'2 x NVIDIA H200 (gpu)' for the first line a user sees."""
    first, processes = jax.local_devices()[0], jax.process_count()
    text = f"{jax.device_count()} x {first.device_kind} ({first.platform})"
    return text if processes == 1 else f"{text} of {processes} processes"


def process() -> int:
    """Number of this process; 0 writes."""
    return jax.process_index()


def leads() -> bool:
    """Whether this process writes: the only one, or the first one of a pod."""
    return process() == 0


def on_cpu() -> bool:
    """Whether XLA compiles for CPU, which has habits of its own."""
    return jax.default_backend() == "cpu"


def alone() -> bool:
    """Whether there are no other processes."""
    return jax.process_count() == 1


def lead(function: Callable[[], T]) -> T:
    """Call it in process 0, then in the others: what it prepares they find."""
    result = function() if leads() else None
    everywhere(np.zeros(1))  # they wait here
    return result if leads() else function()


def everywhere(values: np.ndarray) -> np.ndarray:
    """[n] of each process -> [processes, n] in all of them."""
    return multihost_utils.process_allgather(values).reshape(-1, *np.shape(values))


def axis(runs: int) -> "FoldAxis | DataAxis":
    """What the devices share: the batch of a single run, or several runs."""
    return DataAxis() if runs == 1 else FoldAxis()


class FoldAxis:
    """Runs over the devices of all processes. width: runs side by side."""

    def __init__(self):
        self.width = jax.device_count()

    def task(self, task: Task) -> Task:
        """The task as it is: a run does not know of others."""
        return task

    def map(
        self, function: Callable, *, shared: int = 0, donate: bool = False
    ) -> Callable:
        """Map a function of one run over what ``split`` gives.

        The last ``shared`` arguments are the same for all runs: what ``share`` gives.
        ``donate`` gives up the first argument.
        """

        def mapped(*args):
            own = len(args) - shared
            if len(jax.tree.leaves(args[0])[0]) == 1:
                # One run: no vmap, which would make grouped convolutions of its
                # convolutions, several times slower on CPU.
                single = jax.tree.map(lambda x: x[0], args[:own])
                result = function(*single, *args[own:])
                return jax.tree.map(lambda x: x[None], result)
            axes = (0,) * own + (None,) * shared
            return jax.vmap(function, in_axes=axes)(*args)

        donated = (0,) if donate else ()
        return jax.pmap(mapped, donate_argnums=donated, devices=jax.local_devices())

    def split(self, tree: Any) -> Any:
        """[runs, ...] -> this process's [devices, runs / devices, ...].

        The same arrays in all processes; runs divide by the width.
        """
        local = jax.local_device_count()
        start = process() * local

        def one(x):
            x = np.asarray(x).reshape(self.width, -1, *np.shape(x)[1:])
            return x[start : start + local]

        return jax.tree.map(one, tree)

    def own(self, tree: Any) -> Any:
        """[devices, runs / devices, ...] -> host [runs of this process, ...]."""
        return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), tree)

    def gather(self, tree: Any) -> Any:
        """Host [runs of this process, ...] -> [runs, ...] in all processes."""
        return tree if alone() else multihost_utils.process_allgather(tree, tiled=True)

    def merge(self, tree: Any) -> Any:
        """What ``split`` split, on the host of every process."""
        return self.gather(self.own(tree))

    def share(self, tree: Any) -> Any:
        """A copy of every array on each device, with a leading device axis."""
        copy = jax.pmap(lambda _, x: x, in_axes=(0, None), devices=jax.local_devices())
        return copy(np.arange(jax.local_device_count()), tree)

    feed = share


class DataAxis:
    """The batch of one run over the devices of all processes; same methods.

    All else is kept on every device. As many devices share a batch as divide it.
    """

    width = 1

    def __init__(self):
        # An axis for each prime factor: any share of the devices can be named.
        factors = _factors(jax.device_count())
        names = tuple(f"data{i}" for i in range(len(factors)))
        self._mesh = Mesh(np.reshape(jax.devices(), factors), names)
        self._whole = NamedSharding(self._mesh, PartitionSpec())
        self._told = False

    def task(self, task: Task) -> Task:
        """The same task, whose batch lies over the devices."""

        def batch(*args):
            made = task.batch(*args)
            size = len(jax.tree.leaves(made)[0])
            self._tell(size)

            def place(x):  # weights travel with a batch, too
                if not x.ndim or len(x) != size:
                    return x
                return jax.lax.with_sharding_constraint(x, self._over(size))

            return jax.tree.map(place, made)

        return task._replace(batch=batch)

    def map(
        self, function: Callable, *, shared: int = 0, donate: bool = False
    ) -> Callable:
        """Compile a function of one run."""
        del shared
        donated = (0,) if donate else ()
        return jax.jit(function, out_shardings=self._whole, donate_argnums=donated)

    def split(self, tree: Any) -> Any:
        """[1, ...] -> the run, on every device."""
        return self.share(jax.tree.map(lambda x: np.asarray(x)[0], tree))

    def own(self, tree: Any) -> Any:
        """A run -> host [1, ...]."""
        return jax.tree.map(lambda x: np.asarray(x)[None], tree)

    def gather(self, tree: Any) -> Any:
        """Every process has it already."""
        return tree

    merge = own

    def share(self, tree: Any) -> Any:
        """Every array on each device."""
        return jax.tree.map(lambda x: _put(np.asarray(x), self._whole), tree)

    def feed(self, tree: Any) -> Any:
        """A host batch, each device its part."""
        return jax.tree.map(lambda x: _put(x, self._over(len(x))), tree)

    def devices(self, batch: int) -> int:
        """How many devices share a batch of that size."""
        return math.gcd(batch, self._mesh.size)

    def _tell(self, batch: int) -> None:
        """Say once where devices are left idle or do the same as others."""
        used, there = self.devices(batch), self._mesh.size
        if used < there and not self._told:
            print(
                f"a batch of {batch} is shared by {used} of {there} devices: take a "
                f"batch_size that {there} divides to use them all",
                flush=True,
            )
        self._told = True

    def _over(self, batch: int) -> NamedSharding:
        names, parts = [], 1
        for name, size in self._mesh.shape.items():
            if batch % (parts * size) == 0:
                names.append(name)
                parts *= size
        return NamedSharding(self._mesh, PartitionSpec(tuple(names)))


def _put(x: np.ndarray, sharding: NamedSharding) -> jax.Array:
    """A host array that every process has, where the sharding wants it."""
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def _factors(n: int) -> tuple[int, ...]:
    """Prime factors, ascending: 12 -> (2, 2, 3), 1 -> (1,)."""
    found = []
    for p in range(2, n + 1):
        while n % p == 0:
            found.append(p)
            n //= p
    return tuple(found) or (1,)
