"""The motion network that comes with the package: procedural people, nobody's face.

    python -m selfme_jax.main --config=builtin_motion

Minutes on 2 cores. --config.motion.init=builtin starts from what it made, or uses it as
it is (docs/motion.md).
"""

from selfme_jax.configs import networks, synthetic_pretraining


def get_config():
    """The network of configs/casme2_small.py on 128x128 frames."""
    config = synthetic_pretraining.get_config()
    networks.fitted(config)
    config.synthetic.size = 128
    config.motion.train.steps = 100
    return config
