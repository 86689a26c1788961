"""Frames in the form of the flow images published with STSTNet, for what reads those.

Flow from the onset forward to the apex, cut out as those images are: 28x28 of a face
from just above the brows to below the chin, each channel (u, v, strain) stretched to
0..255. Those images are TV-L1's; B-spline registration is nearer to the truth on faces
whose motion is known, and so are the answers upon it (docs/motion.md).
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.inputs import tvl1
from selfme_jax.inputs.base import FlowInput
from selfme_jax.inputs.device_clips import to_float
from selfme_jax.inputs.flow_reading import stretch
from selfme_jax.inputs.onset_apex import BATCH, Find, OfOnsetApex, OnsetApex, in_batches
from selfme_jax.motion.registration import register
from selfme_jax.ops import flow as flow_ops
from selfme_jax.types import Array, Dataset

SIZE = 28
# Of a crop (data/faces/framing: 1.2 boxes wide, its middle 0.05 boxes below that of the
# box), the left, top, right and bottom of x 0.19..0.81, y 0.16..1.07 of the box: where
# brows, mouth and its corners lie as they do in the published images.
FRAME = (0.2417, 0.1750, 0.7583, 0.9333)
MARGIN = 0.03  # of the crop, beyond the frame: flow is poor at borders


@functools.partial(jax.jit, static_argnames="find")
def motion(onset: jax.Array, apex: jax.Array, *, find: Find = register) -> jax.Array:
    """Flow in the published framing, onset -> apex, in pixels of the crop.

    Args:
      onset, apex: [b, h, w, 3] uint8 RGB, crops of the one framing of faces.
      find: what finds it (``onset_apex.Find``).

    Returns:
      [b, 28, 28, 2] float32 (u, v), averages over the area of each pixel.
    """
    h, w = onset.shape[-3:-1]
    rows, top, bottom = _window(h, FRAME[1], FRAME[3])
    columns, left, right = _window(w, FRAME[0], FRAME[2])
    cut = [to_float(x[..., top:bottom, left:right, :]) for x in (onset, apex)]
    flow = find(cut[1], cut[0])  # forward: onset(p) = apex(p + flow(p))
    return jnp.einsum("yi,...ijc,xj->...yxc", rows, flow, columns)


def as_published(flow: Array) -> jax.Array:
    """With strain, each channel stretched: [..., 28, 28, 2] -> [..., 28, 28, 3].

    Whole numbers 0..255 float32, a constant channel 0.
    """
    image: Any = flow_ops.strain_image(flow)
    return jnp.rint(stretch(image))


def _window(size: int, start: float, stop: float) -> tuple[np.ndarray, int, int]:
    """[28, stop' - start'] area averages, and start', stop' with the margin."""
    low = max(0, int((start - MARGIN) * size))
    high = min(size, int(np.ceil((stop + MARGIN) * size)))
    edges = np.linspace(start, stop, SIZE + 1) * size - low
    pixel = np.arange(high - low)
    upper = np.minimum(edges[1:, None], pixel + 1)
    weights = np.clip(upper - np.maximum(edges[:-1, None], pixel), 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32), low, high


def motions(
    onset: np.ndarray, apex: np.ndarray, *, find: Find = register
) -> np.ndarray:
    """``motion`` of any number of pairs, a few at once: [n, 28, 28, 2] float32."""
    if not len(onset):
        return np.zeros((0, SIZE, SIZE, 2), np.float32)
    size = 1 if len(onset) == 1 else BATCH  # two shapes to compile
    return in_batches(functools.partial(motion, find=find), onset, apex, size=size)


class Published(OfOnsetApex, FlowInput):
    """Onset to apex by B-spline registration, in the form of the published images."""

    name = "published"
    words = "B-spline registration in the published form"
    find = staticmethod(register)

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """(28, 28, 3)."""
        del settings, dataset
        return (SIZE, SIZE, 3)

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> OnsetApex:
        """For frames that are crops of the one framing of faces."""
        del settings, frame, start

        def read(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
            return np.asarray(as_published(motions(onset, apex, find=self.find)))

        return OnsetApex(self.words, read)

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The images."""
        del network, variables, size
        return as_published(motion(*given, find=self.find)), {}


class PublishedTVL1(Published):
    """The same by TV-L1, as the published images were made."""

    name = "published_tvl1"
    words = "TV-L1 flow in the published form"
    find = staticmethod(tvl1.find)
