"""Motion networks by name, and what they learn by.

What one config trained, others start from:

full, fitted     256x256, for a GPU or TPU    video -> casme2, smic_hs, samm, megc2019
small, fitted    64x64 to 128x128, for a CPU  video_small -> casme2_small
small            the same                     synthetic_pretraining -> synthetic
"""

from ml_collections import ConfigDict


def full(config: ConfigDict) -> None:
    """Keypoints tracked from the apex to the onset (our choice), as wide as base.py."""
    network = config.motion.network
    network.smoothness = 0.003
    network.tracking = 0.6
    network.compare = True
    network.refinement = 2
    network.dtype = "bfloat16"
    config.motion.frame_size = 256


def small(config: ConfigDict) -> None:
    """The same, a quarter as wide and with fewer layers, in float32."""
    full(config)
    network = config.motion.network
    network.dtype = "float32"
    network.keypoint_width = 16
    network.keypoint_blocks = (1, 1, 1)
    network.dense_width = 16
    network.dense_depth = 3
    network.max_width = 64
    network.generator_width = 8
    network.generator_down = 2
    network.generator_blocks = 1
    config.motion.frame_size = 0  # any that divides by 16


def fitted(config: ConfigDict) -> None:
    """One candidate more, for real faces: the B-spline registration of each pair.

    The network begins with it, and needs fewer steps; SCViT recognises more on faces
    that move as CASME II's do (docs/motion.md). As there, the loss reads small frames
    from splines.
    """
    config.motion.network.registration = True
    config.motion.loss.fine = 256


def subtle(config: ConfigDict) -> None:
    """The loss for motion of half a pixel.

    It changes a frame less than sensor noise and light do. Every candidate is at hand
    all the time.
    """
    config.motion.loss.update(
        reconstruction=0.2,
        charbonnier=100.0,
        epsilon=0.01,
        scales=1,
        light_blocks=8,
        blur=0.8,
        equivariance=0.02,
        smoothness=0.3,
    )
    config.motion.train.dropout = 0.0
