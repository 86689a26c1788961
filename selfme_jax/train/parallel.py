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
        axes = (0,) * (len(args) - shared) + (None,) * shared
        return jax.vmap(function, in_axes=axes)(*args)

    return jax.pmap(mapped, donate_argnums=(0,) if donate else ())


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
