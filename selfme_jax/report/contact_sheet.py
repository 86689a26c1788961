"""A sheet of small pictures: whether crops are right is seen at a glance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from etils import epath

from selfme_jax.report import plots, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STRIPS_A_ROW = 2
_LONGEST = 40  # letters of a caption


def draw(strips: Mapping[str, Sequence[np.ndarray]]) -> "Figure":
    """Strips of images side by side, each with its caption.

    strips: caption -> images [h, w, 3] uint8 RGB, the same number in each strip.
    """
    length = len(next(iter(strips.values())))
    across = min(_STRIPS_A_ROW, len(strips))
    rows = -(-len(strips) // across)
    side = plots.WIDTH / (_STRIPS_A_ROW * length)
    drawn, axes = plots.figure(
        side * across * length, (side + 0.25) * rows, rows, across * length
    )
    for axis in axes.flat:
        axis.set_axis_off()
    places = axes.reshape(rows * across, length)
    for place, (caption, images) in zip(places, strips.items(), strict=False):
        for axis, image in zip(place, images, strict=True):
            axis.imshow(image)
        shown = words.shorten(caption, _LONGEST, keep_end=True)
        place[0].set_title(shown, fontsize=8, loc="left")
    return drawn


def save(strips: Mapping[str, Sequence[np.ndarray]], path: epath.Path) -> None:
    """Write the sheet as PNG, atomically."""
    plots.save({path.stem: draw(strips)}, path.parent)
