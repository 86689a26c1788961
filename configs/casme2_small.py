r"""CASME II on a CPU: the small motion network, 128x128 frames.

    python -m selfme_jax.prepare casme2 --source=DIR --size=128 \
        --data_dir=data/casme2_128
    python -m selfme_jax.main --config=casme2_small

Another dataset: --config.data.name=smic_hs --config.data.root=data/smic_hs_128.
Minutes in all, as nothing is learned of motion: --config.input=registered or tvl1. On
real faces that move by CASME II's published flow (docs/motion.md) SCViT has UF1/UAR
0.861/0.882 by the first, 5 minutes on a core, and 0.814/0.843 by the second.
"""

from selfme_jax.configs import networks, synthetic


def get_config():
    """configs/synthetic.py on frames of CASME II."""
    config = synthetic.get_config()
    config.data.name = "casme2"
    config.data.root = "data/casme2_128"
    networks.fitted(config)
    config.motion.frame_size = 128
    config.motion.train.steps = 30  # it begins with a good motion
    config.flow.scale = 5.0  # synthetic's 10 is for 64x64 frames: half the pixels
    return config
