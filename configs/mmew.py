"""MMEW, 3 classes (234 clips, 30 people): SelfME's motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=mmew --output=release   # or apply
    python -m selfme_jax.prepare mmew --source=release
    python -m selfme_jax.main --config=mmew

Other classes: --config.data.classes=4 (263 clips), 6 (234), 7 (all 300), prepared
with the same --classes.
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "mmew"
    return config
