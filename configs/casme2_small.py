r"""CASME II on a CPU: the small motion network, 128x128 frames.

    python -m selfme_jax.prepare casme2 --source=DIR --size=128 \
        --data_dir=data/casme2_128
    python -m selfme_jax.main --config=casme2_small

Another dataset: --config.data.name=smic_hs --config.data.root=data/smic_hs_128. For
TV-L1 in place of learned motion, minutes in all: --config.input=tvl1.
"""

from selfme_jax.configs import synthetic


def get_config():
    """configs/synthetic.py on frames of CASME II."""
    config = synthetic.get_config()
    config.data.name = "casme2"
    config.data.root = "data/casme2_128"
    config.motion.frame_size = 128
    config.flow.scale = 5.0  # synthetic's 10 is for 64x64 frames: half the pixels
    return config
