"""How good a motion network is: its reconstructions, and its flow where truth is known.

Frames are [b, h, w, 3] float32 in [0, 1]; everything is per pair, [b].
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp

from selfme_jax.motion import losses
from selfme_jax.motion.generator import warp_features
from selfme_jax.motion.network import MotionNetwork, MotionOutput
from selfme_jax.ops import flow as flow_ops


class Reconstruction(NamedTuple):
    """Distances to the driving frame; l1 in [0, 1], ssim at most 1.

    onset: of the source frame itself, warped: of the source moved by the flow,
    generated: of the reconstruction.
    """

    l1_onset: jax.Array
    l1_warped: jax.Array
    l1_generated: jax.Array
    ssim_onset: jax.Array
    ssim_warped: jax.Array
    ssim_generated: jax.Array


def reconstruct(
    network: MotionNetwork, variables: dict, source: jax.Array, driving: jax.Array
) -> tuple[Reconstruction, MotionOutput]:
    """Distances of a batch of pairs, and what the network said of them."""
    output = cast(MotionOutput, network.apply(variables, source, driving))
    warped = warp_features(source, output.motion.flow)
    images = source, warped, output.image
    l1 = [jnp.abs(x - driving).mean((1, 2, 3)) for x in images]
    ssim = [1 - 2 * losses.ssim(x, driving) for x in images]
    return Reconstruction(*l1, *ssim), output


class FlowError(NamedTuple):
    """Errors inside the moving area, [b] each, and sums to pool over pairs.

    epe: mean end-point error, pixels. zero: that of no motion at all. angular: mean
    angle between (u, v, 1), degrees. product, power, truth_power: sums of
    flow . truth, |flow|^2, |truth|^2: over pairs they give the correlation and the
    gain (the part of the true motion that is found).
    """

    epe: jax.Array
    zero: jax.Array
    angular: jax.Array
    product: jax.Array
    power: jax.Array
    truth_power: jax.Array


MOVING = 0.25  # of the longest displacement of a pair


def flow_error(flow: jax.Array, truth: jax.Array) -> FlowError:
    """Compare flows [b, h, w, 2] in pixels.

    The moving area is where the true motion is at least MOVING of the pair's longest
    (our choice: a micro-expression moves a small part of the face, and means over the
    whole frame are of its still part).
    """
    length = flow_ops.magnitude(truth)
    moving = length >= MOVING * length.max((1, 2), keepdims=True)
    count = moving.sum((1, 2))

    def total(x):
        return jnp.where(moving, x, 0).sum((1, 2))

    return FlowError(
        epe=total(flow_ops.endpoint_error(flow, truth)) / count,
        zero=total(length) / count,
        angular=jnp.degrees(total(flow_ops.angular_error(flow, truth)) / count),
        product=total((flow * truth).sum(-1)),
        power=total((flow**2).sum(-1)),
        truth_power=total((truth**2).sum(-1)),
    )
