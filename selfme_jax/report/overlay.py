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
    drawn = ((seconds, draw(image, seconds, clip)) for seconds, image in frames)
    films.write(path, drawn, fps=clip["fps"] or 25.0)


def draw(image: np.ndarray, seconds: float, clip: Mapping[str, Any]) -> np.ndarray:
    """[h, w, 3] uint8 RGB of even sizes: frame, face, what goes on, time line."""
    import cv2

    h, w = image.shape[:2]
    scale = min(1.0, WIDEST / w)
    size = [2 * max(1, round(n * scale / 2)) for n in (w, h)]
    drawn = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scale = size[0] / w
    now = [
        i for i in clip["intervals"] if i["seconds"][0] <= seconds <= i["seconds"][2]
    ]
    line = max(1, round(size[0] / 400))
    for number, interval in enumerate(now):
        colour = kinds.rgb(interval["kind"])
        if "face" in interval and interval["kind"] not in ("blink", "head"):
            corners = _square(interval["face"], scale)
            cv2.polylines(drawn, [corners], True, colour, line, cv2.LINE_AA)
        _label(drawn, clip_tables.line(interval), number, colour)
    for gap in clip["unseen"]:
        if _lasts(gap["seconds"], seconds):
            _label(drawn, gap["why"], len(now), (118, 118, 118))
    _bar(drawn, seconds, clip)
    return drawn


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


def _bar(drawn: np.ndarray, seconds: float, clip: Mapping[str, Any]) -> None:
    h, w = drawn.shape[:2]
    if h < 4 * BAR:
        return
    per_second = (w - 1) / max(clip["seconds"], 1e-3)
    drawn[h - BAR :] = drawn[h - BAR :] // 4
    for interval in sorted(clip["intervals"], key=lambda i: i["kind"] in ("micro",)):
        first, last = (round(interval["seconds"][i] * per_second) for i in (0, 2))
        drawn[h - BAR + 2 : h - 2, first : last + 1] = kinds.rgb(interval["kind"])
    at = min(w - 2, round(seconds * per_second))
    drawn[h - BAR :, max(0, at - 1) : at + 2] = 255
