"""Every key once, and the range of every number. Other configs are diffs of this one.

The keys of a system (config.scvit, config.ststnet, ...) stand in its own file, in
selfme_jax/systems/, those of TCAE's motion in selfme_jax/inputs/tcae_learning.py.
"""

import math

from ml_collections import ConfigDict

from selfme_jax.inputs import tcae_learning
from selfme_jax.systems.registry import SYSTEMS

ANY = math.inf
# Least and most of every number, by key; the first pattern that fits counts.
RANGES = {
    "seeds": (1, 10_000),
    "first_seed": (0, 2**31 - 10_001),
    "bootstrap": (1, 1_000_000),
    "action_units.units": (1, 99),
    "data.classes": (0, 8),
    "data.max_frames": (0, 100_000),
    "data.key_frames_off": (0, 100_000),
    "synthetic.subjects": (1, 100_000),
    "synthetic.clips_per_subject": (1, 10_000),
    "synthetic.first_subject": (0, 2**31 - 1),
    "synthetic.size": (16, 4096),  # pixels
    "synthetic.frames": (2, 100_000),
    "synthetic.amplitude": (0, 1000),
    "synthetic.noise": (0, 255),
    "synthetic.head_motion": (0, 1000),
    "synthetic.drift": (0, 1),
    "synthetic.seed": (0, 2**31 - 1),
    "motion.seeds": (1, 1000),
    "motion.frame_size": (0, 4096),  # pixels
    "motion.network.groups": (1, 1000),
    "motion.network.points": (1, 1000),
    "motion.network.cells": (1, 1000),
    "motion.network.smoothness": (0, ANY),
    "motion.network.keypoint_blocks": (1, 100),
    "motion.network.tracking": (0, 100),
    "motion.network.windows": (0, 100),
    "motion.network.scale": (1, 64),
    "motion.network.*_width": (1, 65_536),
    "motion.network.dense_depth": (1, 10),
    "motion.network.refinement": (0, 100),
    "motion.network.generator_*": (0, 100),
    "motion.loss.scales": (1, 16),
    "motion.loss.light_blocks": (0, 4096),
    "motion.loss.epsilon": (1e-9, 1e3),
    "motion.loss.*": (0, 1e9),  # weights, and pixels of blur
    "*.train.onset_apex": (0, 1),
    "*.train.dropout*": (0, 1),
    "pretraining.min_gap": (1, 100_000),
    "pretraining.max_gap": (1, 100_000),
    "pretraining.gaps": (1, 100_000),
    "pretraining.holdout": (0, 0.99),
    "flow.scale": (1e-9, 1e30),
    "flow.gamma": (1e-9, 1e30),
    "flow.size": (1, 4096),  # pixels
    "*.train.epochs": (0, 1_000_000),
    "motion.train.steps": (1, 2**31 - 2),
    "tcae.learning.train.steps": (1, 2**31 - 2),
    "*.train.steps": (0, 2**31 - 2),  # 0: epochs are given
    "*.train.batch_size": (1, 1_000_000),
    "*.train.learning_rate": (0, 1e3),
    "*.train.warmup": (0, 1),
    "*.train.weight_decay": (0, 1e3),
    "*.train.clip": (0, ANY),
    "*.train.balance": (-1e3, 1e3),
    "*.train.mirror": (0, 1),
    "*.train.ema": (0, 1 - 1e-9),
    "*.model.dropout": (0, 1 - 1e-9),
    "*.model.mlp": (0.01, 1000),
    "*.model.place_scale": (0, 1e6),
    "*.model.row_fraction": (0, 1),
    "*.loss.smoothing": (0, 1 - 1e-9),
    "*.loss.tau": (1e-6, 1e6),
    "*.loss.*": (0, 1e9),  # weights
    "lbp_top.model.frames": (0, 100_000),
    "*.model.*": (1, 65_536),  # sizes and counts
    "*.learning.network.start": (0, 1e6),
    "*.learning.network.*": (1, 65_536),
    "*.svm.costs": (1e-12, 1e12),
    "*.svm.balance": (-1e3, 1e3),
    "started.ridges": (1e-6, 1e9),
    "started.groups": (2, 1000),
    "builtin.making.rendered": (20, 10_000_000),
    "builtin.making.held_out": (100, 10_000_000),
    "builtin.making.flat": (0, 1),
    "builtin.making.sharpness": (0, 100),
    "builtin.making.sure": (0, 1),
    "builtin.making.*": (1, 10_000_000),
    "engine.*.log_every": (1, 1_000_000),
    "engine.*.save_seconds": (0, ANY),
    "engine.*.runs_per_device": (0, 1_000_000),  # 0 = all
}


