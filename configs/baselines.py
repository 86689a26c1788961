"""Every key of the systems that SelfME is compared with, once; part of base.py."""

from ml_collections import ConfigDict


def add(config: ConfigDict) -> None:
    """Add the keys of all of them; what is published is in selfme_jax/baselines."""
    # Liong et al. 2019, the authors' PyTorch recipe.
    config.ststnet = _baseline(epochs=800.0, batch_size=256, learning_rate=5e-5)
    config.ststnet.weights = ""  # published fold weights (.npz): score, do not train
    config.ststnet.model.dropout = 0.5

    # Gan et al. 2019; rate, epochs and batch of a re-implementation.
    config.off_apexnet = _baseline(epochs=3000.0, batch_size=64, learning_rate=1e-4)
    config.off_apexnet.model.dropout = 0.5
    config.off_apexnet.model.size = 28  # side that the flow is resized to
    config.off_apexnet.model.hidden = 1024  # width of the fully connected layers

    # Zhou et al. 2019, the authors' code.
    config.dual_inception = _baseline(epochs=40.0, batch_size=3, learning_rate=1e-4)
    config.dual_inception.model.dropout = 0.0
    config.dual_inception.model.size = 28
    config.dual_inception.model.hidden = 1024

    # Sizes as in the STSTNet paper; how it trained them is unknown: our choice. With
    # ImageNet weights the flow is read as a photograph, whatever config.flow says.
    config.vgg16 = _baseline(epochs=50.0, batch_size=32, learning_rate=1e-4)
    config.vgg16.weights = ""  # ImageNet, safetensors; '' = from scratch
    config.vgg16.model.dropout = 0.5
    config.vgg16.model.size = 224
    config.vgg16.model.hidden = 4096
    config.vgg16.model.shrink = 1  # divides the number of filters
    config.googlenet = _baseline(epochs=50.0, batch_size=32, learning_rate=1e-4)
    config.googlenet.weights = ""
    config.googlenet.model.dropout = 0.4
    config.googlenet.model.size = 224
    config.googlenet.model.shrink = 1

    # Wang et al. 2024, the authors' code.
    config.htnet = _baseline(epochs=800.0, batch_size=256, learning_rate=5e-5)
    config.htnet.model.dropout = 0.0
    config.htnet.model.size = 28
    config.htnet.model.patch = 7
    config.htnet.model.width = 256  # of the first level; doubles, as do the heads
    config.htnet.model.heads = 3
    config.htnet.model.repeats = (2, 2, 10)  # transformer blocks of each level

    # Van Quang et al. 2019, the authors' code; here it reads flow.
    config.capsulenet = _baseline(epochs=30.0, batch_size=32, learning_rate=1e-4)
    config.capsulenet.weights = ""  # ImageNet, a ResNet-18
    config.capsulenet.model.size = 224
    config.capsulenet.model.kernel = 9
    config.capsulenet.model.shrink = 1
    config.capsulenet.loss = ConfigDict({"present": 0.99, "absent": 0.01})
    config.capsulenet.loss.weight = 0.5  # of the absent classes
    config.capsulenet.train.decay = "cosine"  # published: by 0.9 an epoch
    config.capsulenet.train.balance = 1.0
    config.capsulenet.train.mirror = 0.5

    # Zhou et al. 2022, a reconstruction; how it was trained is unknown: our choice.
    config.featref = _baseline(epochs=50.0, batch_size=32, learning_rate=1e-4)
    config.featref.model.dropout = 0.0
    config.featref.model.size = 28
    config.featref.model.hidden = 1024  # width of the shared features
    config.featref.model.specific = 256  # width of the features of a class
    config.featref.loss.proposal = 1.0  # lambda

    _tcae(config)
    _classic(config)


def _tcae(config: ConfigDict) -> None:
    """TCAE + FC (Li et al. 2019), and the self-supervised stage below it."""
    # Of the layer that reads the features: our choice.
    config.tcae = _baseline(epochs=50.0, batch_size=32, learning_rate=1e-3)
    stage = config.tcae.learning = ConfigDict()
    stage.network = ConfigDict()
    stage.network.size = 256  # side that frames are resized to, a power of two
    stage.network.shrink = 1  # divides the number of filters
    stage.network.start = 1.0  # of the decoders' last layers; small: little motion
    stage.loss = ConfigDict()  # weights, as published
    stage.loss.reconstruction = 10.0
    stage.loss.feature = 1.0
    stage.loss.cycle = 1.0
    stage.loss.magnitude = 0.1  # of the expression's motion
    stage.train = ConfigDict()
    stage.train.steps = 20000
    stage.train.batch_size = 64  # pairs, as published
    stage.train.learning_rate = 1e-3  # Adam's; published: SGD, momentum 0.9, 1e-3
    stage.train.warmup = 0.05
    stage.train.decay = "cosine"
    stage.train.weight_decay = 0.0
    stage.train.clip = 1.0
    stage.train.onset_apex = 0.5  # as in config.motion.train
    stage.train.mirror = 0.5


def _classic(config: ConfigDict) -> None:
    """Descriptors with a linear SVM; what is published is in selfme_jax/baselines."""
    for name in ("lbp_top", "bi_woof"):
        config[name] = ConfigDict()
        config[name].model = ConfigDict()
        config[name].model.blocks = (5, 5)  # rows, columns
        config[name].svm = ConfigDict()
        # C, chosen on training subjects; 1 and 10000 are what publications give.
        config[name].svm.costs = (1.0, 10.0, 100.0, 1000.0, 10000.0)
        config[name].svm.balance = 1.0  # errors weigh (size of the class) ** -balance
    config.lbp_top.model.radii = (1, 1, 4)  # x and y in pixels, t in frames
    config.lbp_top.model.frames = 0  # of a clip, by interpolation (TIM); 0 = its own


def _baseline(*, epochs: float, batch_size: int, learning_rate: float) -> ConfigDict:
    """Adam at a constant rate, plain cross-entropy, samples as they come."""
    config = ConfigDict()
    config.model = ConfigDict()
    config.loss = ConfigDict({"smoothing": 0.0})
    config.train = ConfigDict()
    config.train.epochs = epochs
    config.train.steps = 0
    config.train.batch_size = batch_size
    config.train.learning_rate = learning_rate
    config.train.warmup = 0.0
    config.train.decay = "constant"
    config.train.weight_decay = 0.0
    config.train.clip = 0.0
    config.train.balance = 0.0
    config.train.ema = 0.0
    return config
