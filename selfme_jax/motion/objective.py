"""The training objective of motion learning: all weighted terms of one batch."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp

from selfme_jax.motion import losses, perceptual
from selfme_jax.motion.network import MotionNetwork, MotionOutput, to_pixels
from selfme_jax.ops import affine, augment, bspline, pyramid, warp
from selfme_jax.types import Keypoints


class Objective(NamedTuple):
    """Weights of the terms (0 = the term is not computed) and their settings.

    reconstruction: generated against driving frame. warped: warped source against
    driving frame, which the generator cannot help by painting. Both are the
    multi-scale sum of charbonnier, ssim and census. equivariance: keypoints under a
    random affine map (rotation in radians, log zoom, translation in grid units: the
    largest of each) and B-spline (of that deviation, grid units, on cells x cells).
    perceptual: VGG-19 features of generated and driving frame, which needs weights.
    feature_warp: encoder features. smoothness: of the flow in pixels.

    epsilon: of charbonnier; well above the noise it weighs errors by their square,
    which finds motion far below a pixel best. blur: in pixels, before frames are
    compared (see losses.blur). fine: side of the warped source (see losses.finer), 0 =
    off. light_blocks: see losses.level_light, 0 = off.
    """

    reconstruction: float = 1.0
    warped: float = 1.0
    charbonnier: float = 1.0
    ssim: float = 0.0
    census: float = 0.0
    scales: int = 3
    epsilon: float = 1e-3
    light_blocks: int = 0
    blur: float = 0.0
    fine: int = 0
    perceptual: float = 0.0
    equivariance: float = 1.0
    feature_warp: float = 0.0
    smoothness: float = 0.0
    rotation: float = 0.1
    zoom: float = 0.1
    translation: float = 0.1
    bspline: float = 0.05
    cells: int = 5


def loss(
    network: MotionNetwork,
    params: dict,
    key: jax.Array,
    source: jax.Array,
    driving: jax.Array,
    *,
    objective: Objective,
    dropout: jax.Array | float | None = None,
    vgg: perceptual.Weights = (),
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Weighted loss of a batch of pairs.

    Args:
      network, params: the module and its variables {'params': ...}.
      key: of the transform dropout and the random warp.
      source, driving: [b, h, w, 3] float32 in [0, 1].
      objective: weights and settings.
      dropout: rate of the transform dropout, may be traced; None = off.
      vgg: weights of the perceptual term, constants. Its convolutions have the dtype
        of the network's.

    Returns:
      (scalar, every computed term by name, before its weight, and 'loss').
    """
    drop_key, warp_key = jax.random.split(key)
    output = cast(
        MotionOutput,
        network.apply(
            params,
            source,
            driving,
            dropout=dropout,
            reconstruct=bool(objective.reconstruction or objective.perceptual),
            rngs={} if dropout is None else {"dropout": drop_key},
        ),
    )
    terms = {}
    target = losses.blur(driving, sigma=objective.blur)
    if objective.reconstruction:
        image = losses.blur(output.image, sigma=objective.blur)
        terms["reconstruction"] = _photometric(objective, image, target)
    if objective.warped:
        image = losses.blur(source, sigma=objective.blur)
        image = losses.finer(image, side=objective.fine)
        flow = pyramid.resize(output.motion.flow, source.shape[1:3])
        image = warp.warp(image, flow)
        terms["warped"] = _photometric(objective, image, target)
    if objective.perceptual:
        terms["perceptual"] = perceptual.multiscale(
            vgg, output.image, driving, dtype=network.dtype
        )
    if objective.equivariance:
        terms["equivariance"] = _equivariance(
            objective, network, params, warp_key, driving, output
        )
    if objective.feature_warp:
        pair = network.apply(params, source, driving, output.motion, method="features")
        terms["feature_warp"] = losses.feature_warp(*pair)
    if objective.smoothness:
        flow = to_pixels(output.motion.flow, source.shape[1:3])
        terms["smoothness"] = losses.smoothness(flow, driving)
    metrics = {name: term.mean() for name, term in terms.items()}
    total = sum(getattr(objective, name) * term for name, term in metrics.items())
    total = jnp.asarray(total, jnp.float32)
    return total, metrics | {"loss": total}


def _photometric(objective: Objective, image: jax.Array, target: jax.Array):
    if objective.light_blocks:
        image = losses.level_light(image, target, blocks=objective.light_blocks)
    return losses.photometric(
        image,
        target,
        scales=objective.scales,
        epsilon=objective.epsilon,
        charbonnier_weight=objective.charbonnier,
        ssim_weight=objective.ssim,
        census_weight=objective.census,
    )


def _random_warp(key: jax.Array, objective: Objective) -> tuple[jax.Array, jax.Array]:
    """A random affine map [2, 3] and B-spline controls; the warp is their sum."""
    affine_key, spline_key = jax.random.split(key)
    matrix = augment.random_affine(
        affine_key,
        rotation=objective.rotation,
        scale=objective.zoom,
        translation=objective.translation,
    )
    control = augment.random_bspline(
        spline_key, cells=objective.cells, scale=objective.bspline
    )
    return matrix, control


def _equivariance(
    objective: Objective,
    network: MotionNetwork,
    params: dict,
    key: jax.Array,
    driving: jax.Array,
    output: MotionOutput,
) -> jax.Array:
    """[b]: the keypoints of a warped frame, mapped back, are those of the frame.

    warped(z) = driving(z + flow(z)), so a point z found in it belongs at
    z + flow(z).
    """
    b, *shape, _ = driving.shape
    keys = jax.random.split(key, b)
    matrix, control = jax.vmap(lambda key: _random_warp(key, objective))(keys)
    flow = affine.field(matrix, tuple(shape)) + bspline.field(control, tuple(shape))
    image = warp.warp(driving, flow)
    keypoints = cast(Keypoints, network.apply(params, image, method="keypoints"))
    found = keypoints.points
    flat = found.reshape(b, -1, 2)
    mapped = affine.apply(matrix, flat) + bspline.evaluate(control, flat)
    mapped = mapped.reshape(found.shape)
    return losses.equivariance(output.driving_keypoints.points, mapped)
