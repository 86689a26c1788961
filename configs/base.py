"""Every key once. The other configs are small diffs of this one."""

from ml_collections import ConfigDict

from configs import baselines


def get_config() -> ConfigDict:
    """The defaults of all keys."""
    config = ConfigDict()
    config.task = "recognition"  # recognition | pretraining (motion alone, no labels)
    config.method = "scvit"  # scvit | vit | one of configs/baselines.py
    # learned (SelfME's motion) | tcae (its motion) | tvl1 | images (flow images) | apex
    # (frames); lbp_top and tcae, the methods, bring their own.
    config.input = "learned"
    config.seeds = 5  # every reported number: at least 5
    config.first_seed = 0

    # What is read. name: synthetic | casme2 | smic_hs | samm | megc2019 | flow_images
    # | video (pretraining).
    config.data = ConfigDict()
    config.data.name = "synthetic"
    config.data.root = ""  # folder of the data; '' = data/<name> (official ones)
    config.data.source = ""  # official: release to prepare where root holds nothing
    config.data.classes = 3  # official: protocol of 3 or 5 classes
    config.data.max_frames = 16  # official: of a clip, evenly chosen; 0 = all
    config.data.datasets = ""  # 'casme2,smic'; empty = all in the folder
    config.data.allow_partial = False  # go on with clips missing, and say so
    config.shuffle_labels = False  # a control: scores must fall to chance

    # How a score comes about; all but the first of each are for comparison only.
    config.protocol = ConfigDict()
    config.protocol.split = "loso"  # loso | cross_database (train on the others)
    config.protocol.epochs = "fixed"  # fixed | oracle_epoch (best ON THE TEST SUBJECT)
    config.protocol.score = "pooled"  # pooled | mean_of_folds

    # Procedural faces; a person and a clip depend on (seed, person, clip) alone.
    config.synthetic = ConfigDict()
    config.synthetic.subjects = 8
    config.synthetic.clips_per_subject = 6
    config.synthetic.first_subject = 0  # further people, not met before
    config.synthetic.size = 128  # pixels
    config.synthetic.frames = 12
    config.synthetic.amplitude = (0.5, 3.0)  # peak displacement, pixels at 128
    config.synthetic.noise = 1.5  # sensor noise, sd in grey levels
    config.synthetic.head_motion = 0.5  # pixels at 128
    config.synthetic.drift = 0.01  # largest relative change of the light in a clip
    config.synthetic.seed = 0

    config.motion = _motion()

    # Frame pairs of task = pretraining; gaps in frames.
    config.pretraining = ConfigDict()
    config.pretraining.min_gap = 1
    config.pretraining.max_gap = 12
    config.pretraining.holdout = 0.2  # last share of every clip: scored, not drawn
    config.pretraining.gaps = (3, 6, 12)  # of the held-out pairs that are scored

    # The flow as a classifier reads it (methods/inputs.py).
    config.flow = ConfigDict()
    config.flow.levels = False  # first stretch each channel to 0..255, as published
    config.flow.centre = False  # subtract each image's median per channel
    config.flow.standardise = False  # divide by each image's sd per channel
    config.flow.scale = 1.0  # to about unit deviation
    config.flow.gamma = 2.0  # motion amplification (the paper's best)
    config.flow.channels = "uvs"  # uv | uvs (with optical strain)
    config.flow.size = 28  # side of the flow a classifier reads

    config.scvit = _transformer()
    config.scvit.model.row_fraction = 0.5  # share of rows that is upper face
    config.scvit.model.projection = 64  # width of a region feature
    config.scvit.model.head = "symmetric"  # reads the mean of both sides
    config.scvit.train.mirror = 0.0  # would change nothing: see the head
    config.scvit.loss.omega = 0.11  # weight of L_sc (the paper's best)
    config.scvit.loss.tau = 0.07  # its temperature (the paper's best)
    config.vit = _transformer()

    baselines.add(config)

    # How a stage is run; changes no result.
    config.engine = ConfigDict()
    for stage in ("motion", "classifier"):
        config.engine[stage] = ConfigDict()
        config.engine[stage].log_every = 10  # steps
        config.engine[stage].save_seconds = 30.0  # least time between checkpoints
    config.engine.motion.runs_per_device = 1  # folds at once: the network is big
    config.engine.motion.workdir = ""  # of the motion; runs may share one; '' = own
    # (seed, fold) trained together on each device; 0 = all. On CPU they take turns in
    # each step, and convolution networks, whose weights are many, always have 1.
    config.engine.classifier.runs_per_device = 0

    config.bootstrap = 2000  # subject resamples of the 95 % interval
    return config


