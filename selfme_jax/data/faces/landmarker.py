"""Faces by a MediaPipe face landmarker that the user brings (.task)."""

import threading
from pathlib import Path

import numpy as np

from selfme_jax import extras
from selfme_jax.data.faces import anthropometry
from selfme_jax.data.faces.detection import Detector, Face
from selfme_jax.types import UserError


def load(path: str) -> Detector:
    """The landmarker in a file.

    Raises:
        UserError: MediaPipe is not installed, no such file, or not readable.
    """
    try:
        import mediapipe
    except ImportError as error:
        raise UserError(
            f"the detector {path} needs MediaPipe: {extras.advice('landmarks')}"
        ) from error
    if not Path(path).is_file():
        raise UserError(f"no file {path}. Correct --detector, or use --detector=mesh.")
    tasks = mediapipe.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=path), num_faces=4
    )
    try:
        landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"MediaPipe cannot read {path}: {error}\n"
            "--detector wants a face_landmarker.task, as its makers give it out."
        ) from error
    lock = threading.Lock()

    def find(image: np.ndarray) -> tuple[Face, ...]:
        picture = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        with lock:
            found = landmarker.detect(picture).face_landmarks
        height, width = image.shape[:2]
        faces = []
        for points in found:  # in shares of the image; depth in shares of its width
            mesh = np.array([(p.x, p.y, p.z) for p in points[: anthropometry.POINTS]])
            faces.append(anthropometry.face(mesh * (width, height, width)))
        return tuple(sorted(faces, key=lambda face: -face.box.width))

    return find
