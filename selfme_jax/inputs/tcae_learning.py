"""TCAE as an Input: learned without labels, its motion or its features.

Known: it learns from pairs of frames of one face (baselines/tcae.py, tcae_losses.py),
by SGD with momentum 0.9 at 1e-3 in batches of 64, for up to 2000 epochs of VoxCeleb.
Unknown: how the SelfME paper trained it and what it fed to classifiers. Our choice:
it learns from the clips that SelfME's motion learns from, from the same kind of pairs,
by Adam; 'motion' is the flow of the expression, 'features' are those of the expression
in onset and apex.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.baselines import tcae_losses
from selfme_jax.baselines.tcae import FEATURES, TCAE, Features
from selfme_jax.baselines.tcae_losses import Weights
from selfme_jax.inputs import base, device_clips, learning
from selfme_jax.inputs.base import FlowInput, PlainInput
from selfme_jax.inputs.device_clips import DeviceClips
from selfme_jax.ops import grid, pyramid
from selfme_jax.train import loop
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run, Task
from selfme_jax.types import ClipDataset, Dataset, Split


class TCAERecipe(NamedTuple):
    """How the network is trained.

    steps, batch_size: updates, and pairs per update. optimizer: steps -> optax.
    onset_apex, mirror: see ``device_clips.draw_pairs``.
    """

    steps: int
    batch_size: int
    optimizer: Callable[[int], optax.GradientTransformation]
    onset_apex: float
    mirror: float


class TCAELearning(NamedTuple):
    """A ``FirstStage`` by TCAE.

    weights: of the losses. reads: 'motion' | 'features', what is handed on.
    size: side of the motion handed on; its values stay in pixels of the frame.
    scope: 'per_fold' (a network per fold, trained on its training subjects only) or
      'all_subjects' (one network, trained on all clips: transductive).
    """

    network: TCAE
    weights: Weights
    recipe: TCAERecipe
    reads: str
    size: int
    scope: str = "per_fold"

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """What the networks read of every clip, [d, n, ...] float32.

        Motion [size, size, 3]: (u, v, strain) of onset -> apex in pixels. Features
        [1, 1, 2 c]: of the onset, then of the apex. A copy for each seed, or with
        scope 'per_fold' for each seed and fold, where what fold f's network says of its
        held-out clips is inference. It is kept in the workdir, keyed by the network's
        weights and the frames.
        """
        data = device_clips.stack(dataset)
        settings = "tcae", self.reads, self.size
        kept = learning.keeper(data, stage.workdir.flows, *settings)
        runs, names = learning.runs(
            len(dataset.samples), splits, seeds, scope=self.scope
        )
        task = self.task(data.frames.shape)
        return loop.fit(task, runs, data, self.read, stage, names, kept=kept)

    def task(self, shape: tuple[int, ...]) -> Task:
        """The engine's task for frames of ``shape`` [n, t, h, w, 3]."""
        del shape  # frames are resized to what the network takes
        recipe = self.recipe
        return Task(
            init=self._init,
            batch=self._batch,
            loss=self._loss,
            optimizer=recipe.optimizer(recipe.steps),
            steps=recipe.steps,
            ema=0.0,
        )

    def read(self, variables: dict, run: Run, data: DeviceClips) -> jax.Array:
        """What is handed on, of every clip: [n, ...]."""
        del run
        read = {"motion": self._motion, "features": self._features}[self.reads]

        def one(clip):
            frames, apex = clip
            pair = (
                self._resize(device_clips.to_float(frames[i][None])) for i in (0, apex)
            )
            return read(variables, *pair, shape=frames.shape[1:3])

        return jax.lax.map(one, (data.frames, data.apex))

    def _motion(self, variables, onset, apex, *, shape) -> jax.Array:
        """[size, size, 3] in pixels of frames of ``shape`` (h, w)."""
        flow = self.network.apply(variables, onset, apex, method="expression_flow")
        flow = grid.flow_to_pixels(pyramid.resize(flow[0], shape), shape)
        return device_clips.shrink(flow, self.size)

    def _features(self, variables, onset, apex, *, shape) -> jax.Array:
        """[1, 1, 2 c]."""
        del shape
        pair = jnp.concatenate([onset, apex])
        found = cast(Features, self.network.apply(variables, pair, method="encode"))
        return found.expression.reshape(1, 1, -1)

    def _resize(self, frames: jax.Array) -> jax.Array:
        """[b, h, w, 3] -> [b, s, s, 3], what the network takes."""
        side = self.network.size
        return pyramid.resize(frames, (side, side), antialias=True)

    def _batch(self, key: jax.Array, data: DeviceClips, run: Run) -> tuple:
        pair = learning.pairs(key, data, run, self.recipe)
        return tuple(self._resize(x) for x in pair)

    def _init(self, key: jax.Array) -> Mapping[str, Any]:
        side = self.network.size
        blank = jnp.zeros((1, side, side, 3), jnp.float32)
        return self.network.init(key, blank, blank)

    def _loss(self, variables, key, batch, step):
        del key
        cycle, state = self.network.apply(
            variables, *batch, train=True, mutable=["batch_stats"]
        )
        recipe = self.recipe
        window = tcae_losses.window(step, steps=recipe.steps, batch=recipe.batch_size)
        found = tcae_losses.terms(cycle, *batch)
        value, parts = tcae_losses.total(found, self.weights, window)
        return value, (state, parts)


