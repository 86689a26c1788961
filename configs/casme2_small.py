r"""CASME II on a CPU: the small motion network, 128x128 frames.

    python -m selfme_jax.prepare casme2 --source=DIR --size=128 \
        --data_dir=data/casme2_128
    python -m selfme_jax.main --config=casme2_small

Another dataset: --config.data.name=smic_hs --config.data.root=data/smic_hs_128.
A motion network for each fold takes 3 minutes at 64x64 on two cores, 10 at 128x128 (24
folds); without training one, --config.motion.init=builtin
--config.motion.scope=pretrained or --config.input=registered, a minute or two in all,
and no worse. On real faces that move by CASME II's published flow (docs/motion.md)
SCViT's UF1/UAR, 5 seeds (of the networks per fold 3):

                          64x64          128x128
    a network per fold    0.859/0.883    0.854/0.880
    the built-in network  0.874/0.904    0.857/0.883
    registered            0.869/0.898    0.864/0.890
    tvl1                  0.799/0.814    0.812/0.841

For frames of 64x64: --config.flow.scale=10 --config.motion.frame_size=64.
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
