"""Motion pictures: onset, apex, their difference, and the motion as colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selfme_jax.report import words
from selfme_jax.report.plots import WIDTH, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Picture(NamedTuple):
    """What is drawn of one clip.

    title: e.g. 'casme2/sub01/EP02_01f, positive'.
    motion: [h, w, 2] pixels (x right, y down), where each point of the face goes
      from onset to apex. A backward flow (``types.Clip.flow``) must be negated.
    onset, apex: [H, W, 3] RGB, uint8 or float in [0, 1]; None where there are none.
    """

    title: str
    motion: np.ndarray
    onset: np.ndarray | None = None
    apex: np.ndarray | None = None


def colours(motion: np.ndarray, peak: float | None = None) -> np.ndarray:
    """Colour wheel: hue = direction, saturation = length, white = no motion.

    Args:
        motion: [..., 2] (x right, y down).
        peak: length of full saturation; None takes the longest.

    Returns:
        [..., 3] RGB in [0, 1].
    """
    from matplotlib.colors import hsv_to_rgb

    length = np.hypot(motion[..., 0], motion[..., 1])
    peak = peak or length.max() or 1.0
    # y points down, so minus y makes the wheel turn as a person expects.
    hue = np.arctan2(-motion[..., 1], motion[..., 0]) / (2 * np.pi) % 1.0
    saturation = np.clip(length / peak, 0, 1)
    return hsv_to_rgb(np.stack([hue, saturation, np.ones_like(hue)], -1))


def pictures(clips: Sequence[Picture]) -> "Figure":
    """One row a clip; its colours reach full saturation at its longest motion."""
    framed = any(clip.onset is not None for clip in clips)
    columns = 5 if framed else 2
    height = (WIDTH / 5 + 0.35) * len(clips)
    drawn, axes = figure(WIDTH, height, len(clips), columns)
    for row, clip in zip(axes, clips, strict=True):
        for axis in row:
            axis.set_axis_off()
        if clip.onset is not None and clip.apex is not None:
            _frames(row[:3], clip.onset, clip.apex)
        _motion(row[-2:], clip)
        row[0].set_title(words.shorten(clip.title, 60), fontsize=7, loc="left")
    return drawn


def _frames(axes: np.ndarray, *frames: np.ndarray) -> None:
    onset, apex = map(_unit, frames)
    change = (apex - onset).mean(-1)
    # Not the maximum: one noisy pixel would hide the rest.
    limit = np.percentile(np.abs(change), 99.5) or 1.0
    axes[0].imshow(onset)
    axes[1].imshow(apex)
    axes[2].imshow(change, cmap="RdBu_r", vmin=-limit, vmax=limit)
    caption(axes[0], "onset")
    caption(axes[1], "apex")
    caption(axes[2], f"apex - onset (±{100 * limit:.1f} %)")


def _motion(axes: np.ndarray, clip: Picture) -> None:
    length = np.hypot(clip.motion[..., 0], clip.motion[..., 1])
    axes[0].imshow(colours(clip.motion))
    wheel(axes[0])
    axes[1].imshow(length, cmap="magma", vmin=0)
    caption(axes[0], "motion")
    caption(axes[1], f"length (0 to {length.max():.2g} px)")


def wheel(axis: "Axes") -> None:
    """The legend, in a corner."""
    y, x = np.mgrid[-1:1:41j, -1:1:41j]
    inside = np.hypot(x, y) <= 1
    rgba = np.dstack([colours(np.stack([x, y], -1), 1.0), inside.astype(float)])
    inset = axis.inset_axes((0.76, 0.0, 0.24, 0.24))
    inset.imshow(rgba)
    inset.set_axis_off()


def caption(axis: "Axes", text: str) -> None:
    """A line below a picture."""
    axis.text(
        0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=7
    )


def _unit(frame: np.ndarray) -> np.ndarray:
    """RGB in [0, 1]."""
    return frame / 255.0 if frame.dtype == np.uint8 else np.asarray(frame, float)
