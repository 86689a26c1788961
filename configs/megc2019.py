"""MEGC 2019, the composite of three datasets, 3 classes (442 clips, 68 folds).

SelfME's motion and SCViT on CASME II, SMIC-HS and SAMM.

    python -m selfme_jax.prepare megc2019 --source=DIR
    python -m selfme_jax.main --config=megc2019

or in one: --config.data.source=DIR. DIR holds the three releases.
The paper reports no score on the three; its average over CASME II and SMIC-HS is
0.8025/0.8151.
Time: not measured yet on a GPU, for which the full network is meant; for a CPU see
configs/casme2_small.py.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py, other data."""
    config = casme2.get_config()
    config.data.name = "megc2019"
    return config
