"""Faces by the Haar cascades that come with OpenCV."""

import threading

import numpy as np

from selfme_jax.data.faces.detection import Box, Detector, Face

CASCADES = (
    "haarcascade_frontalface_default.xml",
    "haarcascade_frontalface_alt2.xml",
    "haarcascade_frontalface_alt.xml",
)
# The cascade is given frames of this size or less, and finds faces from this share of
# the shorter side: smaller ones would be blurred crops.
_LONGEST_SIDE, _SMALLEST_FACE = 640, 0.1
STEEPEST = 25.0  # degrees; a steeper line between two 'eyes' is a mistake


def load() -> Detector:
    """OpenCV's cascades; those after the first are asked only if it finds nothing."""
    import cv2

    cascades = [_cascade(name) for name in CASCADES]
    eyes = _cascade("haarcascade_eye.xml")
    lock = threading.Lock()  # the cascades crash when threads share them

    def find(image: np.ndarray) -> tuple[Face, ...]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _LONGEST_SIDE / max(grey.shape))
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grey = cv2.equalizeHist(grey)
        least = (max(1, int(_SMALLEST_FACE * min(grey.shape))),) * 2
        with lock:
            for cascade in cascades:
                found = cascade.detectMultiScale(
                    grey, scaleFactor=1.1, minNeighbors=5, minSize=least
                )
                if len(found):
                    boxes = sorted(found, key=lambda box: -box[2])
                    boxes = [Box(*(box / scale).tolist()) for box in boxes]
                    return tuple(Face(b, _eye_angle(image, b, eyes)) for b in boxes)
        return ()

    return find


def _cascade(name: str):
    import cv2.data

    return cv2.CascadeClassifier(cv2.data.haarcascades + name)


def _eye_angle(image: np.ndarray, box: Box, eyes) -> float:
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
    found = eyes.detectMultiScale(grey, scaleFactor=1.05, minNeighbors=5)
    centres = np.array([(x + w / 2, y + h / 2) for x, y, w, h in found]).reshape(-1, 2)
    sides = centres[centres[:, 0] < 80], centres[centres[:, 0] >= 80]
    if any(len(side) != 1 for side in sides):
        return 0.0
    dx, dy = sides[1][0] - sides[0][0]
    angle = float(np.degrees(np.arctan2(dy, dx)))
    return angle if abs(angle) <= STEEPEST and dx > 0.3 * 160 else 0.0
