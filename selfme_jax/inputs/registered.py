"""Flow of clips by B-spline registration: smooth motion, and nothing learned."""

from collections.abc import Mapping
from functools import partial

import jax
import numpy as np

from selfme_jax.inputs import device_clips
from selfme_jax.inputs.base import FlowInput
from selfme_jax.inputs.onset_apex import OfOnsetApex, OnsetApex, in_batches
from selfme_jax.motion.registration import register

BATCH = 8  # clips at once


@partial(jax.jit, static_argnames="size")
def flow_images(onset: jax.Array, apex: jax.Array, *, size: int) -> jax.Array:
    """[b, size, size, 3] (u, v, strain) of onset -> apex, in pixels of the frame.

    Backward as learned motion is: apex(p) = onset(p + flow(p)).
    """
    flow = register(device_clips.to_float(onset), device_clips.to_float(apex))
    return jax.vmap(partial(device_clips.shrink, size=size))(flow)


class Registered(OfOnsetApex, FlowInput):
    """Onset to apex by B-spline registration (our addition)."""

    name = "registered"
    words = "B-spline registration"

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OnsetApex:
        """With the constants of motion/registration.py."""
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
        flow = register(*map(device_clips.to_float, given))
        return jax.vmap(partial(device_clips.shrink, size=size))(flow), {"flow": flow}
