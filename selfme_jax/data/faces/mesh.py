"""Faces by MediaPipe's BlazeFace and face mesh, run by OpenCV.

BlazeFace finds candidates, in the whole picture and, where that shows none, in parts of
it; the mesh says whether a candidate is a face, and where its landmarks are. The
networks are in ``weights`` (its NOTICE says whose they are).
"""

import functools
import threading
from pathlib import Path

import numpy as np

from selfme_jax.data.faces import anthropometry
from selfme_jax.data.faces.detection import Detector, Face

WEIGHTS = Path(__file__).parent / "weights"
SIZE, MESH_SIZE = 128, 192  # pixels that the networks read
CANDIDATE = 0.3  # of BlazeFace's score in [0, 1]; the mesh is stricter
# The least of the mesh's score (a logit). Ours: on 25 real faces, also turned, small,
# dark and blurred, on 25 drawn ones (4.2 and more), and on 121 pictures without one,
# fur among them (up to 1.1).
CONFIRMED = 4.0
SAME = 0.3  # intersection over union from which two boxes are one face
COARSE = 8.0  # degrees between the candidate and its mesh
ROOM = 1.5  # side of what the mesh is given, in boxes of BlazeFace
# Side of the parts that are searched, in the shorter side of the picture.
PART = 0.5


