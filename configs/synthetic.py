"""Both stages on procedural faces: no data needed, minutes on 2 cores.

    python -m selfme_jax.main --config=configs/synthetic.py

Motion is learned per fold on small frames by a small network, then SCViT reads it.
"""

from configs import base


def get_config():
    """The defaults, with a motion network for 64x64 frames."""
    config = base.get_config()
    config.input = "learned"
    config.data.name = "synthetic"
    config.synthetic.size = 64
    return config
