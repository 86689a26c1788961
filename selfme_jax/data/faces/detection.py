"""Where the face is in a clip, and the square that is cut out of all its frames.

The square is one for the whole clip: a box detected in every frame anew trembles by
more pixels than a micro-expression moves, and that must not enter the motion.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfme_jax.types import UserError

# Side of the square in faces (boxes), and how far it is moved down in faces. Our choice
# by looking: brows, chin and ears stay in while the head moves a little. The boxes of
# the cascade go from the forehead to just above the chin, hence the move.
MARGIN, DROP = 1.4, 0.05
HAAR = (
    "haarcascade_frontalface_default.xml",
    "haarcascade_frontalface_alt2.xml",
    "haarcascade_frontalface_alt.xml",
)
# The cascade is given frames of this size or less, and finds faces from this share of
# the shorter side: smaller ones would be blurred crops.
_LONGEST_SIDE, _SMALLEST_FACE = 640, 0.1


class Box(NamedTuple):
    """Where a face was found: left, top, width, height in pixels."""

    x: float
    y: float
    width: float
    height: float


class Square(NamedTuple):
    """What is cut out: left, top, side in whole pixels; may reach out of the frame."""

    x: int
    y: int
    side: int


Detector = Callable[[np.ndarray], Box | None]


def detect(image: np.ndarray, *, detector: str = "haar") -> Box | None:
    """The largest face in an image, or None.

    Args:
        image: [h, w, 3] uint8 RGB.
        detector: see ``load``.

    Raises:
        UserError: unknown or unusable detector.
    """
    return load(detector)(image)


@functools.cache
def load(detector: str) -> Detector:
    """A detector by its name.

    'haar' (with OpenCV), 'frame' (frames are cut-out faces already: the whole frame,
    or its middle square), or the path of a MediaPipe face landmarker (.task).

    Raises:
        UserError: unknown name, no such file, one that MediaPipe cannot read, or
          MediaPipe is not installed.
    """
    if detector == "haar":
        return _haar()
    if detector == "frame":
        return _frame
    if detector.endswith(".task"):
        return _landmarker(detector)
    raise UserError(
        f"unknown detector {detector!r}. Use haar, frame (faces that are cut out "
        "already), or the path of a\nMediaPipe face landmarker (face_landmarker.task; "
        "needs pip install 'selfme_jax[landmarks]')."
    )


def clip_square(boxes: Sequence[Box]) -> Square:
    """The square for a clip, from the boxes found in some of its frames.

    The median box: a few wrong ones do no harm.
    """
    x, y, width, height = np.median(boxes, axis=0)
    face = max(width, height)
    side = MARGIN * face
    left = x + width / 2 - side / 2
    top = y + height / 2 - side / 2 + DROP * face
    return Square(round(left), round(top), round(side))


def crop(image: np.ndarray, square: Square, *, size: int) -> np.ndarray:
    """Cut out and resize: [h, w, 3] uint8 -> [size, size, 3] uint8.

    What lies outside of the image repeats its border. Shrinking averages areas, so
    that fine texture does not alias into motion; enlarging is cubic.
    """
    import cv2

    height, width = image.shape[:2]
    rows = np.clip(np.arange(square.y, square.y + square.side), 0, height - 1)
    columns = np.clip(np.arange(square.x, square.x + square.side), 0, width - 1)
    how = cv2.INTER_AREA if square.side > size else cv2.INTER_CUBIC
    return cv2.resize(image[rows[:, None], columns], (size, size), interpolation=how)


def _haar() -> Detector:
    """OpenCV's cascades; those after the first are asked only if it finds nothing."""
    import cv2

    cascades = [cv2.CascadeClassifier(cv2.data.haarcascades + name) for name in HAAR]

    def find(image: np.ndarray) -> Box | None:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _LONGEST_SIDE / max(grey.shape))
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grey = cv2.equalizeHist(grey)
        least = (int(_SMALLEST_FACE * min(grey.shape)),) * 2
        for cascade in cascades:
            found = cascade.detectMultiScale(
                grey, scaleFactor=1.1, minNeighbors=5, minSize=least
            )
            if len(found):
                largest = max(found, key=lambda box: box[2])
                return Box(*(largest / scale).tolist())
        return None

    return find


def _frame(image: np.ndarray) -> Box:
    """The box whose square (``clip_square``) is the middle square of the image."""
    height, width = image.shape[:2]
    face = min(height, width) / MARGIN
    return Box((width - face) / 2, (height - face) / 2 - DROP * face, face, face)


def _landmarker(path: str) -> Detector:
    """The box around the landmarks of MediaPipe's face mesh (forehead to chin)."""
    try:
        import mediapipe
    except ImportError as error:
        raise UserError(
            f"the detector {path} needs MediaPipe: pip install 'selfme_jax[landmarks]'."
        ) from error
    if not Path(path).is_file():
        raise UserError(f"no file {path}. Correct --detector, or use --detector=haar.")
    tasks = mediapipe.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=path)
    )
    try:
        landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"MediaPipe cannot read {path}: {error}\n"
            "--detector wants a face_landmarker.task, as its makers give it out."
        ) from error

    def find(image: np.ndarray) -> Box | None:
        picture = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        faces = landmarker.detect(picture).face_landmarks
        if not faces:
            return None
        points = np.array([(point.x, point.y) for point in faces[0]])
        points *= image.shape[1], image.shape[0]  # they come in shares of the image
        corner = points.min(axis=0)
        return Box(*corner.tolist(), *(points.max(axis=0) - corner).tolist())

    return find
