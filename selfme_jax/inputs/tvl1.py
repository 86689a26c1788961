"""TV-L1 optical flow of clips: the classical motion that SelfME's is compared with."""

from collections.abc import Mapping
from functools import partial

import jax
import numpy as np

from selfme_jax.inputs import device_clips
from selfme_jax.inputs.base import FlowInput
from selfme_jax.inputs.onset_apex import OfOnsetApex, OnsetApex, in_batches
from selfme_jax.ops import flow as flow_ops

BATCH = 8  # clips at once
PRESET = "opencv"  # of ops.flow.tvl1


@partial(jax.jit, static_argnames="size")
def flow_images(onset: jax.Array, apex: jax.Array, *, size: int) -> jax.Array:
    """[b, size, size, 3] (u, v, strain) of onset -> apex, in pixels of the frame.

    Backward as learned motion is: apex(p) = onset(p + flow(p)).
    """
    flow = _flow(onset, apex)
    return jax.vmap(partial(device_clips.shrink, size=size))(flow)


class TVL1(OfOnsetApex, FlowInput):
    """Onset to apex by TV-L1, the motion of the systems SelfME is compared with."""

    name = "tvl1"
    words = "TV-L1 flow"

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OnsetApex:
        """OpenCV's form of it."""
        del frame, start
        size = settings["flow"]["size"]

        def read(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
            return in_batches(partial(flow_images, size=size), onset, apex, size=BATCH)

        return OnsetApex(self.words, read)

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Flow in pixels."""
        del network, variables
        flow = _flow(*given)
        return jax.vmap(partial(device_clips.shrink, size=size))(flow), {"flow": flow}


def _flow(onset: jax.Array, apex: jax.Array) -> jax.Array:
    """[b, h, w, 2] pixels."""
    pair = device_clips.to_float(apex), device_clips.to_float(onset)
    return flow_ops.tvl1(*pair, preset=PRESET)
