"""Figures and grounds from which the demo's stimulus scenes are put together."""

from dataclasses import dataclass

import cv2
import numpy as np

from tfds_reactionet.demo.canvas import Canvas, curve

SKINS = ((236, 196, 166), (198, 146, 108), (128, 84, 58), (90, 60, 44))
WHITE, BLACK, RED, GOLD = (245, 245, 245), (18, 18, 22), (205, 40, 45), (240, 196, 60)


@dataclass(frozen=True)
class Shot:
    """One stimulus frame: numbers that are fixed for the video, the event's progress, the time."""

    fixed: tuple[float, ...]  # uniform 0..1, the same in every frame of one video
    event: str
    progress: float  # 0 before the event, rising to 1 within some frames after it
    time: float  # seconds since the sequence began

    def pick(self, index: int, low: float, high: float) -> float:
        return low + (high - low) * self.fixed[index % len(self.fixed)]

    def choose(self, index: int, options: tuple) -> tuple:
        return options[int(self.fixed[index % len(self.fixed)] * len(options)) % len(options)]

    def swing(self, speed: float = 1.0, shift: float = 0.0) -> float:
        """-1..1, a slow oscillation."""
        return float(np.sin(2 * np.pi * speed * self.time + 6.28 * (self.fixed[0] + shift)))

    def on(self, event: str) -> float:
        """Progress of this event, 0 if another one is shown."""
        return self.progress if self.event == event else 0.0


def gradient(c: Canvas, top: object, bottom: object, y0: float = 0.0, y1: float = 1.0) -> None:
    """Fills the rows from y0 to y1 from one colour to another."""
    height = c.image.shape[0]
    a, b = round(y0 * height), round(y1 * height)
    t = np.linspace(0, 1, max(b - a, 1))[:, None, None]
    c.image[a:b] = np.asarray(top, float) * (1 - t) + np.asarray(bottom, float) * t


def figure(
    c: Canvas,
    x: float,
    y: float,
    h: float,
    shirt: object,
    skin: object = SKINS[1],
    pose: str = "stand",
    legs: object = (40, 42, 60),
) -> None:
    """A standing person with the feet at (x, y) and the height h."""
    head, hip, neck = y - 0.9 * h, y - 0.46 * h, y - 0.78 * h
    w = 0.075 * h
    stride = {"run": 0.16, "kick": 0.2, "stand": 0.06, "up": 0.08, "point": 0.06, "fall": 0.1}[
        pose
    ] * h
    c.stroke([[x, hip], [x - stride, y]], legs, 0.085 * h)
    c.stroke([[x, hip], [x + stride, y - (0.2 * h if pose == "kick" else 0)]], legs, 0.085 * h)
    hands = {
        "stand": ((-0.17, -0.45), (0.17, -0.45)),
        "run": ((-0.24, -0.6), (0.22, -0.5)),
        "kick": ((-0.26, -0.7), (0.2, -0.55)),
        "up": ((-0.2, -1.05), (0.2, -1.05)),
        "point": ((-0.15, -0.45), (0.34, -0.76)),
        "fall": ((-0.3, -0.8), (0.3, -0.8)),
    }[pose]
    for hx, hy in hands:
        c.stroke([[x + np.sign(hx) * w, neck + 0.03 * h], [x + hx * h, y + hy * h]], skin, 0.06 * h)
    c.fill(
        [
            [x - 1.5 * w, neck],
            [x + 1.5 * w, neck],
            [x + w, hip + 0.05 * h],
            [x - w, hip + 0.05 * h],
        ],
        shirt,
    )
    c.ellipse((x, head), (0.085 * h, 0.1 * h), skin)
    c.ellipse((x, head - 0.05 * h), (0.088 * h, 0.06 * h), (46, 34, 28))


def bust(
    c: Canvas,
    x: float,
    y: float,
    r: float,
    shirt: object,
    skin: object,
    mood: str,
    hair: object = (52, 36, 28),
) -> None:
    """A head of radius r at (x, y) and shoulders; smile, cry, shout, frown, gape or plain."""
    c.ellipse((x, y + 2.5 * r), (1.9 * r, 1.3 * r), shirt)
    c.box(x - 0.35 * r, y + 0.6 * r, x + 0.35 * r, y + 1.5 * r, np.asarray(skin) * 0.88)
    c.ellipse((x, y - 0.2 * r), (0.98 * r, 1.15 * r), hair)
    c.ellipse((x, y + 0.08 * r), (0.85 * r, 1.02 * r), skin)
    tilt = {"frown": 0.16, "shout": 0.16, "cry": -0.16}.get(mood, -0.03) * r
    for side in (-1, 1):
        eye = (x + 0.34 * r * side, y - 0.05 * r)
        c.ellipse(eye, (0.14 * r, (0.17 if mood == "gape" else 0.09) * r), WHITE)
        c.ellipse(eye, (0.075 * r, 0.075 * r), BLACK)
        inner, outer = x + 0.15 * r * side, x + 0.52 * r * side
        c.stroke([[inner, y - 0.28 * r + tilt], [outer, y - 0.28 * r - tilt]], hair, 0.08 * r)
        if mood == "cry":
            c.ellipse((x + 0.4 * r * side, y + 0.3 * r), (0.06 * r, 0.16 * r), (110, 170, 235))
    mouth = y + 0.52 * r
    if mood in ("shout", "gape"):
        c.ellipse((x, mouth), (0.24 * r, 0.24 * r), (90, 20, 26))
    elif mood == "smile":
        lips = curve(
            [[x - 0.4 * r, mouth - 0.1 * r], [x, mouth + 0.16 * r], [x + 0.4 * r, mouth - 0.1 * r]]
        )
        c.fill(lips, WHITE)
        c.stroke(lips, (120, 40, 44), 0.07 * r)
    else:
        dip = {"cry": -0.16, "frown": -0.12, "plain": 0.0}[mood] * r
        c.stroke(
            curve([[x - 0.3 * r, mouth - dip], [x, mouth + dip], [x + 0.3 * r, mouth - dip]]),
            (120, 40, 44),
            0.08 * r,
        )


