"""Where the faces in a picture are, by one of several detectors."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from selfme_jax import extras
from selfme_jax.types import UserError

DEFAULT = "mesh"


class Box(NamedTuple):
    """Where a face was found: left, top, width, height in pixels.

    From the forehead to just above the chin, as OpenCV's Haar cascades draw it; what
    other detectors find is brought to that.
    """

    x: float
    y: float
    width: float
    height: float


class Face(NamedTuple):
    """A face in a picture.

    box: where it is, upright.
    angle: of the line between the eyes in degrees, positive where the right end is
      lower; 0 where the eyes were not found.
    mesh: [468, 3] float32 landmarks of MediaPipe's face mesh in pixels, (x, y, depth),
      depth larger further away; None with detectors that find no landmarks.
    """

    box: Box
    angle: float = 0.0
    mesh: np.ndarray | None = None


Detector = Callable[[np.ndarray], tuple[Face, ...]]


def detect(image: np.ndarray, *, detector: str = DEFAULT) -> Face | None:
    """The largest face in an image, or None.

    Args:
        image: [h, w, 3] uint8 RGB.
        detector: see ``load``.

    Raises:
        UserError: unknown or unusable detector.
    """
    return next(iter(load(detector)(image)), None)


@functools.cache
def load(detector: str) -> Detector:
    """A detector by its name: [h, w, 3] uint8 RGB -> the faces, the largest first.

    'mesh' (BlazeFace and the face mesh, in this package), 'haar' (cascades that come
    with OpenCV), 'frame' (frames are cut-out faces already: the whole frame, or its
    middle square), or the path of a MediaPipe face landmarker (.task). All of them may
    be called from several threads.

    Raises:
        UserError: unknown name, no such file, one that MediaPipe cannot read, or
          MediaPipe is not installed.
    """
    if detector == "mesh":
        from selfme_jax.data.faces import mesh

        return mesh.load()
    if detector == "haar":
        from selfme_jax.data.faces import haar

        return haar.load()
    if detector == "frame":
        from selfme_jax.data.faces import framing

        return framing.whole_face
    if detector.endswith(".task"):
        from selfme_jax.data.faces import landmarker

        return landmarker.load(detector)
    raise UserError(
        f"unknown detector {detector!r}. Use mesh, haar, frame (faces that are cut out "
        "already), or the path of a\nMediaPipe face landmarker (face_landmarker.task; "
        f"needs {extras.advice('landmarks')})."
    )
