"""CASME, 3 classes (111 clips): SelfME's motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=casme --output=release   # or apply
    python -m selfme_jax.prepare casme --source=release
    python -m selfme_jax.main --config=casme

Other classes: --config.data.classes=4 (172 clips: tense, disgust, repression,
surprise), 8 (all 189), prepared with the same --classes. 3 holds 7 positive clips.
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "casme"
    return config
