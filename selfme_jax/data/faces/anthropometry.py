"""What is measured on the face mesh: places of the eyes and mouth, box, turn."""

import numpy as np

from selfme_jax.data.faces.detection import Box, Face

POINTS = 468
# Indices of the mesh; left and right are those of the picture.
EYE_LEFT, EYE_RIGHT = (33, 133, 159, 145), (263, 362, 386, 374)
MOUTH_CORNERS = (61, 291)
OUTER_CORNERS = (33, 263)
# A face measures eye to eye plus eyes to mouth. Side of the box, and how far below the
# eyes its centre is, in this measure: medians over OpenCV's boxes on 25 real faces.
SIDE, BELOW = 1.31, 0.14


def face(mesh: np.ndarray) -> Face:
    """The face of a mesh: [468, 3] pixels (x, y, depth)."""
    left, right = mesh[list(EYE_LEFT), :2].mean(0), mesh[list(EYE_RIGHT), :2].mean(0)
    mouth = mesh[list(MOUTH_CORNERS), :2].mean(0)
    eyes, across = (left + right) / 2, right - left
    width = max(float(np.linalg.norm(across)), 1e-6)
    down = np.array([-across[1], across[0]]) / width
    measure = width + abs(float((mouth - eyes) @ down))
    side = SIDE * measure
    x, y = eyes + BELOW * measure * down - side / 2
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    box = Box(float(x), float(y), side, side)
    return Face(box, angle, mesh.astype(np.float32))


def turned(mesh: np.ndarray) -> float:
    """Degrees by which a head is turned from the camera, to either side: 0 to 90."""
    left, right = mesh[list(OUTER_CORNERS)]
    across = float(np.linalg.norm(right[:2] - left[:2]))
    return float(np.degrees(np.arctan2(abs(float(right[2] - left[2])), across)))
