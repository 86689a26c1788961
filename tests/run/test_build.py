"""From configs to parts: what is implied, checked, and handed to constructors."""

import fnmatch
import importlib
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from flax import traverse_util
from plans import plan
from selfme_jax.configs import base, flow_images, synthetic

from selfme_jax.data.flow_images import FlowImages
from selfme_jax.data.synthetic import rendered as faces
from selfme_jax.inputs import learned
from selfme_jax.run import build
from selfme_jax.run import config as configs
from selfme_jax.systems import registry
from selfme_jax.systems.deep import Deep
from selfme_jax.systems.svm import LinearSVM
from selfme_jax.types import Sample, UserError

CONFIGS = sorted(
    path.stem
    for path in (Path(inspect.getfile(base)).parent).glob("*.py")
    if "def get_config" in path.read_text("utf-8")
)
DEEP = [n for n, s in registry.SYSTEMS.items() if "train" in s.settings and not s.reads]
CLASSES = ("negative", "positive", "surprise")
SAMPLES = tuple(Sample("toy", f"s{i}", "c", i % 3) for i in range(4))
IMAGES = FlowImages(CLASSES, SAMPLES, np.zeros((4, 28, 28, 3), np.float32))


def stage(config, data):
    """The first stage of a config, for the frames of some clips."""
    return build.first_stage(plan(config), data.clip(0).frames.shape[1:])


@pytest.fixture
def config():
    return flow_images.get_config()


def test_resolve_copies(config):
    made = plan(config)
    made.settings["seeds"] += 1
    made.settings["scvit"]["model"]["width"] += 1
    assert config.to_dict() == flow_images.get_config().to_dict()


def test_published_weights_imply_ststnet_and_one_seed(config):
    config.ststnet.weights = "some.npz"
    made = plan(config)
    assert (made.system.name, made.seeds) == ("ststnet", (0,))
    assert made.own["weights"] == "some.npz"


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("method", "resnet", ["config.method 'resnet'", "ststnet, featref"]),
        ("input", "video", ["config.input 'video'", "learned, tcae, tvl1, registered"]),
        ("flow.channels", "vu", ["config.flow.channels 'vu'", "uv, uvs"]),
        ("seeds", 0, ["config.seeds is 0", "at least 1"]),
        ("bootstrap", -5, ["config.bootstrap is -5", "at least 1"]),
        ("flow.size", 0, ["config.flow.size"]),
        ("motion.train.steps", 0, ["config.motion.train.steps"]),
        ("motion.train.batch_size", 0, ["config.motion.train.batch_size"]),
        ("ststnet.train.batch_size", 0, ["config.ststnet.train.batch_size"]),
        ("engine.motion.log_every", 0, ["config.engine.motion.log_every"]),
        ("engine.classifier.runs_per_device", -1, ["runs_per_device", "least 0"]),
    ],
)
def test_resolve_refuses(config, key, value, names):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError) as caught:
        plan(config)
    for name in names:
        assert name in str(caught.value)


def test_seeds_count_from_the_first(config):
    config.first_seed, config.seeds = 3, 4
    assert plan(config).seeds == (3, 4, 5, 6)


def test_the_dataset_is_made_of_its_own_keys():
    config = synthetic.get_config()
    config.synthetic.subjects, config.synthetic.clips_per_subject = 2, 3
    config.data.root = "/not/for/synthetic"
    data = build.dataset(plan(config))
    assert len(data.samples) == 6 and data.drawing.size == config.synthetic.size


def test_an_input_that_the_dataset_has_not_is_refused():
    config = synthetic.get_config()
    config.input = "images"
    with pytest.raises(UserError, match="--config.input=learned"):
        build.dataset(plan(config))


def test_prepare_reads_all_of_config_flow_but_its_size(config):
    config.flow = {
        **{"centre": True, "standardise": False, "scale": 0.5, "gamma": 3.0},
        **{"channels": "uv", "size": 28, "levels": False},
    }
    flow = np.random.default_rng(0).normal(size=(2, 5, 5, 3))
    expected = flow[..., :2] - np.median(flow, axis=(1, 2), keepdims=True)[..., :2]
    got = build.prepare(plan(config))(flow)
    np.testing.assert_allclose(got, 1.5 * expected, atol=1e-5)


def floor(config, **options):
    made = plan(config)
    return made.input.floor(made.flow, **options)


