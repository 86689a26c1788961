"""configs/flow_images.py with every published network small enough for 2 CPU cores.

    JAX_NUM_CPU_DEVICES=2 python -m selfme_jax.tables --table=sota \
        --config=flow_images_small --config.data.root=DIR

OFF-ApexNet, Dual-Inception, FeatRef and STSTNet have their published sizes; HTNet,
MMNet, VGG16, GoogLeNet and CapsuleNet a fraction of theirs. All are trained for a
fraction of the published epochs, at a higher rate; nothing was tuned.
"""

from selfme_jax.configs import flow_images


def get_config():
    """The published flow images, with small networks and short training."""
    config = flow_images.get_config()
    config.htnet.model.width = 64  # published: 256
    config.vgg16.model.size = 56  # 224
    config.vgg16.model.hidden = 256  # 4096
    config.vgg16.model.shrink = 8
    config.googlenet.model.size = 64  # 224
    config.googlenet.model.shrink = 4
    config.mmnet.model.size = 64  # 224
    config.mmnet.model.shrink = 4
    config.capsulenet.model.size = 64  # 224
    config.capsulenet.model.kernel = 3  # 9, of 14x14 places, where these have 4x4
    config.capsulenet.model.shrink = 4
    light = ("dual_inception", "featref", "htnet", "mmnet")
    for name in (*light, "vgg16", "googlenet", "capsulenet"):
        config[name].train.epochs = 15.0
        config[name].train.batch_size = 32
        config[name].train.learning_rate = 1e-3
    return config
