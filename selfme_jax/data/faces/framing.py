"""One similarity transform per clip: from its onset, for all of its frames.

A face found in every frame anew trembles by more pixels than a micro-expression moves;
that must not enter the motion.
"""

import contextlib
import functools
import hashlib
import json
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection
from selfme_jax.data.faces.detection import Box

STEEPEST = 25.0  # degrees; a steeper line between two 'eyes' is a mistake
MARGIN, DROP = 1.2, 0.05  # side of the crop and its move down, in faces


class Similarity(NamedTuple):
    """Centre (x, y), side and angle of the square that is cut out of a frame.

    In pixels of the frame and degrees; the angle is that of the line between the
    eyes, positive where the right end is lower.
    """

    x: float
    y: float
    side: float
    angle: float


def find(onset: np.ndarray, *, detector: str) -> Similarity | None:
    """The transform of a clip, or None where no face is found.

    The box of the face gives centre and side; the line between the eyes, where both
    are found, the angle (else 0).

    Args:
        onset: [h, w, 3] uint8 RGB.
        detector: see ``detection.load``.
    """
    box = detection.detect(onset, detector=detector)
    if box is None:
        return None
    angle = np.radians(_eye_angle(onset, box))
    face = max(box.width, box.height)
    down = DROP * face * np.array([-np.sin(angle), np.cos(angle)])
    x, y = np.array([box.x + box.width / 2, box.y + box.height / 2]) + down
    return Similarity(float(x), float(y), MARGIN * face, float(np.degrees(angle)))


def whole(shape: tuple[int, ...]) -> np.ndarray:
    """The map of a frame that is a face already: all of it, stretched to a square."""
    h, w = shape[:2]
    return np.array([[w / 2, 0, w / 2], [0, h / 2, h / 2]])


def affine(found: Similarity) -> np.ndarray:
    """[2, 3] map from [-1, 1]^2 (the crop, edges of pixels) to pixels of the frame."""
    angle, half = np.radians(found.angle), found.side / 2
    c, s = half * np.cos(angle), half * np.sin(angle)
    return np.array([[c, -s, found.x], [s, c, found.y]])


def apply(image: np.ndarray, matrix: np.ndarray, *, size: int) -> np.ndarray:
    """Cut out: [h, w, 3] uint8 -> [size, size, 3] uint8; the border goes on outside.

    Shrinking averages areas: the crop is sampled finer and then reduced.

    Args:
        image: a frame.
        matrix: of ``affine`` or ``whole``.
        size: height and width of the crop.
    """
    import cv2

    if np.array_equal(matrix, whole(image.shape)):  # the same, faster
        shrinks = max(image.shape[:2]) > size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return cv2.resize(image, (size, size), interpolation=how)
    lengths = 2 * np.linalg.norm(matrix[:, :2], axis=0)
    times = max(1, int(np.ceil(lengths.max() / size - 1e-6)))
    n = times * size
    # Pixel i of n spans [-1 + 2 i / n, -1 + 2 (i + 1) / n]; OpenCV counts from centres.
    steps = matrix[:, :2] * 2 / n
    start = matrix[:, 2] - matrix[:, :2].sum(1) + steps.sum(1) / 2 - 0.5
    crop = cv2.warpAffine(
        image,
        np.column_stack([steps, start]),
        (n, n),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if times == 1:
        return crop
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)


class FaceCache:
    """Faces found before, by the content of the onset; kept in a JSON file."""

    def __init__(self, path: Path, detector: str):
        self._path, self._detector = path, detector
        self._known: dict[str, dict]
        self._lock = threading.Lock()
        try:
            found = json.loads(path.read_text())
            self._known = {
                key: {"clip": value["clip"], "face": [float(v) for v in value["face"]]}
                for key, value in found.items()
                if len(value["face"]) == len(Similarity._fields)
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self._known = {}  # none, or damaged: faces are looked for anew

    def find(self, name: str, onset: np.ndarray) -> Similarity | None:
        """See the function; ``name`` is the clip's, for whoever reads the file."""
        key = f"{self._detector} {hashlib.sha256(onset.tobytes()).hexdigest()}"
        if key not in self._known:
            with self._lock:  # OpenCV's cascades crash when threads share them
                found = find(onset, detector=self._detector)
            if found is None:
                return None
            self._known[key] = {"clip": name, "face": list(found)}
        return Similarity(*self._known[key]["face"])

    def write(self) -> None:
        """Keep what was found, if it can be; a kill in between leaves the old file."""
        if not self._known:
            return
        with contextlib.suppress(OSError):  # it is looked for anew then
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(self._known, indent=1) + "\n")
            partial.replace(self._path)


@functools.cache
def _eyes():
    import cv2

    return cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye.xml")


def _eye_angle(image: np.ndarray, box: Box) -> float:
    """Degrees; 0 where not both eyes are found in the upper half of the face."""
    import cv2

    left, top, width, height = (round(v) for v in box)
    top = max(top, 0)
    face = image[top : top + round(0.6 * height), max(left, 0) : left + width]
    if min(face.shape[:2]) < 24:
        return 0.0
    grey = cv2.equalizeHist(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    scale = 160 / grey.shape[1]
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = _eyes().detectMultiScale(grey, scaleFactor=1.05, minNeighbors=5)
    centres = np.array([(x + w / 2, y + h / 2) for x, y, w, h in found]).reshape(-1, 2)
    sides = centres[centres[:, 0] < 80], centres[centres[:, 0] >= 80]
    if any(len(side) != 1 for side in sides):
        return 0.0
    dx, dy = sides[1][0] - sides[0][0]
    angle = float(np.degrees(np.arctan2(dy, dx)))
    return angle if abs(angle) <= STEEPEST and dx > 0.3 * 160 else 0.0
