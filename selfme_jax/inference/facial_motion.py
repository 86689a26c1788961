"""Motion of the regions of a face, frame by frame, less the motion of the head.

Points of the face mesh are followed by Lucas and Kanade's method from a key frame that
is at most KEY seconds old. The head is a solid in front of a distant camera: shift,
zoom, roll, yaw and pitch (the mesh has depth) are fitted to all points, robustly, and
taken out; what is left moves with muscles.
"""

from typing import NamedTuple

import numpy as np

SIZE = 128  # pixels of the crop that points are followed in
KEY = 1.0  # seconds after which the key frame is renewed
FAR = 4.0  # pixels of head motion after which it is renewed at once
WINDOW, LEVELS = 15, 2  # of Lucas and Kanade's method
LOST = 25.0  # grey levels of difference from which a point is not trusted

# Points of the mesh by region; left and right are those of the picture.
REGIONS: dict[str, tuple[int, ...]] = {
    "brow_inner_l": (107, 66, 55, 65, 108),
    "brow_inner_r": (336, 296, 285, 295, 337),
    "brow_outer_l": (70, 63, 105, 46, 53),
    "brow_outer_r": (300, 293, 334, 276, 283),
    "lid_l": (159, 158, 160, 27, 29, 56),
    "lid_r": (386, 385, 387, 257, 259, 286),
    "under_eye_l": (145, 153, 144, 23, 24, 110),
    "under_eye_r": (374, 380, 373, 253, 254, 339),
    "cheek_l": (50, 101, 118, 117, 205),
    "cheek_r": (280, 330, 347, 346, 425),
    "nose_l": (129, 49, 131, 198, 203),
    "nose_r": (358, 279, 360, 420, 423),
    "mouth_l": (61, 185, 146, 57, 186),
    "mouth_r": (291, 409, 375, 287, 410),
    "lip_upper": (0, 37, 267, 164, 12),
    "lip_lower": (17, 84, 314, 18, 15),
    "chin": (152, 199, 200, 175, 201, 421),
}
NAMES = tuple(REGIONS)
# What moves little with muscles: the bridge of the nose, forehead, temples, the rim.
SOLID = (
    *(6, 168, 197, 195, 5, 4, 1, 8, 9, 151, 10, 109, 338, 67, 297, 104, 333),
    *(21, 251, 54, 284, 127, 356, 234, 454, 93, 323, 132, 361),
)
_POINTS = np.array([*SOLID, *(i for region in REGIONS.values() for i in region)])
_BOUNDS = np.cumsum([len(SOLID), *(len(region) for region in REGIONS.values())])
# Weight of the points of regions in the fit of the head, and what counts as a
# deviation there, pixels.
_LOOSE, _SCALE = 0.4, 0.25


class Motion(NamedTuple):
    """Of one frame, since the window began; lengths in sides of the crop.

    regions: [17, 2] (x, y) of NAMES, without the head's motion. head: [6] shift x and
    y, zoom, roll, yaw, pitch. eyes: [2] how unlike the left and right eye are to those
    of the key frame, in grey levels.
    """

    regions: np.ndarray
    head: np.ndarray
    eyes: np.ndarray


class Tracker:
    """Follows the points of one face in crops of one framing."""

    def __init__(self, crop: np.ndarray, mesh: np.ndarray):
        """Begin.

        Args:
            crop: [SIZE, SIZE] uint8 grey.
            mesh: [468, 3] the landmarks in pixels of the crop.
        """
        points = mesh[_POINTS]
        self._start = points[:, :2].astype(np.float32)
        at = (points - points[: len(SOLID)].mean(0)) / SIZE
        self._head = _basis(at)
        self._weights = np.full(len(points), _LOOSE)
        self._weights[: len(SOLID)] = 1
        self._moved = np.zeros_like(self._start)
        self._since = np.zeros_like(self._start)
        self._key, self._age = crop, 0.0
        self._trust = np.ones(len(points))

    def follow(self, crop: np.ndarray, seconds: float) -> Motion:
        """The motion in the next frame, that many seconds after the one before."""
        import cv2

        here = self._start + self._moved
        guess = here + self._since
        found, status, error = cv2.calcOpticalFlowPyrLK(
            self._key,
            crop,
            here,
            guess.copy(),
            winSize=(WINDOW, WINDOW),
            maxLevel=LEVELS,
            criteria=(3, 20, 0.01),
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
            minEigThreshold=1e-5,
        )
        good = (status[:, 0] > 0) & (error[:, 0] < LOST)
        since = np.where(good[:, None], found - here, self._since)
        total = self._moved + since
        self._trust = np.where(good, 1.0, 0.1)
        head, rest = self._solid(total)
        self._since = since
        self._age += seconds
        if self._age >= KEY or np.abs(np.median(since, 0)).max() > FAR:
            self._moved, self._since = total, np.zeros_like(total)
            self._key, self._age = crop, 0.0
        regions = np.split(rest, _BOUNDS)[1:-1]
        trust = np.split(self._trust, _BOUNDS)[1:-1]
        means = [np.average(r, axis=0, weights=w) for r, w in zip(regions, trust)]
        return Motion(np.array(means) / SIZE, head, np.zeros(2))

    def _solid(self, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The head's motion [6], and what is left of the points' [n, 2] pixels."""
        target, weights = moved.ravel(), self._weights * self._trust
        for _ in range(4):
            w = np.sqrt(weights).repeat(2)
            head = np.linalg.lstsq(self._head * w[:, None], target * w, rcond=None)[0]
            rest = (target - self._head @ head).reshape(-1, 2)
            far = np.linalg.norm(rest, axis=1) / _SCALE
            weights = self._weights * self._trust / (1 + far * far)
        return head / SIZE, rest


def _basis(at: np.ndarray) -> np.ndarray:
    """[2n, 6] motion in pixels of the points at [n, 3] by a unit of each freedom."""
    x, y, z = at.T
    one, nothing = np.ones_like(x), np.zeros_like(x)
    u = np.stack([one, nothing, x, -y, z, nothing], -1)
    v = np.stack([nothing, one, y, x, nothing, z], -1)
    return np.stack([u, v], 1).reshape(-1, 6)
