"""Figures and grounds from which the demo's stimulus scenes are put together."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tfds_reactionet.demo.canvas import Canvas, curve, symmetric

SKINS = ((236, 196, 166), (198, 146, 108), (128, 84, 58), (90, 60, 44))
WHITE, BLACK, RED, GOLD = (245, 245, 245), (18, 18, 22), (205, 40, 45), (240, 196, 60)
LIPS = (120, 40, 44)
Area = tuple[float, float, float, float]  # left, top, right, bottom
# of a standing figure, in its heights: half the stride, and both hands from the middle of the feet
POSES = {
    "stand": (0.06, ((-0.17, -0.45), (0.17, -0.45))),
    "run": (0.16, ((-0.24, -0.6), (0.22, -0.5))),
    "kick": (0.2, ((-0.26, -0.7), (0.2, -0.55))),
    "up": (0.08, ((-0.2, -1.05), (0.2, -1.05))),
    "point": (0.06, ((-0.15, -0.45), (0.34, -0.76))),
    "fall": (0.1, ((-0.3, -0.8), (0.3, -0.8))),
}


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

    def now(self, quiet: Any, **events: Any) -> Any:
        """What belongs to the event that is seen; `quiet` before it and for one not named."""
        return events.get(self.event, quiet) if self.progress else quiet

    def rng(self, index: int) -> np.random.Generator:
        """Random numbers that are the same in every frame of one video."""
        return np.random.default_rng(int(self.fixed[index] * 1e6))


class Props(Canvas):
    """A canvas with a stock of people, animals and effects; places and lengths in its units."""

    def gradient(self, top: object, bottom: object, y0: float = 0.0, y1: float = 1.0) -> None:
        """Fills the rows from y0 to y1, shares of the image, from one colour to another."""
        height = self.image.shape[0]
        a, b = round(y0 * height), round(y1 * height)
        t = np.linspace(0, 1, max(b - a, 1))[:, None, None]
        self.image[a:b] = np.asarray(top, float) * (1 - t) + np.asarray(bottom, float) * t

    def figure(
        self,
        x: float,
        y: float,
        h: float,
        shirt: object,
        skin: object = SKINS[1],
        pose: str = "stand",
        legs: object = (40, 42, 60),
    ) -> None:
        """A standing person with the feet at (x, y) and the height h, in one of POSES."""
        head, hip, neck = y - 0.9 * h, y - 0.46 * h, y - 0.78 * h
        w, (stride, hands) = 0.075 * h, POSES[pose]
        stride *= h
        self.stroke([[x, hip], [x - stride, y]], legs, 0.085 * h)
        foot = y - (0.2 * h if pose == "kick" else 0)
        self.stroke([[x, hip], [x + stride, foot]], legs, 0.085 * h)
        for hx, hy in hands:
            shoulder = [x + np.sign(hx) * w, neck + 0.03 * h]
            self.stroke([shoulder, [x + hx * h, y + hy * h]], skin, 0.06 * h)
        belt = hip + 0.05 * h
        self.fill([[x - 1.5 * w, neck], [x + 1.5 * w, neck], [x + w, belt], [x - w, belt]], shirt)
        self.ellipse((x, head), (0.085 * h, 0.1 * h), skin)
        self.ellipse((x, head - 0.05 * h), (0.088 * h, 0.06 * h), (46, 34, 28))

    def bust(
        self,
        x: float,
        y: float,
        r: float,
        shirt: object,
        skin: object,
        mood: str,
        hair: object = (52, 36, 28),
    ) -> None:
        """A head of radius r at (x, y) and shoulders; smile, cry, shout, frown, gape or plain."""
        self.ellipse((x, y + 2.5 * r), (1.9 * r, 1.3 * r), shirt)
        neck = np.asarray(skin) * 0.88
        self.box(x - 0.35 * r, y + 0.6 * r, x + 0.35 * r, y + 1.5 * r, neck)
        self.ellipse((x, y - 0.2 * r), (0.98 * r, 1.15 * r), hair)
        self.ellipse((x, y + 0.08 * r), (0.85 * r, 1.02 * r), skin)
        tilt = {"frown": 0.16, "shout": 0.16, "cry": -0.16}.get(mood, -0.03) * r
        for side in (-1, 1):
            eye = (x + 0.34 * r * side, y - 0.05 * r)
            self.ellipse(eye, (0.14 * r, (0.17 if mood == "gape" else 0.09) * r), WHITE)
            self.ellipse(eye, (0.075 * r, 0.075 * r), BLACK)
            inner, outer = x + 0.15 * r * side, x + 0.52 * r * side
            brow = y - 0.28 * r
            self.stroke([[inner, brow + tilt], [outer, brow - tilt]], hair, 0.08 * r)
            if mood == "cry":
                tear = (x + 0.4 * r * side, y + 0.3 * r)
                self.ellipse(tear, (0.06 * r, 0.16 * r), (110, 170, 235))
        mouth = y + 0.52 * r
        if mood in ("shout", "gape"):
            self.ellipse((x, mouth), (0.24 * r, 0.24 * r), (90, 20, 26))
        elif mood == "smile":
            lips = curve(symmetric(x, [[0.4 * r, mouth - 0.1 * r], [0, mouth + 0.16 * r]]))
            self.fill(lips, WHITE)
            self.stroke(lips, LIPS, 0.07 * r)
        else:
            dip = {"cry": -0.16, "frown": -0.12, "plain": 0.0}[mood] * r
            lips = curve(symmetric(x, [[0.3 * r, mouth - dip], [0, mouth + dip]]))
            self.stroke(lips, LIPS, 0.08 * r)

    def beast(
        self, x: float, y: float, r: float, fur: object, mood: str, pointed: bool = False
    ) -> None:
        """A cartoon animal: head of radius r at (x, y) on a small body; its ears may be pointed."""
        fur = np.asarray(fur, float)
        belly, ear = np.minimum(fur * 1.2 + 12, 255), fur * 0.85
        self.ellipse((x, y + 1.6 * r), (0.85 * r, 1.0 * r), fur * 0.92)
        self.ellipse((x, y + 1.75 * r), (0.5 * r, 0.65 * r), belly)
        for s in (-1, 1):
            base, tip = [x + 0.3 * r * s, y - 0.75 * r], [x + 0.95 * r * s, y - 1.35 * r]
            if pointed:
                self.fill([base, tip, [x + 0.92 * r * s, y - 0.3 * r]], ear)
            else:
                self.ellipse((x + 0.72 * r * s, y - 0.72 * r), (0.34 * r, 0.34 * r), ear)
        self.ellipse((x, y), (r, 0.92 * r), fur)
        self.ellipse((x, y + 0.35 * r), (0.5 * r, 0.36 * r), belly)
        big = 0.27 if mood != "angry" else 0.2
        for s in (-1, 1):
            eye = (x + 0.38 * r * s, y - 0.18 * r)
            self.ellipse(eye, (big * r, big * r), WHITE)
            self.ellipse(eye, (0.6 * big * r, 0.6 * big * r), BLACK)
            if mood == "angry":
                brow = [[x + 0.12 * r * s, y - 0.3 * r], [x + 0.62 * r * s, y - 0.58 * r]]
                self.stroke(brow, BLACK, 0.1 * r)
            if mood == "sad":
                tear = (x + 0.44 * r * s, y + 0.28 * r)
                self.ellipse(tear, (0.08 * r, 0.2 * r), (90, 160, 240))
        self.ellipse((x, y + 0.18 * r), (0.13 * r, 0.1 * r), BLACK)
        dip = {"happy": 0.14, "sad": -0.12, "angry": -0.08, "plain": 0.04}[mood] * r
        low = y + 0.46 * r
        lips = curve(symmetric(x, [[0.26 * r, low - dip], [0, low + dip]]))
        self.stroke(lips, BLACK, 0.07 * r)

    def burst(self, x: float, y: float, r: float, colour: object, spikes: int = 12) -> None:
        """A star-shaped flash."""
        angle = np.arange(2 * spikes) * np.pi / spikes
        radius = np.where(np.arange(2 * spikes) % 2, 0.55, 1.0) * r
        self.fill(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1), colour)

    def scatter(self, shot: Shot, count: int, area: Area, colours: tuple, size: float) -> None:
        """Confetti, sparks, spectators: dots that stay where they are within one video."""
        x0, y0, x1, y1 = area
        for x, y, k in shot.rng(1).uniform(size=(count, 3)):
            place = (x0 + (x1 - x0) * x, y0 + (y1 - y0) * y)
            self.ellipse(place, (size, size), colours[int(k * len(colours))])

    def rain(self, shot: Shot) -> None:
        """Drops that are elsewhere in each frame."""
        rng = np.random.default_rng(int(shot.time * 25) + int(shot.fixed[2] * 1e5))
        for x, y in rng.uniform(-0.1, 1, (36, 2)):
            self.stroke([[x, y], [x - 0.025, y + 0.09]], (170, 190, 215), 0.006)

    def heart(self, x: float, y: float, r: float, colour: object = (232, 60, 100)) -> None:
        """A heart of half the width r."""
        t = np.linspace(0, 2 * np.pi, 25)
        wide = 16 * np.sin(t) ** 3
        high = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        self.fill(np.stack([x + wide * r / 16, y - high * r / 16], 1), colour)

    def words(self, text: str, x: float, y: float, height: float, colour: object) -> None:
        """Centred capitals."""
        font, scale = cv2.FONT_HERSHEY_DUPLEX, height * self.scale / 27
        (w, h), _ = cv2.getTextSize(text, font, scale, 1)
        start = (round(x * self.scale - w / 2), round(y * self.scale + h / 2))
        plain, thick = tuple(map(float, np.asarray(colour))), self.width(height / 9)
        cv2.putText(self.image, text, start, font, scale, plain, thick, cv2.LINE_AA)

    def microphone(self, x: float, y: float, r: float) -> None:
        """Its head of radius r at (x, y), the handle below."""
        self.stroke([[x, y], [x + 0.4 * r, y + 5 * r]], (60, 60, 66), 0.5 * r)
        self.ellipse((x, y), (r, 1.25 * r), (96, 98, 104))

    def flame(self, x: float, y: float, r: float) -> None:
        """Fire that stands on (x, y), 2 r high."""
        for k, colour in ((1.0, (226, 80, 24)), (0.7, (246, 150, 34)), (0.4, (254, 226, 110))):
            left = [[x - 0.55 * k * r, y], [x - 0.4 * k * r, y - 0.9 * k * r], [x, y - 2.0 * k * r]]
            right = [[x + 0.42 * k * r, y - 0.85 * k * r], [x + 0.55 * k * r, y]]
            self.fill(curve(left + right), colour)
