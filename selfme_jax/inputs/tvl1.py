"""TV-L1 optical flow of clips: the classical motion that SelfME's is compared with."""

import jax

from selfme_jax.inputs.onset_apex import PairFlow
from selfme_jax.ops import flow as flow_ops

PRESET = "opencv"  # of ops.flow.tvl1


def find(source: jax.Array, driving: jax.Array) -> jax.Array:
    """[b, h, w, 2] pixels, backward: driving(p) = source(p + flow(p))."""
    return flow_ops.tvl1(driving, source, preset=PRESET)


class TVL1(PairFlow):
    """Onset to apex by TV-L1, the motion of the systems SelfME is compared with."""

    name = "tvl1"
    words = "TV-L1 flow"
    find = staticmethod(find)
