"""CAS(ME)^3, part A, 3 classes (699 clips, 88 folds): SelfME's motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=casme3 --output=release   # or apply
    python -m selfme_jax.prepare casme3 --source=release
    python -m selfme_jax.main --config=casme3

Other classes: --config.data.classes=4 (with others: 860 clips of 94 people), 7 (the
sheet's emotions), prepared with the same --classes. 30 frames/s: a rise has about 7.
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "casme3"
    return config