def beast(
    c: Canvas, x: float, y: float, r: float, fur: object, mood: str, ears: str = "round"
) -> None:
    """A cartoon animal: head of radius r at (x, y) on a small body."""
    fur = np.asarray(fur, float)
    c.ellipse((x, y + 1.6 * r), (0.85 * r, 1.0 * r), fur * 0.92)
    c.ellipse((x, y + 1.75 * r), (0.5 * r, 0.65 * r), np.minimum(fur * 1.2 + 12, 255))
    for side in (-1, 1):
        if ears == "round":
            c.ellipse((x + 0.72 * r * side, y - 0.72 * r), (0.34 * r, 0.34 * r), fur * 0.85)
        else:
            c.fill(
                [
                    [x + 0.3 * r * side, y - 0.75 * r],
                    [x + 0.95 * r * side, y - 1.35 * r],
                    [x + 0.92 * r * side, y - 0.3 * r],
                ],
                fur * 0.85,
            )
    c.ellipse((x, y), (r, 0.92 * r), fur)
    c.ellipse((x, y + 0.35 * r), (0.5 * r, 0.36 * r), np.minimum(fur * 1.2 + 12, 255))
    big = 0.27 if mood != "angry" else 0.2
    for side in (-1, 1):
        eye = (x + 0.38 * r * side, y - 0.18 * r)
        c.ellipse(eye, (big * r, big * r), WHITE)
        c.ellipse(eye, (0.6 * big * r, 0.6 * big * r), BLACK)
        if mood == "angry":
            c.stroke(
                [[x + 0.12 * r * side, y - 0.3 * r], [x + 0.62 * r * side, y - 0.58 * r]],
                BLACK,
                0.1 * r,
            )
        if mood == "sad":
            c.ellipse((x + 0.44 * r * side, y + 0.28 * r), (0.08 * r, 0.2 * r), (90, 160, 240))
    c.ellipse((x, y + 0.18 * r), (0.13 * r, 0.1 * r), BLACK)
    dip = {"happy": 0.14, "sad": -0.12, "angry": -0.08, "plain": 0.04}[mood] * r
    low = y + 0.46 * r
    c.stroke(
        curve([[x - 0.26 * r, low - dip], [x, low + dip], [x + 0.26 * r, low - dip]]),
        BLACK,
        0.07 * r,
    )


def burst(c: Canvas, x: float, y: float, r: float, colour: object, spikes: int = 12) -> None:
    """A star-shaped flash."""
    angle = np.arange(2 * spikes) * np.pi / spikes
    radius = np.where(np.arange(2 * spikes) % 2, 0.55, 1.0) * r
    c.fill(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1), colour)


def scatter(
    c: Canvas,
    shot: Shot,
    count: int,
    area: tuple[float, float, float, float],
    colours: tuple,
    size: float,
) -> None:
    """Confetti, sparks, spectators: dots that stay where they are within one video."""
    rng = np.random.default_rng(int(shot.fixed[1] * 1e6))
    x0, y0, x1, y1 = area
    for x, y, k in rng.uniform(size=(count, 3)):
        c.ellipse(
            (x0 + (x1 - x0) * x, y0 + (y1 - y0) * y), (size, size), colours[int(k * len(colours))]
        )


def rain(c: Canvas, shot: Shot, colour: object = (170, 190, 215)) -> None:
    rng = np.random.default_rng(int(shot.time * 25) + int(shot.fixed[2] * 1e5))
    for x, y in rng.uniform(-0.1, 1, (36, 2)):
        c.stroke([[x, y], [x - 0.025, y + 0.09]], colour, 0.006)


def heart(c: Canvas, x: float, y: float, r: float, colour: object = (232, 60, 100)) -> None:
    t = np.linspace(0, 2 * np.pi, 25)
    wide = 16 * np.sin(t) ** 3
    high = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    c.fill(np.stack([x + wide * r / 16, y - high * r / 16], 1), colour)


def words(c: Canvas, text: str, x: float, y: float, height: float, colour: object) -> None:
    """Centred capitals."""
    scale = height * c.scale / 27
    (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    px, py = round(x * c.scale - w / 2), round(y * c.scale + h / 2)
    plain = tuple(float(v) for v in np.asarray(colour))
    cv2.putText(
        c.image,
        text,
        (px, py),
        cv2.FONT_HERSHEY_DUPLEX,
        scale,
        plain,
        c.width(height / 9),
        cv2.LINE_AA,
    )


def microphone(c: Canvas, x: float, y: float, r: float) -> None:
    c.stroke([[x, y], [x + 0.4 * r, y + 5 * r]], (60, 60, 66), 0.5 * r)
    c.ellipse((x, y), (r, 1.25 * r), (96, 98, 104))


def flame(c: Canvas, x: float, y: float, r: float) -> None:
    for k, colour in ((1.0, (226, 80, 24)), (0.7, (246, 150, 34)), (0.4, (254, 226, 110))):
        points = [
            [x - 0.55 * k * r, y],
            [x - 0.4 * k * r, y - 0.9 * k * r],
            [x, y - 2.0 * k * r],
            [x + 0.42 * k * r, y - 0.85 * k * r],
            [x + 0.55 * k * r, y],
        ]
        c.fill(curve(points), colour)
