"""Pictures of what a motion network makes of a pair of frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selfme_jax.ops import grid, pyramid
from selfme_jax.report import motion
from selfme_jax.report.plots import WIDTH, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLUMNS = (
    *("onset", "apex", "reconstruction", "|apex - onset|", "|apex - reconstruction|"),
    *("flow", "keypoints", "visible"),
)


class Picture(NamedTuple):
    """One pair; images [h, w, 3] in [0, 1].

    motion: [h, w, 2] pixels, where each point goes from onset to apex.
    onset_points, apex_points: [k, n, 2] in [-1, 1], (x, y).
    visible: [h, w] in [0, 1].
    """

    title: str
    onset: np.ndarray
    apex: np.ndarray
    reconstruction: np.ndarray
    motion: np.ndarray
    onset_points: np.ndarray
    apex_points: np.ndarray
    visible: np.ndarray


def picture(title: str, onset: np.ndarray, apex: np.ndarray, output: Any) -> Picture:
    """From what a network says of one pair, the batch axis (of one) still on.

    output: ``motion.network.MotionOutput``.
    """
    shape = onset.shape[1:3]
    flow = pyramid.resize(output.motion.flow, shape)
    parts = (
        *(onset, apex, output.reconstruction),
        -grid.flow_to_pixels(flow, shape),
        *(output.source_keypoints.points, output.driving_keypoints.points),
        output.motion.occlusion[-1][..., 0],
    )
    return Picture(title, *(np.asarray(x[0]) for x in parts))


def pictures(pairs: Sequence[Picture]) -> "Figure":
    """A row a pair. Both differences of a row share one scale; flow has its own."""
    width = 1.5 * WIDTH
    height = (width / len(COLUMNS) + 0.5) * len(pairs)
    drawn, axes = figure(width, height, len(pairs), len(COLUMNS))
    for row, pair in zip(axes, pairs, strict=True):
        for axis, name in zip(row, COLUMNS, strict=True):
            axis.set_axis_off()
            axis.set_title(name, fontsize=7)
        _images(row, pair)
        motion.caption(row[0], pair.title)
    return drawn


def _images(row: "np.ndarray", pair: Picture) -> None:
    for axis, image in zip(
        row, (pair.onset, pair.apex, pair.reconstruction), strict=False
    ):
        axis.imshow(np.clip(image, 0, 1))
    before = np.abs(pair.apex - pair.onset).mean(-1)
    after = np.abs(pair.apex - pair.reconstruction).mean(-1)
    # Not the maximum: one noisy pixel would hide the rest.
    limit = np.percentile(before, 99.5) or 1.0
    for axis, error in zip(row[3:5], (before, after), strict=True):
        axis.imshow(error, cmap="magma", vmin=0, vmax=limit)
        motion.caption(axis, f"mean {100 * error.mean():.2f} %")
    row[5].imshow(motion.colours(pair.motion))
    motion.wheel(row[5])
    length = np.hypot(pair.motion[..., 0], pair.motion[..., 1])
    motion.caption(row[5], f"up to {length.max():.2g} px")
    _keypoints(row[6], pair)
    row[7].imshow(pair.visible, cmap="gray", vmin=0, vmax=1)
    motion.caption(row[7], "white = visible")


def _keypoints(axis: "Axes", pair: Picture) -> None:
    """A colour a group; a dot in the onset, a line to its place in the apex."""
    h, w = pair.apex.shape[:2]
    axis.imshow(np.clip(pair.apex, 0, 1), alpha=0.6)
    from matplotlib import colormaps

    colours = colormaps["tab10"](np.arange(len(pair.onset_points)) % 10)
    for start, end, colour in zip(
        pair.onset_points, pair.apex_points, colours, strict=True
    ):
        start, end = ((p + 1) / 2 * [w - 1, h - 1] for p in (start, end))
        axis.plot(*start.T, ".", color=colour, ms=3)
        axis.plot(*np.stack([start, end]).transpose(2, 0, 1), color=colour, lw=0.8)
    axis.set(xlim=(-0.5, w - 0.5), ylim=(h - 0.5, -0.5))
