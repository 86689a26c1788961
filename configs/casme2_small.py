"""CASME II on a CPU: the small motion network of configs/synthetic.py, 64x64 frames.

    python -m selfme_jax.prepare casme2 --source=DIR --size=64 --data_dir=data/casme2_64
    python -m selfme_jax.main --config=configs/casme2_small.py

Another dataset: --config.data.name=smic_hs --config.data.root=data/smic_hs_64. For
TV-L1 in place of learned motion, minutes in all: --config.input=tvl1.
"""

from selfme_jax.configs import synthetic


def get_config():
    """configs/synthetic.py on frames of CASME II."""
    config = synthetic.get_config()
    config.data.name = "casme2"
    config.data.root = "data/casme2_64"
    return config
