"""SelfME's first stage: motion learned without labels, and read from every clip."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from etils import epath

from selfme_jax import files
from selfme_jax.inputs import device_clips, learning
from selfme_jax.inputs.device_clips import DeviceClips
from selfme_jax.motion import network as motion_network
from selfme_jax.motion import objective as motion_objective
from selfme_jax.motion.dense import dropout_rate
from selfme_jax.motion.network import MotionNetwork
from selfme_jax.motion.objective import Objective
from selfme_jax.motion.perceptual import Weights
from selfme_jax.train import checkpoint, loop, runs
from selfme_jax.train.loop import Stage, Stream
from selfme_jax.train.state import Run, Task
from selfme_jax.types import ClipDataset, Split

SCOPES = ("per_fold", "all_subjects", "pretrained")


class MotionRecipe(NamedTuple):
    """How the motion network is trained.

    steps, batch_size: updates, and pairs per update. optimizer: steps -> optax.
    onset_apex, mirror: see ``device_clips.draw_pairs``.
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


class MotionLearning(NamedTuple):
    """Learns motion networks and reads every clip's flow with them.

    size: side of the flow handed on; values stay in pixels of the frame.
    scope: 'per_fold' (a network per fold, trained on its training subjects only),
      'all_subjects' (one network, trained on all clips, without labels:
      transductive) or 'pretrained' (``start`` as it is).
    start: host variables that training starts from; None = random ones.
    vgg: weights of the perceptual loss, constants: data to the compiled step, neither
      part of it nor of the checkpoints.
    """

    network: MotionNetwork
    objective: Objective
    recipe: MotionRecipe
    size: int
    scope: str = "per_fold"
    start: Any = None
    vgg: Weights = ()

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[d, n, size, size, 3] (u, v, strain) of onset -> apex, in pixels.

        A copy for each seed, or with scope 'per_fold' for each seed and fold, where
        fold f's network was trained on its training subjects only and the flow of its
        held-out clips is inference; one with 'pretrained'. What a network reads is
        kept in the workdir, keyed by its weights and the frames.
        """
        data = device_clips.stack(dataset)._replace(vgg=self.vgg)
        kept = learning.keeper(data, stage.workdir.flows, self.size)
        if self.scope == "pretrained":
            return self._read_once(data, kept(self.start), stage.name)[None]
        trained, names = learning.runs(
            len(dataset.samples), splits, seeds, scope=self.scope
        )
        return loop.fit(
            self.task(data.frames.shape),
            trained,
            data,
            self.read,
            stage,
            names,
            kept=kept,
        )

    def pretrain(self, batches: Callable, seed: int, stage: Stage) -> dict:
        """Train one network on a stream of pairs.

        Args:
          batches: (first step, end) -> iterator of (source, driving), uint8
            [b, h, w, 3] each.
          seed: of everything but the batches. stage: see ``loop.Stage``.

        Returns:
          Its variables, on the host.
        """
        first, _ = next(iter(batches(0, 1)))
        run, names = runs.of_all((seed,), 1, "")

        def keep(variables, run, data):
            return variables

        task = self.task((1, 1, *first.shape[1:]))._replace(batch=self._streamed)
        stream = Stream(batches, self.vgg)
        found = loop.fit(task, run, stream, keep, stage, names)
        return jax.tree.map(lambda x: x[0], found)

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
            start=self.start,
        )

    def read(self, variables: dict, run: Run | None, data: DeviceClips) -> jax.Array:
        """Flow and strain of every clip: [n, size, size, 3]. No generator runs."""
        del run

        def one(clip):
            frames, apex = clip
            pair = (
                device_clips.to_float(frames[0][None]),
                device_clips.to_float(frames[apex][None]),
            )
            flow = motion_network.extract(self.network, variables, *pair)[0]
            return device_clips.shrink(flow, self.size)

        return jax.lax.map(one, (data.frames, data.apex))

    def _read_once(self, data: DeviceClips, path: epath.Path, name: str) -> np.ndarray:
        if path.exists():
            print(f"{name}: flow kept from before", flush=True)
            return files.read_array(path)
        print(f"{name}: reading flow with the pretrained network ...", flush=True)
        flow = np.asarray(jax.jit(self.read)(self.start, None, data))
        checkpoint.write_array(path, flow)
        return flow

    def _batch(self, key: jax.Array, data: DeviceClips, run: Run) -> tuple:
        pair = learning.pairs(key, data, run, self.recipe)
        return *pair, data.vgg

    def _streamed(self, key: jax.Array, data: tuple, run: Run) -> tuple:
        del run
        (source, driving), vgg = data
        pair = device_clips.to_float(source), device_clips.to_float(driving)
        return *device_clips.mirror_pairs(
            key, pair, probability=self.recipe.mirror
        ), vgg

    def _init(self, key: jax.Array, *, shape: tuple[int, ...]) -> Mapping[str, Any]:
        blank = jnp.zeros(shape, jnp.float32)
        return self.network.init(key, blank, blank)

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
