"""A canvas to paint soft shapes on, in coordinates that do not depend on its size."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Canvas:
    """A picture that is painted in place, and shapes as masks in [0, 1].

    x, y: [n, n] coordinates of the pixels. image: [n, n, 3] float32 RGB, 0..1.
    """

    x: np.ndarray
    y: np.ndarray
    image: np.ndarray
    rng: np.random.Generator

    def cover(self, mask: np.ndarray, colour: np.ndarray) -> None:
        """Paint a colour, [3] or [n, n, 3], where the mask is 1."""
        self.image[:] += mask[..., None] * (colour - self.image)

    def darken(self, mask: np.ndarray, by: float = 1.0) -> None:
        """Take away the share ``by`` of the light where the mask is 1."""
        self.image[:] *= 1 - by * mask[..., None]

    def noise(self, columns: int, rows: int) -> np.ndarray:
        """Smooth noise with so many random cells across the canvas, mean 0."""
        import cv2

        cells = self.rng.standard_normal((rows, columns), np.float32)
        return cv2.resize(cells, self.x.shape[::-1], interpolation=cv2.INTER_CUBIC)

    def ellipse(self, x: float, y: float, a: float, b: float, *, soft: float = 0.02):
        """An ellipse of half axes a and b; its edge is ``soft`` wide."""
        radius = np.hypot((self.x - x) / a, (self.y - y) / b)
        return edge((1 - radius) * min(a, b), soft)

    def spot(self, x: float, y: float, sx: float, sy: float) -> np.ndarray:
        """A Gaussian spot."""
        return line((self.x - x) / sx) * line((self.y - y) / sy)


def blank(n: int, extent: float, rng: np.random.Generator) -> Canvas:
    """A black canvas of n x n pixels that spans [-extent, extent]."""
    axis = ((2 * np.arange(n) + 1) / n - 1).astype(np.float32) * extent
    x, y = np.meshgrid(axis, axis)
    return Canvas(x, y, np.zeros((n, n, 3), np.float32), rng)


def edge(distance: np.ndarray, soft: float) -> np.ndarray:
    """0 to 1 where the distance crosses 0, over a width of ``soft``."""
    ramp = np.clip(distance / soft + 0.5, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def line(distance: np.ndarray, width: float = 1.0) -> np.ndarray:
    """A Gaussian line where the distance is 0."""
    return np.exp(-0.5 * np.square(distance / width))