def test_the_floor_reads_untuned_flow(config):
    flow = np.random.default_rng(0).normal(size=(2, 5, 5, 3))
    before = floor(config)(flow)
    config.flow.gamma, config.flow.scale, config.flow.channels = 9.0, 7.0, "uv"
    np.testing.assert_array_equal(floor(config)(flow), before)
    expected = flow - np.median(flow, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(before, expected, atol=1e-5)
    divided = floor(config, standardise=True)(flow)
    expected /= expected.std((1, 2), keepdims=True)
    np.testing.assert_allclose(divided, expected, atol=1e-5)


@pytest.mark.parametrize("name", DEEP)
def test_methods_take_their_settings_from_their_part(config, name):
    config.method = name
    config[name].train.batch_size = 13
    config[name].train.epochs, config[name].train.steps = 0.0, 17
    key = "shrink" if name in ("capsulenet", "mmnet") else "dropout"
    config[name].model[key] = value = {"shrink": 2}.get(key, 0.25)
    method = build.method(plan(config), IMAGES)
    assert isinstance(method, Deep)
    assert method.recipe.batch_size == 13
    assert getattr(method.module, key) == value and method.module.classes == 3
    assert method.task((1, 4, 28, 28, 3), 4).steps == 17


def test_classic_methods_take_theirs(config):
    config.method, config.bi_woof.svm.costs = "bi_woof", (7.0,)
    config.bi_woof.svm.balance, config.bi_woof.model.blocks = 0.5, (2, 3)
    method = build.method(plan(config), IMAGES)
    assert isinstance(method, LinearSVM)
    assert (method.costs, method.balance) == ((7.0,), 0.5)
    assert method.describe(np.ones((1, 1, 12, 12, 3))).shape == (1, 1, 2 * 3 * 8)


def test_a_method_brings_its_first_stage(config):
    config.input = "learned"
    brought = {n: s.reads for n, s in registry.SYSTEMS.items() if s.reads}
    named = {"lbp_top": "lbp_top", "tcae": "tcae_features"}
    assert brought == named | {"builtin": "published"}
    for name, given in brought.items():
        config.method = name
        assert plan(config).input.name == given
    config.method, config.input = "tcae", "images"
    with pytest.raises(UserError, match="flow images hold none"):
        plan(config)
    config.method, config.input = "scvit", "lbp_top"
    with pytest.raises(UserError, match=r"for --config.method=lbp_top only"):
        plan(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [("split", "inner"), ("epochs", "best"), ("score", "mean")],
)
def test_protocols_have_true_names(config, key, value):
    config.protocol[key] = value
    with pytest.raises(UserError, match=rf"config.protocol.{key} '{value}'. Known"):
        plan(config)


def test_what_has_no_epochs_has_no_best_one(config):
    config.method, config.protocol.epochs = "bi_woof", "oracle_epoch"
    with pytest.raises(UserError, match="not trained in epochs"):
        build.method(plan(config), IMAGES)


def test_the_optimizer_gets_its_rate(config):
    """The first update of Adam is the rate: here after no warm-up."""
    config.scvit.train.update(
        {"learning_rate": 0.125, "warmup": 0.0, "weight_decay": 0.0, "clip": 0.0}
    )
    optimizer = build.method(plan(config), IMAGES).recipe.optimizer(10)
    params = {"w": np.ones(3, np.float32)}
    grads = {"w": np.array([1.0, -2.0, 3.0], np.float32)}
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], [-0.125, 0.125, -0.125], rtol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("scvit.model.patch", 5, ["28x28", "divide by 5"]),
        ("scvit.model.row_fraction", 0.01, ["row_fraction 0.01"]),
        ("scvit.model.heads", 3, ["config.scvit"]),
        ("scvit.model.head", "pool", ["'pool'", "concat"]),
        ("scvit.train.decay", "step", ["'step'", "cosine, constant"]),
    ],
)
def test_settings_that_do_not_fit_the_input(config, key, value, names):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError) as caught:
        build.method(plan(config), IMAGES)
    for name in ["Change config.scvit", *names]:
        assert name in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_key_that_no_part_takes_is_refused(config):
    with config.unlocked():
        config.scvit.model.widht = 3
    with pytest.raises(UserError, match="widht"):
        build.method(plan(config), IMAGES)


def test_missing_weights_are_refused(config):
    config.ststnet.weights = "/no/weights.npz"
    with pytest.raises(UserError, match="/no/weights.npz"):
        build.method(plan(config), IMAGES)


def test_learned_flow_has_the_size_of_the_config():
    """Not that of the frames."""
    config = synthetic.get_config()
    data = faces.load(subjects=2, clips_per_subject=2, size=32, frames=4)
    config.flow.size = 28
    build.method(plan(config), data)
    config.flow.size = 30
    with pytest.raises(UserError, match="30x30"):
        build.method(plan(config), data)


BUILT: dict = {}


