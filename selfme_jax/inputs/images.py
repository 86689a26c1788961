"""Flow images that somebody else made: nothing is read of clips."""

from collections.abc import Mapping
from typing import NoReturn

import jax

from selfme_jax.inputs.base import FlowInput
from selfme_jax.types import Dataset, UserError, images_of


class Images(FlowInput):
    """Published flow images, grey levels 0..255 by channel (u, v, strain)."""

    name = "images"
    words = "given flow images"
    keys = ()
    of_clips = False
    learns = starts = False
    arguments = ("flow",)

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """That of the images."""
        del settings
        height, width, channels = images_of(dataset).images.shape[1:]
        return height, width, channels

    def stage(self, settings: Mapping, frame: tuple, start: None = None) -> NoReturn:
        """There is none.

        Raises:
          UserError: always.
        """
        raise UserError(
            "flow images hold no frames to learn motion from. Set "
            "--config.data.name=video or synthetic, and --config.input=learned."
        )

    def apply(
        self, network: None, variables: None, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """As they are."""
        del network, variables, size
        (flow,) = given
        return flow, {}
