"""What changes from onset to apex, in grey levels, and the onset: no flow at all."""

from typing import Any

from selfme_jax.inputs.onset_apex import GreyLevels


class Difference(GreyLevels):
    """Apex less onset, in [-1, 1], and the onset, in [0, 1]: what MMNet reads."""

    name = "difference"
    words = "the difference of apex and onset"
    channels = 6

    def arrange(self, *frames: Any) -> Any:
        """[..., h, w, 6], RGB each."""
        onset, apex = frames
        xp = onset.__array_namespace__()
        return xp.concatenate([apex - onset, onset], axis=-1)
