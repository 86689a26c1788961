"""Flow of clips by B-spline registration: smooth motion, and nothing learned."""

from selfme_jax.inputs.onset_apex import PairFlow
from selfme_jax.motion.registration import register


class Registered(PairFlow):
    """Onset to apex by B-spline registration (our addition)."""

    name = "registered"
    words = "B-spline registration"
    find = staticmethod(register)
