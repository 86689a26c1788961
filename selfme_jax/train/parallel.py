"""The only code that knows devices, of this process and of a pod of processes.

Several runs: a run axis, by pmap over devices and vmap within one. Runs do not speak
to each other, so each process maps over its own devices alone, without collectives;
results are gathered where they are logged or saved (``FoldAxis``).

One run: its batch over all devices (``DataAxis``). Not by pmap: the partitioner splits
the program of one device, so that every draw, statistic and mean is over the whole
batch whatever the number of devices. Under pmap each device would draw for its own
part, and gradients would have to be averaged by hand (summed ones are as many times too
large as there are devices, and Adam hides it).

All that the rest of the package knows of either is ``Axis``. How an axis splits work
is its own business: other means (jit with shardings in the place of pmap) are another
class here, and ``axis`` gives it.

Process 0 alone writes; ``lead`` lets it go first where the others read what it wrote.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from selfme_jax.train.state import Task
from selfme_jax.types import UserError

T = TypeVar("T")


class AgreedError(UserError):
    """Bad input that one process of a pod met, and that all of them raise."""


Host = Any  # a pytree of numpy arrays, the same in all processes
Placed = Any  # one on the devices, as an axis placed it; others hand it on unread
# At level 0 values differ in the last bit, which Adam makes visible; at 1 they do not.
_HASTY = {"xla_backend_optimization_level": 1}


class Axis(Protocol):
    """How the devices of all processes take runs: a multiple of ``width`` at once."""

    width: int

    def task(self, task: Task) -> Task:
        """The task as this axis trains it, e.g. with its batches shared out."""

    def map(
        self,
        function: Callable,
        *,
        shared: int = 0,
        donate: bool = False,
        hasty: bool = False,
    ) -> Callable[..., Placed]:
        """Compile a pure function of one run for all runs that are placed.

        Args:
          function: arrays of one run, then ``shared`` that are the same for all -> a
            pytree of arrays.
          shared: how many of its last arguments are the same for all runs.
          donate: the first argument is given up, and its memory with it.
          hasty: compile fast, not to be fast, and for one shape only.

        Returns:
          The function of what ``split`` gives, and then of what ``share`` or ``feed``
          gives; its result is placed as by ``split``.
        """

    def split(self, tree: Host) -> Placed:
        """[runs, ...] onto the devices; runs are a multiple of the width."""

    def share(self, tree: Host) -> Placed:
        """Arrays without a run axis, where every run finds them."""

    def feed(self, tree: Host) -> Placed:
        """The same of the batch of one step: [batch, ...]."""

    def own(self, tree: Placed) -> Host:
        """[runs of this process, ...]: what it has of runs without asking others."""

    def gather(self, tree: Host) -> Host:
        """What ``own`` gave in each process -> [runs, ...] in all of them."""

    def merge(self, tree: Placed) -> Host:
        """[runs, ...] in all processes: undoes ``split``."""


def describe() -> str:
    """'2 x NVIDIA H200 (gpu)' for the first line a user sees."""
    first, processes = jax.local_devices()[0], jax.process_count()
    text = f"{jax.device_count()} x {first.device_kind} ({first.platform})"
    return text if processes == 1 else f"{text} of {processes} processes"


def process() -> int:
    """Number of this process; 0 writes."""
    return jax.process_index()


def processes() -> int:
    """How many there are in all."""
    return jax.process_count()


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
    """Call it in process 0, then in the others: what it prepares they find.

    Raises:
      AgreedError: one process raised a UserError; all do, with its words.
    """
    result, said = _attempt(function) if leads() else (None, "")
    _agree(said)  # the others wait here
    if leads():
        _agree("")
    else:
        result, said = _attempt(function)
        _agree(said)
    return cast(T, result)


def decide(value: bool) -> bool:
    """What process 0 found, in all processes."""
    return bool(everywhere(np.array([value]))[0, 0])


def everywhere(values: np.ndarray) -> np.ndarray:
    """[n] of each process -> [processes, n] in all of them."""
    return multihost_utils.process_allgather(values).reshape(-1, *np.shape(values))


def _attempt(function: Callable[[], T]) -> tuple[T | None, str]:
    """What it gives, or the words of its UserError."""
    if alone():
        return function(), ""
    try:
        return function(), ""
    except UserError as error:
        return None, str(error) or "bad input"


def _agree(said: str) -> None:
    """Raise in all processes what one of them has to say.

    Raises:
      AgreedError: one has.
    """
    if alone():
        return
    words = np.frombuffer(said.encode(), np.uint8)
    sizes = everywhere(np.array([len(words)]))[:, 0]
    if not sizes.any():
        return
    padded = np.zeros(sizes.max(), np.uint8)
    padded[: len(words)] = words
    number = int(np.argmax(sizes > 0))
    text = everywhere(padded)[number, : sizes[number]].tobytes().decode()
    who = f"worker {number} of {len(sizes)}: " if number else ""
    raise AgreedError(who + text)


def axis(runs: int) -> Axis:
    """What the devices share: the batch of a single run, or several runs."""
    return DataAxis() if runs == 1 else FoldAxis()


class FoldAxis:
    """Runs over the devices of all processes, placed as [devices, runs / devices]."""

    def __init__(self):
        self.width = jax.device_count()

    def task(self, task: Task) -> Task:
        """The task as it is: a run does not know of others."""
        return task

    def map(
        self,
        function: Callable,
        *,
        shared: int = 0,
        donate: bool = False,
        hasty: bool = False,
    ) -> Callable:
        """Over the devices by pmap, over the runs of one by vmap."""

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
        made = jax.pmap(mapped, donate_argnums=donated, devices=jax.local_devices())
        return compiled_in_haste(made) if hasty else made

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
    """The batch of one run over the devices of all processes: an ``Axis`` of width 1.

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
        self,
        function: Callable,
        *,
        shared: int = 0,
        donate: bool = False,
        hasty: bool = False,
    ) -> Callable:
        """By jit: the partitioner splits it as its batch lies."""
        del shared
        donated = (0,) if donate else ()
        made = jax.jit(function, out_shardings=self._whole, donate_argnums=donated)
        return compiled_in_haste(made) if hasty else made

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


def compiled_in_haste(mapped: Any) -> Callable:
    """A jitted or pmapped function, compiled fast.

    XLA on CPU optimises for half a minute how the weights of a big network are drawn,
    which then takes milliseconds.
    """
    if not on_cpu():
        return mapped
    made: list[Callable] = []

    def call(*args):
        if not made:
            made.append(mapped.lower(*args).compile(_HASTY))
        return made[0](*args)

    return call


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
