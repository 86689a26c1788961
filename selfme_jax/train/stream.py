"""The data of each step: what stays on the devices, or a host batch a step."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from selfme_jax.train.parallel import Axis


class Stream(NamedTuple):
    """Data that do not fit a device: a host batch a step instead.

    batches: (first step, end) -> iterator of one pytree of arrays a step. What a
      step gets must depend on its number alone: a resumed run sees the same.
    resident: arrays that stay on the device beside them; a step's data are the pair
      (batch, resident).
    """

    batches: Callable[[int, int], Iterator[Any]]
    resident: Any = ()


def feed(data: Any, axis: Axis, start: int, stop: int) -> Iterator[Any]:
    """The data of each step from ``start`` on, where ``axis`` has them.

    Other data than a stream are there already.
    """
    if isinstance(data, Stream):
        resident = axis.share(data.resident)
        for batch in data.batches(start, stop):
            yield axis.feed(batch), resident
    else:
        yield from itertools.repeat(data, stop - start)
