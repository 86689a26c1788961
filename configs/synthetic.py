"""Both stages on procedural faces: no data needed, minutes on 2 cores.

    python -m selfme_jax.main --config=configs/synthetic.py

Motion is learned per fold, by a small network on small frames; SCViT reads it.
"""

from configs import base


def get_config():
    """The defaults, with a motion network for 64x64 frames."""
    config = base.get_config()
    config.input = "learned"
    config.data.name = "synthetic"
    config.synthetic.size = 64

    network = config.motion.network
    network.smoothness = 0.003
    network.tracking = 0.6
    network.keypoint_width = 16
    network.keypoint_blocks = (1, 1, 1)
    network.dense_width = 16
    network.dense_depth = 3
    network.max_width = 64
    network.compare = True
    network.refinement = 2
    network.generator_width = 8
    network.generator_down = 2
    network.generator_blocks = 1
    # Motion of half a pixel changes a frame less than sensor noise and light do.
    loss = config.motion.loss
    loss.reconstruction = 0.2
    loss.charbonnier = 100.0
    loss.epsilon = 0.01
    loss.scales = 1
    loss.light_blocks = 8
    loss.blur = 0.8
    loss.equivariance = 0.02
    loss.smoothness = 0.3
    config.motion.train.steps = 100
    config.motion.train.batch_size = 8
    config.motion.train.learning_rate = 1e-3
    config.motion.train.dropout = 0.0

    # TCAE: two to three minutes a network. Frames with next to no motion between them,
    # of which the curriculum takes the half with least, teach it nothing.
    learning = config.tcae.learning
    learning.network.size = 64
    learning.network.shrink = 8
    learning.network.start = 0.1
    learning.train.steps = 800
    learning.train.batch_size = 8
    learning.train.learning_rate = 2e-3
    learning.train.onset_apex = 1.0

    config.flow.centre = True  # takes head motion away
    return config