class _Networks:
    """OpenCV's networks, one call at a time."""

    def __init__(self):
        import cv2

        def read(name: str):
            data = np.frombuffer((WEIGHTS / name).read_bytes(), np.uint8)
            return cv2.dnn.readNetFromTFLite(data)

        self._blaze = read("blazeface_short_range.tflite")
        self._mesh = read("face_mesh.tflite")
        self._lock = threading.Lock()

    def blaze(self, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [896] and boxes and points [896, 8, 2] of a patch in [-1, 1]."""
        score, boxes = self._run(self._blaze, patch)
        return score.ravel(), boxes.reshape(-1, 8, 2)

    def mesh(self, patch: np.ndarray) -> tuple[float, np.ndarray]:
        """Logit and points [468, 3] in pixels of a patch in [0, 1]."""
        score, points = self._run(self._mesh, patch)
        return float(score.ravel()[0]), points.reshape(anthropometry.POINTS, 3)

    def _run(self, net, patch: np.ndarray) -> list[np.ndarray]:
        """The two outputs, the smaller one first."""
        with self._lock:
            net.setInput(np.ascontiguousarray(patch.transpose(2, 0, 1)[None]))
            outputs = net.forward(net.getUnconnectedOutLayersNames())
            return sorted((np.array(o) for o in outputs), key=np.size)


def load() -> Detector:
    """The detector; reads its networks."""
    networks = _networks()
    anchors = _anchors()

    def search(image: np.ndarray, square: tuple[float, float, float]) -> list[Face]:
        candidates = _candidates(image, square, networks, anchors)
        found = (_confirm(image, points) for points in candidates)
        return [face for face in found if face]

    def find(image: np.ndarray) -> tuple[Face, ...]:
        h, w = image.shape[:2]
        found = search(image, (w / 2, h / 2, max(h, w)))
        if not found:
            found = [face for part in _parts(h, w) for face in search(image, part)]
        found.sort(key=lambda face: -face.box.width)
        kept: list[Face] = []
        for face in found:
            if all(_overlap(_corners(face), _corners(other)) < SAME for other in kept):
                kept.append(face)
        return tuple(kept)

    return find


def landmarks(image: np.ndarray, face: Face) -> np.ndarray:
    """``Face.mesh`` of a face, wherever another detector found it.

    Args:
        image: [h, w, 3] uint8 RGB.
        face: its box and angle are used.
    """
    x, y, width, height = face.box
    middle = np.array([x + width / 2, y + height / 2])
    mesh = _mesh(image, middle, ROOM * max(width, height), np.radians(face.angle))[1]
    return mesh.astype(np.float32)


@functools.cache
def _networks() -> "_Networks":
    return _Networks()


def _anchors() -> np.ndarray:
    """[896, 2] in [0, 1]: centres of the cells of BlazeFace's two grids."""
    grids = []
    for cells, boxes in ((16, 2), (8, 6)):
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        grids.append(np.stack([x, y], -1).reshape(-1, 2).repeat(boxes, 0))
    return np.concatenate(grids)


def _parts(h: int, w: int) -> list[tuple[float, float, float]]:
    """Centre and side of overlapping squares that cover a picture."""
    side = PART * min(h, w)

    def middles(length: int) -> np.ndarray:
        count = max(2, int(np.ceil(2 * length / side)) - 1)
        return np.linspace(side / 2, length - side / 2, count)

    return [(float(x), float(y), side) for y in middles(h) for x in middles(w)]


def _candidates(
    image: np.ndarray,
    square: tuple[float, float, float],
    networks: _Networks,
    anchors: np.ndarray,
) -> list[np.ndarray]:
    """[8, 2] pixels of each: centre, width and height, right eye, left eye, ..."""
    x, y, side = square
    matrix = np.array([[side / 2, 0, x], [0, side / 2, y]])
    logits, raw = networks.blaze(_patch(image, matrix, SIZE) / 127.5 - 1)
    scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    chosen = np.flatnonzero(scores > CANDIDATE)
    points = raw[chosen].astype(np.float64) / SIZE
    points[:, 0] += anchors[chosen]
    points[:, 2:] += anchors[chosen, None]
    points *= side
    points[:, [0, *range(2, 8)]] += np.array([x, y]) - side / 2
    middle, half = points[:, 0], points[:, 1] / 2
    corners = np.stack([middle - half, middle + half])
    order, found = list(np.argsort(-scores[chosen])), []
    while order:
        same = [
            i for i in order if _overlap(corners[:, order[0]], corners[:, i]) >= SAME
        ]
        same = same or order[:1]
        found.append(np.average(points[same], axis=0, weights=scores[chosen][same]))
        order = [i for i in order if i not in same]
    return found


def _confirm(image: np.ndarray, points: np.ndarray) -> Face | None:
    """The face of a candidate, if it is one."""
    centre, extent, right, left = points[:4]
    angle = np.arctan2(left[1] - right[1], left[0] - right[0])
    for _ in range(2):
        score, mesh = _mesh(image, centre, ROOM * extent.max(), angle)
        if score < CONFIRMED:
            return None
        face = anthropometry.face(mesh)
        # BlazeFace's angle is coarse for faces that lie on their side: once more.
        tilt = abs(face.angle - np.degrees(angle)) % 360
        if min(tilt, 360 - tilt) < COARSE:
            break
        angle = np.radians(face.angle)
        centre = (mesh[:, :2].min(0) + mesh[:, :2].max(0)) / 2
    return face


def _mesh(
    image: np.ndarray, centre: np.ndarray, side: float, angle: float
) -> tuple[float, np.ndarray]:
    """Logit of there being a face, and its [468, 3] landmarks in pixels."""
    c, s = side / 2 * np.cos(angle), side / 2 * np.sin(angle)
    matrix = np.array([[c, -s, centre[0]], [s, c, centre[1]]])
    score, mesh = _networks().mesh(_patch(image, matrix, MESH_SIZE) / 255)
    at = mesh * 2 / MESH_SIZE
    flat = (at[:, :2] - 1) @ matrix[:, :2].T + matrix[:, 2]
    # Pixels are counted from their centres, as everywhere here; edges are at -1/2.
    return score, np.column_stack([flat - 0.5, at[:, 2] * side / 2])


def _patch(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """[size, size, 3] float32, 0 to 255; black outside of the image.

    Args:
        image: [h, w, 3] uint8.
        matrix: [2, 3] map from [-1, 1]^2 (edges of the patch) to pixels (edges).
        size: of the patch.
    """
    import cv2

    h, w = image.shape[:2]
    corners = matrix[:, :2] @ [[-1, -1, 1, 1], [-1, 1, -1, 1]] + matrix[:, 2:]
    x0, y0 = np.clip(np.floor(corners.min(1)), 0, (w, h)).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(1)), 0, (w, h)).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.zeros((size, size, 3), np.float32)
    part = image[y0:y1, x0:x1]
    shrink = 2 * np.linalg.norm(matrix[:, 0]) / size
    if shrink > 1:  # area averages: no aliasing
        new = [max(2, round(n / shrink)) for n in part.shape[1::-1]]
        part = cv2.resize(part, new, interpolation=cv2.INTER_AREA)
    scale = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)])
    steps = scale[:, None] * matrix[:, :2] * 2 / size
    start = scale * (matrix[:, 2] - matrix[:, :2].sum(1) - (x0, y0))
    start += steps.sum(1) / 2 - 0.5
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(
        part, np.column_stack([steps, start]), (size, size), flags=how
    )
    return patch.astype(np.float32)


def _corners(face: Face) -> np.ndarray:
    x, y, width, height = face.box
    return np.array([[x, y], [x + width, y + height]])


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes, [2, 2] lower and upper corner."""
    low, high = np.maximum(one[0], other[0]), np.minimum(one[1], other[1])
    inner = np.clip(high - low, 0, None).prod()
    outer = np.prod(one[1] - one[0]) + np.prod(other[1] - other[0]) - inner
    return float(inner / outer) if outer > 0 else 0.0
