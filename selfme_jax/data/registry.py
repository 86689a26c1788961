"""Datasets by name."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from selfme_jax.data import flow_images
from selfme_jax.data.releases import prepared, several
from selfme_jax.data.synthetic import rendered
from selfme_jax.types import Dataset, UserError

LOADERS: dict[str, Callable[..., Dataset]] = {
    "flow_images": flow_images.load,
    "synthetic": rendered.load,
    **prepared.LOADERS,
}


def load(name: str, options: Mapping[str, Any]) -> Dataset:
    """Load the dataset ``name``, its loader called with ``options``.

    Args:
        name: of LOADERS; or official ones, joined by + ('casme2+samm').
        options: arguments of its loader.

    Raises:
        UserError: unknown name or option, or whatever the loader finds wrong.
    """
    loader = LOADERS.get(name)
    if loader is None and several.JOINED in name:
        loader = functools.partial(several.load, name)
    if loader is None:
        raise UserError(
            f"unknown dataset {name!r}. Known: {', '.join(LOADERS)}, and official ones "
            "joined by + (casme2+samm)."
        )
    known = inspect.signature(loader).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UserError(
            f"the dataset {name} has no option {', '.join(unknown)}. "
            f"Known: {', '.join(known)}."
        )
    return loader(**options)
