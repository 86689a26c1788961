"""Motion of the regions of a face, frame by frame, less the motion of the head.

Points of the face mesh are followed by Lucas and Kanade's method from a key frame that
is at most KEY seconds old. The head is a solid in front of a distant camera: shift,
zoom, roll, yaw and pitch (the mesh has depth) are fitted to all points, robustly, and
taken out; what is left moves with muscles.
"""

from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import framing

SIZE = 128  # pixels of the crop that points are followed in
KEY = 1.0  # seconds after which the key frame is renewed
FAR = 4.0  # pixels of head motion after which it is renewed at once
WINDOW, LEVELS = 15, 2  # of Lucas and Kanade's method
LOST = 12.0  # grey levels of difference from which a point is not trusted
ASTRAY = 8.0  # pixels between a point and the mesh
# Pixels: a point that went further than this since the key frame has to come back this
# near when it is followed backwards. Our choice.
NEAR, RETURNS = 2.0, 1.0

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
    *(6, 168, 197, 195, 5, 4, 1, 151, 10, 109, 338, 67, 297, 104, 333),
    *(21, 251, 54, 284, 127, 356, 234, 454, 93, 323, 132, 361),
)
_POINTS = np.array([*SOLID, *(i for region in REGIONS.values() for i in region)])
_BOUNDS = np.cumsum([len(SOLID), *(len(region) for region in REGIONS.values())])
# Weight of the points of regions in the fit of the head, and what counts as a
# deviation there, pixels.
_LOOSE, _SCALE = 0.4, 0.25


class Motion(NamedTuple):
    """Of one frame, since following began; lengths in sides of the crop.

    regions: [17, 2] (x, y) of NAMES, without the head's motion. head: [6] shift x and
    y, zoom, roll, yaw, pitch, as the motion of points half a side from the middle.
    """

    regions: np.ndarray
    head: np.ndarray


def crop(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """[SIZE, SIZE] uint8 grey of [h, w, 3] uint8 RGB.

    Args:
        image: a frame.
        matrix: of ``framing.affine``.
    """
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return framing.apply(grey, matrix, size=SIZE)


def in_crop(mesh: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """[468, 3] landmarks in pixels of a frame -> in pixels of the crop."""
    flat = (mesh[:, :2] + 0.5 - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    scale = SIZE / 2 / np.linalg.norm(matrix[:, 0])
    return np.column_stack([(flat + 1) * SIZE / 2 - 0.5, mesh[:, 2] * scale])


class Tracker:
    """Follows the points of one face in crops of one framing."""

    def __init__(
        self, crop: np.ndarray, mesh: np.ndarray, *, before: Motion | None = None
    ):
        """Begin.

        Args:
            crop: [SIZE, SIZE] uint8 grey.
            mesh: [468, 3] the landmarks in pixels of the crop.
            before: the last motion in crops of another framing, to go on from.
        """
        points = mesh[_POINTS]
        self._start = points[:, :2].astype(np.float32)
        self._solid = _basis((points - points[: len(SOLID)].mean(0)) / (SIZE / 2))
        self._weights = np.full(len(points), _LOOSE)
        self._weights[: len(SOLID)] = 1
        # Motion up to the key frame, and since.
        self._moved = np.zeros_like(self._start)
        self._since = np.zeros_like(self._start)
        self._key, self._age = crop, 0.0
        still = Motion(np.zeros((len(NAMES), 2)), np.zeros(6))
        self._before = before or still

    def follow(self, crop: np.ndarray, seconds: float) -> Motion:
        """The motion in the next frame, that many seconds after the one before."""
        import cv2

        here = self._start + self._moved
        found, status, error = cv2.calcOpticalFlowPyrLK(
            self._key,
            crop,
            here,
            here + self._since,
            winSize=(WINDOW, WINDOW),
            maxLevel=LEVELS,
            criteria=(3, 20, 0.01),
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
            minEigThreshold=1e-5,
        )
        good = (status[:, 0] > 0) & (error[:, 0] < LOST)
        good &= self._comes_back(crop, here, found)
        self._since = np.where(good[:, None], found - here, self._since)
        total = self._moved + self._since
        trust = np.where(good, 1.0, 0.1)
        head, rest = self._without_head(total, trust)
        self._age += seconds
        if self._age >= KEY or np.abs(np.median(self._since, 0)).max() > FAR:
            self._moved, self._since = total, np.zeros_like(total)
            self._key, self._age = crop, 0.0
        parts = zip(_split(rest), _split(good), strict=True)
        # Medians, of the points that were found: one that slides off does no harm.
        regions = [np.median(p[g] if g.sum() > 1 else p, axis=0) for p, g in parts]
        return Motion(
            self._before.regions + np.array(regions) / SIZE,
            self._before.head + head / SIZE,
        )

    def _comes_back(
        self, crop: np.ndarray, here: np.ndarray, found: np.ndarray
    ) -> np.ndarray:
        """Whether each point, followed back to the key frame, is where it began.

        [n] bool. A point that slid along a fold or onto the lips is not; only far ones
        are asked, for the time that it takes.
        """
        import cv2

        back = np.linalg.norm(found - here, axis=1) < NEAR
        far = np.flatnonzero(~back)
        if far.size:
            again, status, _ = cv2.calcOpticalFlowPyrLK(
                crop,
                self._key,
                found[far],
                found[far].copy(),  # where to: filled in
                winSize=(WINDOW, WINDOW),
                maxLevel=LEVELS,
                criteria=(3, 20, 0.01),
                minEigThreshold=1e-5,
            )
            off = np.linalg.norm(again - here[far], axis=1)
            back[far] = (status[:, 0] > 0) & (off < RETURNS)
        return back

    def correct(self, mesh: np.ndarray) -> None:
        """Put points that went astray to where a new mesh, in the crop, has them."""
        aim = mesh[_POINTS, :2] - self._start
        astray = np.linalg.norm(self._moved + self._since - aim, axis=1) > ASTRAY
        self._moved[astray] = (aim - self._since)[astray]

    def _without_head(
        self, moved: np.ndarray, trust: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The head's motion [6], and what is left of the points' [n, 2]; pixels."""
        target, weights = moved.ravel().astype(np.float64), self._weights * trust
        for _ in range(4):
            weighted = self._solid.T * weights.repeat(2)
            head = np.linalg.solve(weighted @ self._solid, weighted @ target)
            rest = (target - self._solid @ head).reshape(-1, 2)
            far = np.linalg.norm(rest, axis=1) / _SCALE
            weights = self._weights * trust / (1 + far * far)
        return head, rest


def _split(values: np.ndarray) -> list[np.ndarray]:
    """Values of all points -> those of each region."""
    return np.split(values, _BOUNDS)[1:-1]


def _basis(at: np.ndarray) -> np.ndarray:
    """[2n, 6] motion of the points at [n, 3] by a unit of each freedom."""
    x, y, z = at.T.astype(np.float64)
    one, nothing = np.ones_like(x), np.zeros_like(x)
    u = np.stack([one, nothing, x, -y, z, nothing], -1)
    v = np.stack([nothing, one, y, x, nothing, z], -1)
    return np.stack([u, v], 1).reshape(-1, 6)
