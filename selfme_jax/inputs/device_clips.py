"""Clips on a device: stacking them, drawing pairs of frames, the flow handed on."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.motion.perceptual import Weights
from selfme_jax.ops import flow as flow_ops
from selfme_jax.train import draws
from selfme_jax.train.state import Run
from selfme_jax.types import Array, Clip, ClipDataset

Frames = TypeVar("Frames", jax.Array, np.ndarray)


class DeviceClips(NamedTuple):
    """What stays on the device: clips, and the weights of the perceptual loss.

    frames: [n, t, h, w, 3] uint8, short clips padded by their last frame.
    apex: [n] int32. length: [n] int32, real frames.
    vgg: () where there is no such loss.
    """

    frames: Array
    apex: Array
    length: Array
    vgg: Weights = ()


def stack(dataset: ClipDataset) -> DeviceClips:
    """All clips of a dataset in one array, short ones padded by their last frame."""
    clips: Sequence[Clip] = [dataset.clip(i) for i in range(len(dataset.samples))]
    longest = max(len(c.frames) for c in clips)
    ids = [np.minimum(np.arange(longest), len(c.frames) - 1) for c in clips]
    return DeviceClips(
        np.stack([c.frames[i] for c, i in zip(clips, ids, strict=True)]),
        np.array([c.apex for c in clips], np.int32),
        np.array([len(c.frames) for c in clips], np.int32),
    )


def onset_apex(data: DeviceClips) -> tuple[np.ndarray, np.ndarray]:
    """(onset, apex) frames of all clips, [n, h, w, 3] uint8 each, on the host."""
    frames = np.asarray(data.frames)
    return frames[:, 0], frames[np.arange(len(frames)), np.asarray(data.apex)]


def draw_pairs(
    key: jax.Array,
    data: DeviceClips,
    run: Run,
    *,
    size: int,
    onset_apex: float,
    mirror: float,
) -> tuple[jax.Array, jax.Array]:
    """(source, driving), [size, h, w, 3] float32 in [0, 1], of training clips.

    Args:
      key: of all draws.
      data: the clips. run: its weights say which ones are training clips.
      size: pairs. onset_apex: share of the pairs that are (onset, apex); of the
        others half are (onset, t) and half (t, apex), t uniform in the clip.
      mirror: probability of mirroring a pair.
    """
    keys = jax.random.split(key, 5)
    clip = draws.index(keys[0], run.weights, size)
    apex, length = data.apex[clip], data.length[clip]
    other = jax.random.randint(keys[1], (size,), 0, length)
    annotated = jax.random.bernoulli(keys[2], onset_apex, (size,))
    from_onset = jax.random.bernoulli(keys[3], 0.5, (size,))
    source = jnp.where(annotated | from_onset, 0, other)
    driving = jnp.where(annotated | ~from_onset, apex, other)
    pair = to_float(data.frames[clip, source]), to_float(data.frames[clip, driving])
    return mirror_pairs(keys[4], pair, probability=mirror)


def mirror_pairs(
    key: jax.Array, pair: tuple[jax.Array, jax.Array], *, probability: float
) -> tuple[jax.Array, jax.Array]:
    """Both frames of some pairs mirrored, [b, h, w, 3] each."""
    b = pair[0].shape[0]
    flip = jax.random.bernoulli(key, probability, (b, 1, 1, 1))
    source, driving = (jnp.where(flip, image[:, :, ::-1], image) for image in pair)
    return source, driving


def to_float(frames: Frames) -> Frames:
    """Uint8 -> float32 in [0, 1]; of numpy by numpy, of jax by jax."""
    return frames.astype(jnp.float32) / 255


def shrink(flow: jax.Array, size: int) -> jax.Array:
    """Flow [h, w, 2] in pixels -> (u, v, strain) [size, size, 3].

    Values stay in pixels of the frame; strain is taken before it shrinks.
    """
    full = flow_ops.strain_image(flow)
    return jax.image.resize(full, (size, size, 3), "linear", antialias=True)
