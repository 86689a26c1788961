"""How a face moves, for people to look at: the course of a clip, pictures of a pair."""

from collections.abc import Sequence

import numpy as np

from selfme_jax.inference.events import LOWER, UPPER
from selfme_jax.inference.facial_motion import NAMES, Motion
from selfme_jax.inference.results import Course, Pictures
from selfme_jax.report import motion as drawing

EVERY = 1 / 31  # seconds between the moments that are kept
REST = 4.0  # seconds, the median of which is where the skin rests
HEAD = 0.25  # seconds in which the way of the head is measured
SHOWN = 224  # pixels of a picture
QUALITY = 85  # of JPEG
LEAST = 1.5  # pixels of a face of 256 of full colour: noise is not to look like motion


class Recorder:
    """Keeps motion at 30 moments a second: 160 bytes each, 17 MB an hour."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._motions: list[np.ndarray] = []

    def add(self, seconds: float, motion: Motion) -> None:
        """The motion at a time; what comes too soon after the last is left out."""
        if self._seconds and seconds - self._seconds[-1] < EVERY:
            return
        self._seconds.append(seconds)
        flat = np.concatenate([motion.regions.ravel(), motion.head])
        self._motions.append(flat.astype(np.float32))

    def course(
        self,
        events: Sequence[tuple[float, float]],
        unseen: Sequence[tuple[float, float]] = (),
    ) -> Course | None:
        """Of all that was kept; None where that is nothing.

        Args:
            events: seconds from which and until which the skin does not rest.
            unseen: those without a face, which was still waited for.
        """
        times = np.array(self._seconds)
        shown = np.ones(len(times), bool)
        for first, last in unseen:
            shown &= (times < first) | (times > last)
        if shown.sum() < 3:
            return None
        seconds = times[shown].astype(np.float32)
        flat = np.stack(self._motions)[shown]
        skin = flat[:, :-6]
        skin = (skin - _rest(skin, seconds, events)).reshape(len(flat), len(NAMES), 2)
        length = 100 * np.linalg.norm(skin, axis=-1)
        # The region that moves second most: one alone may have been lost.
        upper, lower = (
            np.sort(length[:, part], axis=1)[:, -2] for part in (UPPER, LOWER)
        )
        lag = max(1, round(HEAD / max(float(np.median(np.diff(seconds))), 1e-3)))
        head = np.zeros(len(flat), np.float32)
        if lag < len(flat):
            way = np.linalg.norm(flat[lag:, -6:] - flat[:-lag, -6:], axis=1)
            head[lag // 2 : lag // 2 + len(way)] = 100 * way
        return Course(seconds, upper, lower, head)


def pictures(onset: np.ndarray, apex: np.ndarray) -> Pictures:
    """What a page shows of two faces, [256, 256, 3] uint8 RGB each."""
    flow = motion(onset, apex)
    longest = max(LEAST, float(np.quantile(np.hypot(*np.moveaxis(flow, -1, 0)), 0.99)))
    colours = np.rint(255 * drawing.colours(flow, longest)).astype(np.uint8)
    y, x = np.mgrid[-1:1:56j, -1:1:56j]  # the legend, in a corner
    wheel = np.rint(255 * drawing.colours(np.stack([x, y], -1), 1.0)).astype(np.uint8)
    colours[-56:, -56:] = np.where((np.hypot(x, y) <= 1)[..., None], wheel, 255)
    return Pictures(
        _encode(onset, ".jpg"), _encode(apex, ".jpg"), _encode(colours, ".png"), longest
    )


def motion(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """[256, 256, 2] pixels: where each point goes from onset to apex; no head in it.

    By OpenCV's DIS flow, less its best affine fit (that of the smaller half of the
    residuals). For people to look at; the answer has its own.
    """
    import cv2

    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (onset, apex)]
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    empty = np.zeros((*grey[0].shape, 2), np.float32)
    flow = cv2.GaussianBlur(solver.calc(grey[0], grey[1], empty), (0, 0), 2.0)
    h, w = flow.shape[:2]
    y, x = np.mgrid[:h, :w].reshape(2, -1) / max(h, w)
    basis, vectors = np.stack([np.ones_like(x), x, y], 1), flow.reshape(-1, 2)
    used = np.ones(len(x), bool)
    for _ in range(3):
        fit = basis @ np.linalg.lstsq(basis[used][::7], vectors[used][::7])[0]
        far = np.linalg.norm(vectors - fit, axis=1)
        used = far <= np.median(far)
    return (vectors - fit).reshape(flow.shape)


def _rest(
    values: np.ndarray, seconds: np.ndarray, events: Sequence[tuple[float, float]]
) -> np.ndarray:
    """The running median of each column, with straight lines across the events."""
    from scipy import ndimage

    busy = np.zeros(len(seconds), bool)
    for first, last in events:
        busy |= (seconds > first) & (seconds < last)
    step = max(float(np.median(np.diff(seconds))), 1e-3)
    size = 2 * max(1, round(REST / step / 2)) + 1
    columns = []
    for column in values.T:
        if not busy.all():
            column = np.interp(seconds, seconds[~busy], column[~busy])
        columns.append(ndimage.median_filter(column, size=size, mode="nearest"))
    return np.stack(columns, 1)


def _encode(image: np.ndarray, kind: str) -> bytes:
    import cv2

    small = cv2.resize(image, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if kind == ".jpg" else []
    return cv2.imencode(kind, small[..., ::-1], options)[1].tobytes()
