"""4DME, the clips of one emotion in 3 classes: SelfME's motion and SCViT.

    python -m selfme_jax.prepare synthetic --as=fourdme --output=release   # or apply
    python -m selfme_jax.prepare fourdme --source=release
    python -m selfme_jax.main --config=fourdme

The 5 classes: --config.data.classes=5, prepared with --classes=5. How many clips they
should have no source says; all are 267 (--classes=0).
No paper reports SelfME on it. Time: not measured; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "fourdme"
    return config
