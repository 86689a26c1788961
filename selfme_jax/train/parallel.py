"""The only code that knows devices: runs over devices (pmap) and within (vmap)."""

from collections.abc import Callable

import jax
import numpy as np


def devices() -> int:
    """Devices of this process."""
    return jax.local_device_count()


def describe() -> str:
    """'2 x NVIDIA H200 (gpu)' for the first line a user sees."""
    first = jax.local_devices()[0]
    return f"{devices()} x {first.device_kind} ({first.platform})"


def map_runs(function: Callable, *, shared: int = 0, donate: bool = False) -> Callable:
    """Map a function of one run over [devices, runs per device, ...] arguments.

    The last ``shared`` arguments are the same for all runs of a device and carry
    the device axis only (see ``replicate``). ``donate`` gives up the first argument.
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

    return jax.pmap(mapped, donate_argnums=(0,) if donate else ())


def hasty(mapped: Callable) -> Callable:
    """What ``map_runs`` gave, compiled fast, not to be fast; for one shape.

    XLA on CPU optimises for half a minute how the weights of a big network are drawn,
    which then takes milliseconds.
    """
    if jax.default_backend() != "cpu":
        return mapped

    made: list[Callable] = []

    def call(*args):
        if not made:
            made.append(mapped.lower(*args).compile(_HASTY))
        return made[0](*args)

    return call


# At level 0 values differ in the last bit, which Adam makes visible; at 1 they do not.
_HASTY = {"xla_backend_optimization_level": 1}


def split(tree: object) -> object:
    """[runs, ...] -> [devices, runs / devices, ...]; runs divide by the devices."""
    count = devices()
    return jax.tree.map(
        lambda x: np.asarray(x).reshape(count, -1, *np.shape(x)[1:]), tree
    )


def merge(tree: object) -> object:
    """[devices, runs / devices, ...] -> host arrays [runs, ...]."""
    return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), tree)


def replicate(tree: object) -> object:
    """A copy of every array on each device, with a leading device axis."""
    copy = jax.pmap(lambda _, x: x, in_axes=(0, None))
    return copy(np.arange(devices()), tree)
