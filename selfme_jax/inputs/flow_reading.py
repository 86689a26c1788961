"""From the inputs of a problem to what a classifier reads.

Of numpy arrays by numpy, of jax ones by jax.numpy: exported models hold it too.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

CHANNELS = {"uv": 2, "uvs": 3}


def reader(options: Mapping[str, Any]) -> Callable:
    """``amplify`` by the options of config.flow; ``size`` is the first stage's."""
    own = {key: value for key, value in options.items() if key != "size"}
    return partial(amplify, **own)


def amplify(
    flow: np.ndarray,
    *,
    levels: bool,
    centre: bool,
    standardise: bool,
    scale: float,
    gamma: float,
    channels: str,
) -> np.ndarray:
    """Centred, scaled and amplified flow.

    Args:
      flow: [..., h, w, 3] (u, v, strain), any unit.
      levels: stretch each channel of each image to whole numbers 0..255 first, the
        8-bit form of the published flow images, which forgets how large motion was.
      centre: subtract each image's own median per channel. For published flow
        images, whose channels are stretched to 0..255 one by one, this restores the
        zero of the motion roughly; for flow in pixels it removes head motion.
      standardise: then divide by each image's own sd per channel. For images that
        lost their magnitude anyway: how far the extremes reach is mostly noise.
      scale: to about unit deviation, so that motion is as large as the initial
        positions of a transformer (our choice).
      gamma: motion amplification (2 in the paper).
      channels: 'uv', or 'uvs' with optical strain.

    Returns:
      [..., h, w, 2 or 3] float32.
    """
    xp = flow.__array_namespace__()
    flow = flow[..., : CHANNELS[channels]].astype(np.float32)
    if levels:
        flow = xp.rint(stretch(flow))
    if centre:
        flow = flow - xp.median(flow, axis=(-3, -2), keepdims=True)
    if standardise:
        sd = flow.std(axis=(-3, -2), keepdims=True)
        flow = flow / xp.where(sd > 0, sd, 1)
    return flow * np.float32(scale * gamma)


def advice(read: np.ndarray, *, scale: float) -> str:
    """What to set ``scale`` to where a transformer hardly sees the motion, else ''.

    The initial positions of its tokens are of size 1 and more; motion far smaller
    drowns in them (our choice: below a quarter).

    Args:
      read: what the classifier reads, [..., c] with c = (u, v, ...). scale: with which.
    """
    with np.errstate(invalid="ignore"):  # what is not finite, training will tell
        deviation = float(read[..., :2].std(dtype=np.float64))
    if not 0 < deviation < 0.25:
        return ""
    better = float(f"{scale / deviation:.1g}")
    return (
        f"note: the classifier reads motion with a deviation of {deviation:.2g}, which "
        f"is little beside its positions; try --config.flow.scale={better:g}"
    )


def levels(flow: np.ndarray) -> np.ndarray:
    """8-bit form of the published flow images, in the order their networks eat.

    Each channel of each image is stretched to 0..255; channels come as (strain, v,
    u), which is what ``cv2.imread`` made of the published PNGs. The published images
    pass unchanged. [..., h, w, 3] -> the same shape, float32.
    """
    return stretch(flow)[..., ::-1].astype(np.float32)


def stretch(flow: np.ndarray) -> np.ndarray:
    """Each channel of each image to 0..255, a constant one to 0; [..., h, w, c]."""
    xp = flow.__array_namespace__()
    low = flow.min(axis=(-3, -2), keepdims=True)
    span = flow.max(axis=(-3, -2), keepdims=True) - low
    return (flow - low) * xp.where(span > 0, 255 / xp.where(span > 0, span, 1), 0)


def small(frames: np.ndarray, *, size: int) -> np.ndarray:
    """Frames [d, n, h, w, c] averaged to [d, n, size, size, c], for a linear floor."""
    import cv2

    d, n = frames.shape[:2]
    images = [
        cv2.resize(x, dsize=(size, size), interpolation=cv2.INTER_AREA)
        for x in frames.reshape(-1, *frames.shape[2:])
    ]
    return np.stack(images).reshape(d, n, size, size, -1)


def photograph(
    flow: np.ndarray, *, mean: Sequence[float], sd: Sequence[float]
) -> np.ndarray:
    """Flow as a colour image, for networks that come from photographs (our choice).

    The 8-bit form of ``levels`` read as RGB = (u, v, strain), brought to [0, 1], less
    ``mean`` and divided by ``sd``, one of each a channel. [..., h, w, 3] -> the same
    shape, float32.
    """
    return normalise(levels(flow)[..., ::-1] / 255, mean=mean, sd=sd)


def normalise(
    rgb: np.ndarray, *, mean: Sequence[float], sd: Sequence[float]
) -> np.ndarray:
    """Images in [0, 1] less ``mean``, over ``sd``, by channel: [..., h, w, 3]."""
    return ((rgb - np.array(mean)) / np.array(sd)).astype(np.float32)