def built(settings, config):
    """The first stage of a config, and its method is built: of equal settings once."""
    if settings not in BUILT:
        data = faces.load(subjects=2, clips_per_subject=2, size=config.synthetic.size)
        build.method(plan(config), data)
        BUILT[settings] = stage(config, data)
    return BUILT[settings]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds(name):
    config = importlib.import_module(f"selfme_jax.configs.{name}").get_config()
    config.motion.frame_size = 0  # small frames do here
    made = plan(config)
    if not made.input.of_clips:
        build.method(made, IMAGES)
        return
    config.data = base.get_config().data  # what is built is the same for all data
    motion = built(json.dumps(plan(config).settings), config)
    assert motion.size == config.flow.size
    assert motion.recipe.steps == config.motion.train.steps
    assert motion.network.groups == config.motion.network.groups
    assert motion.objective.equivariance == config.motion.loss.equivariance


def test_a_perceptual_loss_reads_its_weights(monkeypatch):
    monkeypatch.setattr(learned.perceptual, "load", lambda path: (path,))
    data = faces.load(subjects=2, clips_per_subject=2, size=32, frames=4)
    config = synthetic.get_config()
    config.motion.loss.vgg = "vgg19.safetensors"
    assert stage(config, data).vgg == ()
    config.motion.loss.perceptual = 0.5
    made = stage(config, data)
    assert made.vgg == ("vgg19.safetensors",)
    assert made.objective.perceptual == 0.5


def test_a_perceptual_loss_without_weights():
    config = synthetic.get_config()
    config.motion.loss.perceptual = 1.0
    data = faces.load(subjects=2, clips_per_subject=2, size=32, frames=4)
    with pytest.raises(UserError, match="--config.motion.loss.vgg=FILE"):
        stage(config, data)


@pytest.mark.parametrize(
    ("key", "value"),
    [("network.sparse", "rbf"), ("network.detector", "hog"), ("train.decay", "step")],
)
def test_motion_settings_that_do_not_exist(key, value):
    config = synthetic.get_config()
    config.motion.update_from_flattened_dict({key: value})
    data = faces.load(subjects=2, clips_per_subject=2, size=32, frames=4)
    with pytest.raises(UserError, match=f"'{value}'.*\n.*config.motion"):
        stage(config, data)


def test_first_stages_depend_on_what_they_read_alone(config):
    """Runs that share one differ in nothing that it depends on."""

    def part(given, **changes):
        own = config.copy_and_resolve_references()
        own.input = given
        own.method = {"lbp_top": "lbp_top"}.get(given, "scvit")
        own.update_from_flattened_dict(
            {k.replace("__", "."): v for k, v in changes.items()}
        )
        return plan(own).first_stage()

    for given in ("learned", "tvl1", "tcae", "lbp_top", "apex"):
        before = part(given)
        assert part(given, flow__gamma=7.0, scvit__train__steps=3) == before
        assert part(given, synthetic__seed=5) != before
        assert part(given, protocol__split="leave_one_dataset_out") != before
        motion = part(given, motion__train__steps=3)
        assert (motion != before) == (given == "learned")
        tcae = part(given, tcae__learning__train__steps=3)
        assert (tcae != before) == (given == "tcae")
        radii = part(given, lbp_top__model__radii=(1, 1, 2))
        assert (radii != before) == (given == "lbp_top")
    assert part("tcae", motion__scope="all_subjects") != part("tcae")


def test_tcae_that_fits_no_frames_is_an_error_before_anything_is_written(config):
    config.input, config.tcae.learning.network.size = "tcae", 50
    data = faces.load(subjects=2, clips_per_subject=2, size=32)
    with pytest.raises(UserError, match=r"config.tcae.learning does not work"):
        stage(config, data)


def test_every_number_has_a_range():
    """And every pattern of base.RANGES is of some key."""
    config = base.get_config()
    keys = [
        key
        for key, value in traverse_util.flatten_dict(config.to_dict(), sep=".").items()
        if any(
            isinstance(v, int | float) and not isinstance(v, bool)
            for v in as_list(value)
        )
    ]
    assert len(keys) > 200
    for key in keys:
        low, high = configs.bounds(key)
        assert low < high
    for pattern in base.RANGES:
        assert any(fnmatch.fnmatchcase(key, pattern) for key in [*keys, *EMPTY]), (
            pattern
        )


EMPTY = ("motion.network.windows",)  # () by default


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_list(value):
    return value if isinstance(value, tuple | list) else [value]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("scvit.train.steps", -1, "at least 0"),
        ("scvit.train.epochs", -1.0, "at least 0"),
        ("scvit.model.depth", -1, "at least 1"),
        ("scvit.model.dropout", -1.0, "at least 0"),
        ("scvit.train.ema", 2.0, "at most 0.999999999"),
        ("scvit.train.warmup", 5.0, "at most 1"),
        ("scvit.loss.omega", -1.0, "at least 0"),
        ("motion.network.cells", (8, 0), "at least 1"),
        ("motion.loss.ssim", float("nan"), "at least 0"),
        ("seeds", 10**9, "at most 10000"),
        ("synthetic.amplitude", (-1.0, 3.0), "at least 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_range(config, key, value, says):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError, match=rf"config.{key} is .*{says}"):
        plan(config)
