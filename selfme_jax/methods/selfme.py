"""SelfME's first stage as a method part: motion learned on each fold's subjects."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.methods import method
from selfme_jax.motion import network as motion_network
from selfme_jax.motion import objective as motion_objective
from selfme_jax.motion.dense import dropout_rate
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective
from selfme_jax.motion.perceptual import Weights
from selfme_jax.ops import flow as flow_ops
from selfme_jax.train import loop
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Run, Task
from selfme_jax.types import ClipDataset, Split


class Recipe(NamedTuple):
    """How the motion network is trained.

    steps, batch_size: updates, and pairs per update. optimizer: steps -> optax.
    onset_apex: share of the pairs that are (onset, apex); of the others half are
      (onset, t) and half (t, apex) with t drawn from the clip.
    mirror: probability of mirroring a pair.
    dropout: rate the transform dropout climbs to over the first share
      ``dropout_ramp`` of the steps; it is off after the share ``dropout_stop``.
    ema: decay of the evaluated parameter average; 0 = none.
    """

    steps: int
    batch_size: int
    optimizer: Callable[[int], optax.GradientTransformation]
    onset_apex: float
    mirror: float
    dropout: float
    dropout_ramp: float
    dropout_stop: float
    ema: float


class Frames(NamedTuple):
    """What stays on the device: clips, and the weights of the perceptual loss.

    frames: [n, t, h, w, 3] uint8, short clips padded by their last frame.
    apex: [n] int32. length: [n] int32, real frames.
    vgg: () where there is no such loss.
    """

    frames: jax.Array
    apex: jax.Array
    length: jax.Array
    vgg: Weights = ()


class MotionLearning(NamedTuple):
    """Learns one motion network per fold and reads every clip's flow with it.

    size: side of the flow handed on; values stay in pixels of the frame.
    vgg: weights of the perceptual loss, constants: data to the compiled step, neither
      part of it nor of the checkpoints.
    """

    network: MotionNetwork
    objective: Objective
    recipe: Recipe
    size: int
    vgg: Weights = ()

    def fit_flow(
        self, dataset: ClipDataset, splits: Sequence[Split], seed: int, stage: Stage
    ) -> np.ndarray:
        """[folds, n, size, size, 3] (u, v, strain) of onset -> apex, in pixels.

        Fold f's network was trained on its training subjects only; the flow of its
        held-out clips is inference.
        """
        data = stack(dataset)._replace(vgg=self.vgg)
        labels = np.array([s.label for s in dataset.samples])
        problem = method.Problem(
            flow=np.zeros((1, 0)),
            labels=labels,
            classes=dataset.classes,
            splits=splits,
            seeds=(seed,),
        )
        runs, names = method.runs(problem, balance=0.0)
        return loop.fit(
            self.task(data.frames.shape), runs, data, self.read, stage, names
        )

    def task(self, shape: tuple[int, ...]) -> Task:
        """The engine's task for frames of ``shape`` [n, t, h, w, 3]."""
        recipe = self.recipe
        return Task(
            init=partial(self._init, shape=(1, *shape[2:])),
            batch=self._batch,
            loss=self._loss,
            optimizer=recipe.optimizer(recipe.steps),
            steps=recipe.steps,
            ema=recipe.ema,
        )

    def read(self, variables: dict, run: Run, data: Frames) -> jax.Array:
        """Flow and strain of every clip: [n, size, size, 3]. No generator runs."""
        del run

        def one(clip):
            frames, apex = clip
            source, driving = _to_float(frames[0][None]), _to_float(frames[apex][None])
            flow = motion_network.extract(self.network, variables, source, driving)[0]
            strain = flow_ops.strain(flow)[..., None]
            full = jnp.concatenate([flow, strain], axis=-1)
            shape = (self.size, self.size, 3)
            return jax.image.resize(full, shape, "linear", antialias=True)

        return jax.lax.map(one, (data.frames, data.apex))

    def _init(self, key: jax.Array, *, shape: tuple[int, ...]) -> dict:
        blank = jnp.zeros(shape, jnp.float32)
        return self.network.init(key, blank, blank)

    def _batch(self, key, data, run):
        recipe = self.recipe
        pairs = draw_pairs(
            key,
            data,
            run,
            size=recipe.batch_size,
            onset_apex=recipe.onset_apex,
            mirror=recipe.mirror,
        )
        return *pairs, data.vgg

    def _loss(self, variables, key, batch, step):
        recipe = self.recipe
        rate = None
        if recipe.dropout:
            rate = dropout_rate(
                step,
                ramp=round(recipe.dropout_ramp * recipe.steps),
                stop=round(recipe.dropout_stop * recipe.steps),
                rate=recipe.dropout,
            )
        source, driving, vgg = batch
        total, metrics = motion_objective.loss(
            self.network,
            variables,
            key,
            source,
            driving,
            objective=self.objective,
            dropout=rate,
            vgg=vgg,
        )
        return total, ({}, {k: v for k, v in metrics.items() if k != "loss"})


def stack(dataset: ClipDataset) -> Frames:
    """All clips of a dataset in one array, short ones padded by their last frame."""
    clips = [dataset.clip(i) for i in range(len(dataset.samples))]
    longest = max(len(c.frames) for c in clips)
    ids = [np.minimum(np.arange(longest), len(c.frames) - 1) for c in clips]
    return Frames(
        np.stack([c.frames[i] for c, i in zip(clips, ids, strict=True)]),
        np.array([c.apex for c in clips], np.int32),
        np.array([len(c.frames) for c in clips], np.int32),
    )


def draw_pairs(
    key: jax.Array,
    data: Frames,
    run: Run,
    *,
    size: int,
    onset_apex: float,
    mirror: float,
) -> tuple[jax.Array, jax.Array]:
    """(source, driving), [size, h, w, 3] float32 in [0, 1], of training clips."""
    keys = jax.random.split(key, 5)
    clip = jax.random.categorical(keys[0], jnp.log(run.weights), shape=(size,))
    apex, length = data.apex[clip], data.length[clip]
    other = jax.random.randint(keys[1], (size,), 0, length)
    annotated = jax.random.bernoulli(keys[2], onset_apex, (size,))
    from_onset = jax.random.bernoulli(keys[3], 0.5, (size,))
    source = jnp.where(annotated | from_onset, 0, other)
    driving = jnp.where(annotated | ~from_onset, apex, other)
    flip = jax.random.bernoulli(keys[4], mirror, (size, 1, 1, 1))

    def read(frame):
        images = _to_float(data.frames[clip, frame])
        return jnp.where(flip, images[:, :, ::-1], images)

    return read(source), read(driving)


def _to_float(frames: jax.Array) -> jax.Array:
    return frames.astype(jnp.float32) / 255
