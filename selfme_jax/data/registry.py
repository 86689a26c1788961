"""Datasets by name."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from selfme_jax.data import flow_images
from selfme_jax.data.releases import prepared
from selfme_jax.data.synthetic import rendered
from selfme_jax.types import Dataset, UserError

LOADERS: dict[str, Callable[..., Dataset]] = {
    "flow_images": flow_images.load,
    "synthetic": rendered.load,
    **prepared.LOADERS,
}


def load(name: str, options: Mapping[str, Any]) -> Dataset:
    """Load the dataset ``name``, its loader called with ``options``.

    Raises:
        UserError: unknown name or option, or whatever the loader finds wrong.
    """
    if name not in LOADERS:
        raise UserError(f"unknown dataset {name!r}. Known: {', '.join(LOADERS)}.")
    known = inspect.signature(LOADERS[name]).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UserError(
            f"the dataset {name} has no option {', '.join(unknown)}. "
            f"Known: {', '.join(known)}."
        )
    return LOADERS[name](**options)
