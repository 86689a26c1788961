"""Motion learned from face videos, by a small network on 128x128 crops.

    python -m selfme_jax.prepare video --source=DIR --data_dir=data/video --size=128
    python -m selfme_jax.main --config=video_small \
        --config.data.root=data/video

Minutes on 2 cores.
"""

from selfme_jax.configs import networks, video


def get_config():
    """configs/video.py, narrower and shorter."""
    config = video.get_config()
    networks.small(config)
    config.motion.frame_size = 128
    config.motion.loss.ssim = 0.0  # its windows cost as much as the network here
    train = config.motion.train
    train.steps = 600
    train.batch_size = 4
    train.learning_rate = 1e-3
    train.dropout = 0.1
    train.ema = 0.98
    return config
