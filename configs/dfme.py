"""DFME, its training list, 3 classes (1856 clips, 176 folds): motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=dfme --output=release   # or apply
    python -m selfme_jax.prepare dfme --source=release
    python -m selfme_jax.main --config=dfme

The 7 classes: --config.data.classes=7, prepared with --classes=7. The makers' test
lists are --config.data.name=dfme_test_a and dfme_test_b, prepared by these names.
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "dfme"
    return config
