"""A clip with what was found drawn into it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from selfme_jax.files import films
from selfme_jax.report import clip_tables, kinds

WIDEST = 1280  # pixels; larger ones are shrunk
BAR = 8  # pixels of the time line


def write(
    path: str | os.PathLike,
    frames: Iterable[tuple[float, np.ndarray]],
    clip: Mapping[str, Any],
) -> None:
    """Write the film, whole or not at all.

    Args:
        path: of the .mp4.
        frames: (seconds, [h, w, 3] uint8 RGB), one in memory at a time.
        clip: of predictions.json.
    """
    painter = Painter(clip)
    drawn = ((seconds, painter.frame(image, seconds)) for seconds, image in frames)
    films.write(path, drawn, fps=clip["fps"] or 25.0)


class Painter:
    """Draws what was found in a clip into its frames, one as fast as the other.

    An hour holds a thousand intervals and more: what a frame costs must not grow with
    them, so that the time line is painted once.
    """

    def __init__(self, clip: Mapping[str, Any]):
        """``clip``: of predictions.json."""
        self._clip = clip
        spans = [i["seconds"] for i in clip["intervals"]]
        self._spans = np.array(spans, float).reshape(-1, 3)
        self._bar: tuple[np.ndarray, np.ndarray] | None = None  # of the last width

    def frame(self, image: np.ndarray, seconds: float) -> np.ndarray:
        """[h, w, 3] uint8 RGB of even sizes: frame, face, what goes on, time line."""
        import cv2

        h, w = image.shape[:2]
        scale = min(1.0, WIDEST / w)
        size = [2 * max(1, round(n * scale / 2)) for n in (w, h)]
        drawn = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        scale = size[0] / w
        onset, _, offset = self._spans.T
        now = np.flatnonzero((onset <= seconds) & (seconds <= offset))
        line = max(1, round(size[0] / 400))
        for row, number in enumerate(now):
            interval = self._clip["intervals"][number]
            colour = kinds.rgb(interval["kind"])
            if "face" in interval and interval["kind"] not in ("blink", "head"):
                corners = _square(interval["face"], scale)
                cv2.polylines(drawn, [corners], True, colour, line, cv2.LINE_AA)
            _label(drawn, clip_tables.line(interval), row, colour)
        for gap in self._clip["unseen"]:
            if _lasts(gap["seconds"], seconds):
                _label(drawn, gap["why"], len(now), (118, 118, 118))
        self._time_line(drawn, seconds)
        return drawn

    def _time_line(self, drawn: np.ndarray, seconds: float) -> None:
        h, w = drawn.shape[:2]
        if h < 4 * BAR:
            return
        if self._bar is None or len(self._bar[0]) != w:
            self._bar = _bar(self._clip, w)
        shown, colours = self._bar
        drawn[h - BAR :] = drawn[h - BAR :] // 4
        drawn[h - BAR + 2 : h - 2, shown] = colours[shown]
        at = min(w - 2, round(seconds * _per_second(self._clip, w)))
        drawn[h - BAR :, max(0, at - 1) : at + 2] = 255


def _lasts(span: Sequence[float], seconds: float) -> bool:
    return span[0] <= seconds <= span[-1]


def _square(face: Any, scale: float) -> np.ndarray:
    x, y, side, angle = face
    c, s = (side / 2 * f(np.radians(angle)) for f in (np.cos, np.sin))
    corners = [(-c + s, -s - c), (c + s, s - c), (c - s, s + c), (-c - s, -s + c)]
    return np.rint([(scale * (x + u), scale * (y + v)) for u, v in corners]).astype(int)


def _label(drawn: np.ndarray, text: str, row: int, colour: tuple) -> None:
    """A line of text on a dark ground; letters that OpenCV lacks become '?'."""
    import cv2

    text = text.encode("ascii", "replace").decode()
    font, size = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, drawn.shape[1] / 1100)
    (wide, high), below = cv2.getTextSize(text, font, size, 1)
    if wide > drawn.shape[1] - 12:
        size *= (drawn.shape[1] - 12) / wide
        (wide, high), below = cv2.getTextSize(text, font, size, 1)
    top = 6 + row * (high + below + 8)
    cv2.rectangle(
        drawn, (4, top), (10 + wide, top + high + below + 4), (20, 20, 20), -1
    )
    cv2.rectangle(drawn, (4, top), (6, top + high + below + 4), colour, -1)
    at = (9, top + high + 2)
    cv2.putText(drawn, text, at, font, size, (255, 255, 255), 1, cv2.LINE_AA)


def _per_second(clip: Mapping[str, Any], width: int) -> float:
    return (width - 1) / max(clip["seconds"], 1e-3)


def _bar(clip: Mapping[str, Any], width: int) -> tuple[np.ndarray, np.ndarray]:
    """[width] where something goes on; [width, 3] uint8 its colour, micro on top."""
    shown, colours = np.zeros(width, bool), np.zeros((width, 3), np.uint8)
    per_second = _per_second(clip, width)
    for interval in sorted(clip["intervals"], key=lambda i: i["kind"] == "micro"):
        first, last = (round(interval["seconds"][i] * per_second) for i in (0, 2))
        shown[first : last + 1] = True
        colours[first : last + 1] = kinds.rgb(interval["kind"])
    return shown, colours
