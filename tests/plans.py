"""Plans of configs, as the command makes them."""

from selfme_jax.run.config import Source


def plan(config, **changes):
    """The plan of a ConfigDict, with keys changed: a__b for a.b."""
    return Source(config, "test").plan(
        {key.replace("__", "."): value for key, value in changes.items()}
    )
