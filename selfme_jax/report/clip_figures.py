"""The time line of a clip: how the face moves, and what was found when."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from selfme_jax.report.kinds import COLOURS, EXPRESSIONS, WORDS
from selfme_jax.report.plots import BLUE, GREY, WIDTH, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, ROWS = 20.0, 12  # seconds of a row at least, rows at most
_LANES = ("micro", "macro", "blink", "talking", "head")
_LOW = 0.6  # percent; below, a course is not stretched over the whole height
_POINTS = 2000  # of a row; more than that cannot be seen
_FONT = 8  # points
_LETTER = 0.65 * _FONT / 72 / WIDTH  # of a row's width, at most


class Course(Protocol):
    """Seconds, and lengths in percent of the side of a face's crop, [t] each."""

    @property
    def seconds(self) -> np.ndarray: ...
    @property
    def upper(self) -> np.ndarray: ...
    @property
    def lower(self) -> np.ndarray: ...


def timeline(clip: Mapping[str, Any], course: Course | None) -> "Figure":
    """Rows of equal length.

    Args:
        clip: of predictions.json.
        course: of its face; None = not known.
    """
    lasts = max(clip["seconds"], 0.1)
    each = max(ROW, lasts / ROWS) if lasts > ROW else lasts
    count = max(1, int(np.ceil(lasts / each - 1e-6)))
    drawn, axes = figure(WIDTH, 0.75 + 1.45 * count, count, 1)
    top = _LOW
    if course is not None:
        top = max(top, float(np.max([course.upper.max(), course.lower.max()])))
    for row, axis in enumerate(axes[:, 0]):
        start = row * each
        _row(axis, clip, course, (start, start + each), top)
    axes[-1, 0].set_xlabel("seconds")
    _legend(drawn, clip, course)
    return drawn


def _row(
    axis: "Axes",
    clip: Mapping[str, Any],
    course: Course | None,
    span: tuple[float, float],
    top: float,
) -> None:
    start, end = span
    if course is not None:
        inside = (course.seconds >= start) & (course.seconds <= end)
        step = max(1, int(inside.sum()) // _POINTS)
        for values, colour in ((course.upper, BLUE), (course.lower, "#1e7b4a")):
            at, high = course.seconds[inside][::step], values[inside][::step]
            broken = np.where(np.diff(at, prepend=at[:1]) > 1.0, np.nan, high)
            axis.plot(at, broken, color=colour, lw=1.0)
    lane = 0.09 * top
    names: list[tuple[float, str, str]] = []
    for interval in clip["intervals"]:
        onset, apex, offset = interval["seconds"]
        if offset < start or onset > end:
            continue
        kind = interval["kind"]
        y = -lane * (1 + _LANES.index("micro" if kind == "given" else kind))
        options: dict[str, Any] = {"color": COLOURS[kind], "linewidth": 0}
        wide = max(offset - onset, 0.002 * (end - start))
        axis.broken_barh([(onset, wide)], (y, 0.8 * lane), **options)
        if kind in EXPRESSIONS:
            axis.axvspan(onset, offset, color=COLOURS[kind], alpha=0.13, lw=0)
            axis.axvline(apex, color=COLOURS[kind], lw=0.9, ls=":")
            words = "?" if interval["unsure"] else (interval["class"] or "")
            if start <= apex <= end:
                names.append((apex, words, COLOURS[kind]))
    options = {"fontsize": _FONT, "ha": "center", "va": "bottom", "clip_on": True}
    free = -np.inf
    for apex, words, colour in sorted(names):
        half = (len(words) + 1) * _LETTER * (end - start) / 2
        if apex - half >= free:  # one over the other cannot be read
            axis.text(apex, 1.04 * top, words, color=colour, **options)
            free = apex + half
    for gap in clip["unseen"]:
        axis.axvspan(*gap["seconds"], color=GREY, alpha=0.25, lw=0, hatch="//")
    axis.set_xlim(start, end)
    axis.set_ylim(-lane * (len(_LANES) + 0.4), 1.22 * top)
    axis.set_yticks([0, round(top, 1)])
    axis.set_ylabel("motion, %", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _legend(drawn: "Figure", clip: Mapping[str, Any], course: Course | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if course is not None:
        handles += [Line2D([], [], color=BLUE, label="brows and eyes")]
        handles += [Line2D([], [], color="#1e7b4a", label="nose and mouth")]
    kinds = {interval["kind"] for interval in clip["intervals"]}
    handles += [Patch(color=COLOURS[k], label=WORDS[k]) for k in COLOURS if k in kinds]
    if clip["unseen"]:
        handles.append(Patch(color=GREY, alpha=0.4, label="no face"))
    options = {"fontsize": 8, "frameon": False, "ncols": 4}
    drawn.legend(handles=handles, loc="outside upper left", **options)