def _motion() -> ConfigDict:
    """SelfME's motion stage; the network is the full one, for 256x256 frames."""
    config = ConfigDict()
    config.scope = "per_fold"  # per_fold | all_subjects (transductive) | pretrained
    config.init = ""  # workdir of a pretraining run to start from
    config.network = ConfigDict()
    config.network.detector = "regression"  # regression | heatmap (with Jacobians)
    config.network.sparse = "bspline"  # bspline | tps | affine
    config.network.groups = 10  # K
    config.network.points = 5  # N
    config.network.cells = (8, 8)  # of the B-spline lattice
    config.network.smoothness = 0.1  # lambda of the fit
    config.network.keypoint_width = 64
    config.network.keypoint_blocks = (2, 2, 2, 2)  # ResNet-18
    config.network.tracking = 0.0  # window, to find source keypoints by tracking
    config.network.scale = 4  # of the dense motion
    config.network.dense_width = 64
    config.network.dense_depth = 5
    config.network.max_width = 1024
    config.network.compare = False  # show the hourglass how well each warp fits
    config.network.refinement = 0  # residual blocks that correct the dense flow
    config.network.windows = ()  # further candidates by brightness constancy
    config.network.generator_width = 64
    config.network.generator_down = 3
    config.network.generator_blocks = 2
    config.network.dtype = "float32"  # of convolutions; bfloat16 on TPU, GPU
    config.network.remat = False  # less memory, more time; not on CPU (see blocks)
    config.loss = ConfigDict()  # weights; 0 = not computed
    config.loss.reconstruction = 1.0  # generated against driving frame
    config.loss.warped = 1.0  # warped source against driving frame
    config.loss.charbonnier = 1.0  # terms of both
    config.loss.epsilon = 1e-3
    config.loss.ssim = 0.0
    config.loss.census = 0.0
    config.loss.scales = 3
    config.loss.light_blocks = 0  # level the light over blocks first
    config.loss.blur = 0.0  # pixels, before frames are compared
    config.loss.perceptual = 0.0  # VGG-19 features, generated against driving frame
    config.loss.vgg = ""  # file of its weights, safetensors (motion/perceptual.py)
    config.loss.equivariance = 1.0  # of keypoints under a random warp
    config.loss.feature_warp = 0.0
    config.loss.smoothness = 0.0  # of the flow, edge-aware
    config.train = ConfigDict()
    config.train.steps = 5000
    config.train.batch_size = 16  # pairs
    config.train.learning_rate = 2e-4
    config.train.warmup = 0.05  # share of the steps
    config.train.decay = "cosine"
    config.train.weight_decay = 0.0
    config.train.clip = 1.0
    config.train.onset_apex = 0.5  # share of (onset, apex) among the pairs
    config.train.mirror = 0.5
    config.train.dropout = 0.3  # of candidate motions, early in training
    config.train.dropout_ramp = 0.2  # share of the steps it rises for
    config.train.dropout_stop = 0.5  # share of the steps after which it ends
    config.train.ema = 0.0
    return config


def _transformer() -> ConfigDict:
    """Keys that SCViT and ViT share, each with its own values."""
    config = ConfigDict()
    config.model = ConfigDict()
    config.model.patch = 7  # pixels
    config.model.width = 64
    config.model.depth = 1
    config.model.heads = 4
    config.model.mlp = 2.0  # hidden width / width
    config.model.dropout = 0.0
    config.model.head = "concat"  # concat | symmetric (SCViT) | mean | token
    config.model.place_scale = 3.0  # sd of the initial positions
    config.loss = ConfigDict()
    config.loss.smoothing = 0.1  # label smoothing
    config.train = ConfigDict()
    config.train.epochs = 0.0  # passes over the samples, or 0 and
    config.train.steps = 250  # updates
    config.train.batch_size = 64
    config.train.learning_rate = 5e-4
    config.train.warmup = 0.1  # share of the steps
    config.train.decay = "cosine"  # cosine (to 0) | constant
    config.train.weight_decay = 0.05  # AdamW, matrices only
    config.train.clip = 0.0  # global gradient norm; 0 = none
    config.train.balance = 1.0  # weigh draws by (size of the class) ** -balance
    config.train.mirror = 0.5  # probability of mirroring a sample
    config.train.ema = 0.97  # decay of the evaluated average; 0 = none
    return config