def get_config() -> ConfigDict:
    """The defaults of all keys."""
    config = ConfigDict()
    # recognition | pretraining (motion alone, no labels) | builtin (making that model)
    config.task = "recognition"
    config.method = "scvit"  # a name of selfme_jax/systems/registry.py
    # learned (SelfME's motion) | tcae (its motion) | tvl1 | registered (a B-spline
    # fitted to each pair) | images (flow images) | apex (frames) | difference (of apex
    # and onset, and the onset); lbp_top and tcae, the methods, bring their own.
    config.input = "learned"
    # classes (one a clip) | action_units (several at once)
    config.target = "classes"
    # '' | builtin (SCViT and ViT on 28x28 flow images: a head is added to what the
    # built-in model says, see selfme_jax/systems/started.py)
    config.start = ""
    config.started = ConfigDict()
    config.started.ridges = (0.3, 1.0, 3.0, 10.0, 30.0)  # a fold chooses one, or none
    config.started.groups = 4  # of its training subjects, to choose by
    config.seeds = 5  # every reported number: at least 5
    config.first_seed = 0

    # What is read. name: synthetic | casme2 | smic_hs | samm | megc2019 | flow_images
    # | video (pretraining).
    config.data = ConfigDict()
    config.data.name = "synthetic"
    config.data.root = ""  # folder of the data; '' = data/<name> (official ones)
    config.data.source = ""  # official: release to prepare where root holds nothing
    config.data.classes = 3  # official: of the protocol; 0 = all clips
    config.data.max_frames = 16  # official: of a clip, evenly chosen; 0 = all
    config.data.key_frames_off = 0  # a control: onset, apex wrong by up to so many
    config.data.datasets = ""  # 'casme2,smic'; empty = all in the folder
    config.data.allow_partial = False  # go on with clips missing, and say so
    # Go on with clips of several people that hold the same pixels, or names that only
    # differ in spelling, and say so.
    config.data.allow_doubles = False
    config.shuffle_labels = False  # a control: scores must fall to chance

    # The twelve that datasets share (Varanka et al., CD6ME), by their FACS numbers.
    config.action_units = ConfigDict()
    config.action_units.units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)

    # How a score comes about; all but the first of each are for comparison only.
    config.protocol = ConfigDict()
    # loso | leave_one_dataset_out | hold_out (test on config.protocol.test)
    config.protocol.split = "loso"
    config.protocol.test = ""  # of hold_out: 'samm' or 'samm,smic'; trained on the rest
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

    # The flow as a classifier reads it (inputs/flow_reading.py).
    config.flow = ConfigDict()
    config.flow.levels = False  # first stretch each channel to 0..255, as published
    config.flow.centre = False  # subtract each image's median per channel
    config.flow.standardise = False  # divide by each image's sd per channel
    config.flow.scale = 1.0  # to about unit deviation
    config.flow.gamma = 2.0  # motion amplification (the paper's best)
    config.flow.channels = "uvs"  # uv | uvs (with optical strain)
    config.flow.size = 28  # side of the flow a classifier reads

    for system in SYSTEMS.values():
        config[system.name] = ConfigDict(system.settings)
    config.tcae.learning = ConfigDict(tcae_learning.settings())

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
    # Networks, each of another seed; those of the classifier take them in turn.
    config.seeds = 1
    # Side of the frames that all of this is for; others are refused. 0 = any.
    config.frame_size = 0
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
    config.network.registration = False  # a B-spline fitted to each pair as candidate
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
    config.loss.fine = 0  # smaller frames are warped from splines of that side; 0: off
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
