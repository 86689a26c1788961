"""CAS(ME)^3, part C, 3 classes (145 clips): SelfME's motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=casme3c --output=release   # or apply
    python -m selfme_jax.prepare casme3c --source=release
    python -m selfme_jax.main --config=casme3c

Other classes: --config.data.classes=4 (with others: 165 clips of 30 people), prepared
with --classes=4. There is no annotated apex: it is estimated by motion.
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "casme3c"
    return config
