"""Anti-aliased drawing in real coordinates for the rendered demo (OpenCV underneath)."""

import cv2
import numpy as np

SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
Point = np.ndarray | tuple  # [2]
Points = np.ndarray | list  # [points, 2]


def curve(points: Points, steps: int = 5, closed: bool = False) -> np.ndarray:
    """Catmull-Rom spline through `points` [n, 2] -> [m, 2]."""
    p = np.asarray(points, float)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([ends[0], p, ends[1]])
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[i : len(p) - 3 + i, None] for i in range(4))
    straight, bend = (p2 - p0) * t, (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
    bent = 0.5 * (2 * p1 + straight + bend + (3 * p1 - p0 - 3 * p2 + p3) * t**3).reshape(-1, 2)
    return bent if closed else np.concatenate([bent, p[-2:-1]])


def symmetric(x: float, half: list) -> np.ndarray:
    """A line from left to right of the axis at x, from its left half: (distance, v) [n, 2].

    A last point on the axis is not doubled.
    """
    left = np.array(half, float)
    right = left[::-1][int(left[-1, 0] == 0) :]
    return np.concatenate([left * [-1, 1], right]) + np.array([x, 0])


class Canvas:
    """Draws on an array whose pixel (0, 0) has its corner at `origin`, `scale` pixels a unit."""

    def __init__(self, image: np.ndarray, origin: Point, scale: float) -> None:
        self.image, self.origin, self.scale = image, np.array(origin), scale

    def pixels(self, points: Points) -> np.ndarray:
        """Real coordinates -> fixed-point pixel coordinates."""
        real = (np.asarray(points, float) - self.origin) * self.scale - 0.5
        return np.round(real * (1 << SHIFT)).astype(np.int32)

    def width(self, units: float) -> int:
        return max(1, round(units * self.scale))

    def fill(self, points: Points, colour: object) -> None:
        cv2.fillPoly(self.image, [self.pixels(points)], _plain(colour), cv2.LINE_AA, SHIFT)

    def stroke(self, points: Points, colour: object, width: float, closed: bool = False) -> None:
        line, thick = [self.pixels(points)], self.width(width)
        cv2.polylines(self.image, line, closed, _plain(colour), thick, cv2.LINE_AA, SHIFT)

    def ellipse(
        self, centre: Point, radii: Point, colour: object, angle: float = 0.0, width: float = 0.0
    ) -> None:
        """Filled if `width` is 0; angle in degrees."""
        where = self.pixels(np.asarray(centre)[None])[0].tolist()
        fixed = np.round(np.asarray(radii, float) * self.scale * (1 << SHIFT))
        axes = np.maximum(fixed, 1).astype(int).tolist()
        ink, thick = _plain(colour), self.width(width) if width else -1
        cv2.ellipse(self.image, where, axes, angle, 0, 360, ink, thick, cv2.LINE_AA, SHIFT)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: object) -> None:
        self.fill([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], colour)


def _plain(colour: object) -> tuple[float, ...]:
    values = (colour,) if isinstance(colour, (int, float, np.number)) else colour
    return tuple(min(max(float(c), 0.0), 255.0) for c in values)  # type: ignore[union-attr]


def blend(image: np.ndarray, colour: object, mask: np.ndarray) -> None:
    """Mixes a colour into a uint8 image [h, w, 3], in place, by `mask` float [h, w] in 0..1."""
    weight = mask[..., None]
    mixed = image + (np.asarray(colour, np.float32) - image) * weight
    image[:] = np.clip(mixed, 0, 255)
