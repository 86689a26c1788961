"""The apex frame itself: what CapsuleNet reads, no motion at all."""

from typing import Any

from selfme_jax.inputs.onset_apex import GreyLevels


class Apex(GreyLevels):
    """The apex frame, RGB in [0, 1]."""

    name = "apex"
    words = "apex frames"
    arguments = ("apex",)
    channels = 3

    def arrange(self, *frames: Any) -> Any:
        """As it is."""
        (apex,) = frames
        return apex
