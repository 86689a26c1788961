"""SMIC-HS, 3 classes (164 clips, 16 folds): SelfME's motion and SCViT.

    python -m selfme_jax.prepare smic_hs --source=DIR
    python -m selfme_jax.main --config=smic_hs

or in one: --config.data.source=DIR. The paper reports UF1/UAR 0.6972/0.7012.
Time: not measured yet on a GPU, for which the full network is meant; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "smic_hs"
    return config