def change(features: np.ndarray) -> np.ndarray:
    """Features of the apex less those of the onset: [..., 2 c] -> [..., c].

    Our choice: what is left is of the expression, not of the person.
    """
    onset, apex = np.split(features, 2, axis=-1)
    return apex - onset


def settings() -> dict[str, dict]:
    """Defaults of config.tcae.learning; what is published is in baselines/tcae.py."""
    return {
        "network": {
            "size": 256,  # side that frames are resized to, a power of two
            "shrink": 1,  # divides the number of filters
            "start": 1.0,  # of the decoders' last layers; small: little motion
        },
        "loss": {  # weights, as published
            "reconstruction": 10.0,
            "feature": 1.0,
            "cycle": 1.0,
            "magnitude": 0.1,  # of the expression's motion
        },
        "train": {
            "steps": 20000,
            "batch_size": 64,  # pairs, as published
            "learning_rate": 1e-3,  # Adam's; published: SGD, momentum 0.9, 1e-3
            "warmup": 0.05,
            "decay": "cosine",
            "weight_decay": 0.0,
            "clip": 1.0,
            "onset_apex": 0.5,  # as in config.motion.train
            "mirror": 0.5,
        },
    }


def _build(config: Mapping, frame: tuple[int, ...], reads: str) -> TCAELearning:
    options = config["tcae"]["learning"]
    with base.fitting("config.tcae.learning", frame):
        made = TCAELearning(
            TCAE(**options["network"]),
            Weights(**options["loss"]),
            base.recipe(TCAERecipe, options["train"]),
            reads,
            config["flow"]["size"],
            config["motion"]["scope"],
        )
        base.trace(made.task((1, 1, *frame)))
    return made


class TCAEMotion(FlowInput):
    """The flow of the expression, by TCAE."""

    name = "tcae"
    words = "TCAE's motion"
    keys = ("tcae.learning", "motion.scope", "motion.seeds")
    of_clips = learns = True
    starts = False
    arguments = ()

    def stage(
        self, settings: Mapping, frame: tuple[int, ...], start: None = None
    ) -> TCAELearning:
        """By config.tcae.learning."""
        del start
        return _build(settings, frame, "motion")


class TCAEFeatures(PlainInput):
    """Features of the expression in onset and apex, which TCAE + FC reads."""

    name = "tcae_features"
    words = "TCAE's features"
    keys = TCAEMotion.keys
    of_clips = learns = True
    starts = False
    arguments = ()

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """(1, 1, features of both frames)."""
        del dataset
        shrink = settings["tcae"]["learning"]["network"]["shrink"]
        return 1, 1, 2 * FEATURES // shrink

    def stage(
        self, settings: Mapping, frame: tuple[int, ...], start: None = None
    ) -> TCAELearning:
        """By config.tcae.learning."""
        del start
        return _build(settings, frame, "features")
