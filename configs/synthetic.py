"""Both stages on procedural faces: no data needed, minutes on 2 cores.

    python -m selfme_jax.main --config=synthetic

Motion is learned per fold, by a small network on small frames; SCViT reads it.
"""

from selfme_jax.configs import base, networks


def get_config():
    """The defaults, with a motion network for 64x64 frames."""
    config = base.get_config()
    config.input = "learned"
    config.data.name = "synthetic"
    config.synthetic.size = 64

    networks.small(config)
    networks.subtle(config)
    config.motion.train.steps = 100
    config.motion.train.batch_size = 8
    config.motion.train.learning_rate = 1e-3

    config.flow.centre = True  # takes head motion away
    # A tenth of a pixel is what such frames move by: motion has to be as large as the
    # initial positions, or transformers hardly see it. Chosen on 64 other people.
    config.flow.scale = 10.0
    for method in ("scvit", "vit"):  # 48 clips: batches as large as all are a waste
        config[method].train.batch_size = 32
        config[method].train.steps = 100
        config[method].train.learning_rate = 2e-3
    # TCAE: half a minute a network on one core. Frames with next to no motion between
    # them, of which the curriculum takes the half with least, teach it nothing. Its
    # motion here is no better than none (error 0.356 px, no motion 0.356), and after
    # 800 steps little (0.352): the published L1 sees noise before such small motion.
    learning = config.tcae.learning
    learning.network.size = 64
    learning.network.shrink = 8
    learning.network.start = 0.1
    learning.train.steps = 60
    learning.train.batch_size = 8
    learning.train.learning_rate = 2e-3
    learning.train.onset_apex = 1.0
    _reduced(config)
    return config


def _reduced(config):
    """The published networks a fraction of their size and training, for 2 cores.

    Their scores here are of these small ones, from scratch, on synthetic faces: they
    show that everything runs, not which system is better.
    """
    config.off_apexnet.model.hidden = 128
    config.dual_inception.model.hidden = 64
    config.featref.model.hidden = 64
    config.featref.model.specific = 32
    config.htnet.model.width = 24
    config.htnet.model.repeats = (1, 1, 2)
    config.vgg16.model.size = 32
    config.vgg16.model.hidden = 64
    config.googlenet.model.size = 64
    config.capsulenet.model.size = 64
    config.capsulenet.model.kernel = 3
    config.mmnet.model.size = 64
    for name in ("vgg16", "googlenet", "capsulenet", "mmnet"):
        config[name].model.shrink = 8
    small = {"ststnet": (60, 32), "htnet": (60, 32), "tcae": (100, 32)}
    small |= {"off_apexnet": (40, 32), "dual_inception": (30, 16), "featref": (30, 16)}
    small |= {"vgg16": (60, 16), "googlenet": (40, 16), "capsulenet": (40, 16)}
    small |= {"mmnet": (40, 16)}
    for name, (steps, batch_size) in small.items():
        config[name].train.epochs, config[name].train.steps = 0.0, steps
        config[name].train.batch_size = batch_size
        config[name].train.learning_rate = 1e-3
    config.ststnet.train.learning_rate = 3e-3  # 1651 weights
