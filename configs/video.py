"""Motion learned from face videos without labels: the full network, for a GPU or TPU.

    python -m selfme_jax.prepare video --source=DIR --data_dir=data/video
    python -m selfme_jax.main --config=video --config.data.root=data/video

DIR holds videos or folders of frames. Recognition then starts from what was learned:
--config.motion.init=runs/video, with --config.motion.scope=pretrained to use it as it
is, or per_fold to train on from it. configs/video_small.py is for a CPU.
"""

from selfme_jax.configs import base, networks


def get_config():
    """The defaults, with losses and pairs for talking and moving heads."""
    config = base.get_config()
    config.task = "pretraining"
    config.data.name = "video"
    config.pretraining.holdout = 0.25

    networks.full(config)
    networks.fitted(config)
    loss = config.motion.loss
    loss.charbonnier = 1.0
    loss.epsilon = 1e-2
    loss.ssim = 0.1
    loss.equivariance = 0.1
    loss.smoothness = 0.002
    train = config.motion.train
    train.steps = 20000
    train.ema = 0.999
    return config
