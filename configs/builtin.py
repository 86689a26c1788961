"""Making the built-in model: procedural flow fields in, weights and a card out.

    python -m selfme_jax.main --config=builtin

Nothing is downloaded and no person is in it. With --config.data.root=DIR, a folder of
published flow images, the card says how it scores on them as it is; nothing is learned
from them. --config.builtin.making.* says how it is made.
"""

from selfme_jax.configs import base


def get_config():
    """The defaults with the task of making it."""
    config = base.get_config()
    config.task = "builtin"
    config.method = "builtin"
    config.input = "images"
    config.data.name = "flow_images"
    return config
