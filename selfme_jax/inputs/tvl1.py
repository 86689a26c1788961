"""TV-L1 optical flow of clips: the classical motion that SelfME's is compared with."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from selfme_jax.inputs import device_clips
from selfme_jax.inputs.base import FlowInput
from selfme_jax.ops import flow as flow_ops
from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Split

BATCH = 8  # clips at once


class OpticalFlow(NamedTuple):
    """A ``FirstStage`` that learns nothing.

    size: side of the flow handed on; values stay in pixels of the frame.
    preset: of ``ops.flow.tvl1``.
    """

    size: int
    preset: str = "opencv"

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[1, n, size, size, 3] (u, v, strain) of onset -> apex, in pixels.

        Backward as learned motion is: apex(p) = onset(p + flow(p)).
        """
        del splits, seeds
        onset, apex = device_clips.onset_apex(device_clips.stack(dataset))
        print(f"{stage.name}: TV-L1 of {len(onset)} clips ...", flush=True)

        @jax.jit
        def read(onset, apex):
            pair = device_clips.to_float(apex), device_clips.to_float(onset)
            flow = flow_ops.tvl1(*pair, preset=self.preset)
            return jax.vmap(partial(device_clips.shrink, size=self.size))(flow)

        found = []
        for start in range(0, len(onset), BATCH):
            # The last batch is filled up: one compilation for all.
            ids = np.minimum(np.arange(start, start + BATCH), len(onset) - 1)
            found.append(np.asarray(read(onset[ids], apex[ids])))
        return np.concatenate(found)[None, : len(onset)]


class TVL1(FlowInput):
    """Onset to apex by TV-L1, the motion of the systems SelfME is compared with."""

    name = "tvl1"
    words = "TV-L1 flow"
    keys = ()
    of_clips = True
    learns = starts = False
    arguments = ("onset", "apex")

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OpticalFlow:
        """OpenCV's form of it."""
        del frame, start
        return OpticalFlow(settings["flow"]["size"])

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Flow in pixels."""
        del network, variables
        onset, apex = map(device_clips.to_float, given)
        flow = flow_ops.tvl1(apex, onset, preset=OpticalFlow(size).preset)
        return jax.vmap(partial(device_clips.shrink, size=size))(flow), {"flow": flow}
