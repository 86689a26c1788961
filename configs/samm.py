"""SAMM, 3 classes (133 clips, 28 folds): SelfME's motion and SCViT.

    python -m selfme_jax.prepare samm --source=DIR
    python -m selfme_jax.main --config=samm

or in one: --config.data.source=DIR. The 5 classes: --config.data.classes=5
(prepared with --classes=5). The paper reports no score on SAMM.
Time: not measured yet on a GPU, for which the full network is meant; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "samm"
    return config
