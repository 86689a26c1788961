"""The one framing of faces: what is cut out of a frame, for all data here.

One similarity transform per clip, or per window of a long video: a face found in every
frame anew trembles by more pixels than a micro-expression moves; that must not enter
the motion.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection
from selfme_jax.data.faces.detection import Box, Face

MARGIN, DROP = 1.2, 0.05  # side of the crop and its move down, in faces (boxes)


class Similarity(NamedTuple):
    """Centre (x, y), side and angle of the square that is cut out of a frame.

    In pixels of the frame and degrees; the angle is that of the line between the
    eyes, positive where the right end is lower.
    """

    x: float
    y: float
    side: float
    angle: float


def of(face: Face) -> Similarity:
    """The square around a face, turned with it."""
    box, angle = face.box, np.radians(face.angle)
    side = max(box.width, box.height)
    down = DROP * side * np.array([-np.sin(angle), np.cos(angle)])
    x, y = np.array([box.x + box.width / 2, box.y + box.height / 2]) + down
    return Similarity(float(x), float(y), MARGIN * side, float(face.angle))


def middle(found: Sequence[Similarity]) -> Similarity:
    """The median of some, number by number: a few wrong ones do no harm."""
    return Similarity(*np.median(found, axis=0).tolist())


def find(image: np.ndarray, *, detector: str) -> Similarity | None:
    """The framing of the largest face, or None where there is none.

    Args:
        image: [h, w, 3] uint8 RGB.
        detector: see ``detection.load``.
    """
    face = detection.detect(image, detector=detector)
    return None if face is None else of(face)


def whole_face(image: np.ndarray) -> tuple[Face, ...]:
    """The detector of faces that are cut out already: the middle square is framed."""
    height, width = image.shape[:2]
    side = min(height, width) / MARGIN
    box = Box((width - side) / 2, (height - side) / 2 - DROP * side, side, side)
    return (Face(box),)


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
    """Cut out: [h, w, ...] uint8 -> [size, size, ...]; the border goes on outside.

    Shrinking averages areas: the crop is sampled finer and then reduced.

    Args:
        image: a frame.
        matrix: of ``affine`` or ``whole``.
        size: height and width of the crop.
    """
    import cv2

    if np.allclose(matrix, whole(image.shape), rtol=0, atol=1e-6):  # the same, faster
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
