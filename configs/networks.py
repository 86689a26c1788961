"""Motion networks by name: what one config trained, others start from.

full     256x256 frames, for a GPU or TPU      video -> casme2, smic_hs, samm, megc2019
small    64x64 to 128x128 frames, for a CPU    video_small -> casme2_small, synthetic
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
