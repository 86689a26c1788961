"""From (u, v, strain) of a problem to what a classifier reads."""

from collections.abc import Sequence

import numpy as np

CHANNELS = {"uv": 2, "uvs": 3}


def amplify(
    flow: np.ndarray,
    *,
    centre: bool,
    standardise: bool,
    scale: float,
    gamma: float,
    channels: str,
) -> np.ndarray:
    """Centred, scaled and amplified flow.

    Args:
      flow: [..., h, w, 3] (u, v, strain), any unit.
      centre: subtract each image's own median per channel. For published flow
        images, whose channels are stretched to 0..255 one by one, this restores the
        zero of the motion roughly; for flow in pixels it removes head motion.
      standardise: then divide by each image's own sd per channel. For images that
        lost their magnitude anyway: how far the extremes reach is mostly noise.
      scale: to unit range (1/255 for grey levels, 1 for pixels).
      gamma: motion amplification (2 in the paper).
      channels: 'uv', or 'uvs' with optical strain.

    Returns:
      [..., h, w, 2 or 3] float32.
    """
    flow = flow[..., : CHANNELS[channels]].astype(np.float32)
    if centre:
        flow = flow - np.median(flow, axis=(-3, -2), keepdims=True)
    if standardise:
        sd = flow.std(axis=(-3, -2), keepdims=True)
        flow = flow / np.where(sd > 0, sd, 1)
    return flow * np.float32(scale * gamma)


def levels(flow: np.ndarray) -> np.ndarray:
    """8-bit form of the published flow images, in the order their networks eat.

    Each channel of each image is stretched to 0..255; channels come as (strain, v,
    u), which is what ``cv2.imread`` made of the published PNGs. The published images
    pass unchanged. [..., h, w, 3] -> the same shape, float32.
    """
    low = flow.min(axis=(-3, -2), keepdims=True)
    span = flow.max(axis=(-3, -2), keepdims=True) - low
    stretched = (flow - low) * np.where(span > 0, 255 / np.where(span > 0, span, 1), 0)
    return stretched[..., ::-1].astype(np.float32)


def photograph(
    flow: np.ndarray, *, mean: Sequence[float], sd: Sequence[float]
) -> np.ndarray:
    """Flow as a colour image, for networks that come from photographs (our choice).

    The 8-bit form of ``levels`` read as RGB = (u, v, strain), brought to [0, 1], less
    ``mean`` and divided by ``sd``, one of each a channel. [..., h, w, 3] -> the same
    shape, float32.
    """
    rgb = levels(flow)[..., ::-1] / 255
    return ((rgb - np.array(mean)) / np.array(sd)).astype(np.float32)
