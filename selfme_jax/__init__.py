"""Micro-expression recognition in JAX: SelfME and its peers, under one protocol."""

import importlib
from typing import Any

__version__ = "0.2.0"
__all__ = ["__version__", "load", "ops"]

# Public names, imported when they are first asked for: jax takes its time.
_LAZY = {"load": "selfme_jax.inference.bundle", "ops": "selfme_jax.ops"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    return getattr(module, name) if hasattr(module, name) else module


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
