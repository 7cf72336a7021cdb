"""Stimulus scenes of the demo release: animation and film."""

import numpy as np

from tfds_reactionet.demo.canvas import Canvas, curve
from tfds_reactionet.demo.stimulus.props import (
    BLACK,
    RED,
    SKINS,
    WHITE,
    Shot,
    beast,
    burst,
    bust,
    figure,
    flame,
    gradient,
    heart,
    rain,
    scatter,
    words,
)


def _family_friendly(c: Canvas, s: Shot) -> None:
    lost, hug = s.on("lost"), s.on("hug")
    gradient(
        c,
        (120, 200, 250) if not lost else (92, 104, 130),
        (214, 240, 250) if not lost else (134, 142, 158),
        0,
        0.65,
    )
    gradient(
        c,
        (130, 210, 90) if not lost else (76, 110, 80),
        (90, 170, 70) if not lost else (60, 90, 70),
        0.65,
        1,
    )
    if not lost:
        c.ellipse((0.84, 0.15), (0.09, 0.09), (255, 226, 90))
        c.ellipse((0.25, 0.68), (0.3, 0.12), (110, 196, 84))
    c.fill([[0.06, 0.5], [0.2, 0.36], [0.34, 0.5]], (196, 70, 60))
    c.box(0.09, 0.5, 0.31, 0.7, (246, 226, 180))
    fur = s.choose(3, ((230, 140, 70), (170, 120, 90), (150, 160, 180)))
    beast(
        c,
        0.6 if lost else 0.44 + 0.03 * s.swing(1),
        0.52,
        0.15,
        fur,
        "sad" if lost else "happy",
        "pointed",
    )
    if not lost:
        beast(c, 0.78 - 0.09 * hug, 0.6, 0.115, np.array(fur) * 0.7 + 60, "happy", "round")
    if hug:
        for k in range(3):
            heart(c, 0.5 + 0.12 * k, 0.24 - 0.05 * (k % 2) - 0.04 * hug, 0.05)
    if lost:
        rain(c, s)


def _fantasy(c: Canvas, s: Shot) -> None:
    magic, dragon = s.on("magic"), s.on("dragon")
    gradient(
        c,
        (50, 30, 110) if not dragon else (90, 20, 30),
        (220, 130, 190) if not dragon else (230, 110, 50),
    )
    scatter(c, s, 24, (0, 0, 1, 0.4), (WHITE, (255, 240, 200)), 0.006)
    c.ellipse((0.82, 0.16), (0.08, 0.08), (250, 244, 220))
    c.fill(
        [[0, 0.8], [0.2, 0.5], [0.4, 0.78], [0.66, 0.46], [1, 0.8], [1, 1], [0, 1]], (60, 40, 100)
    )
    for x, h in ((0.12, 0.42), (0.2, 0.3), (0.28, 0.46)):
        c.box(x, h, x + 0.07, 0.85, (190, 170, 220))
        c.fill([[x - 0.015, h], [x + 0.035, h - 0.14], [x + 0.085, h]], (210, 70, 130))
    figure(
        c, 0.6, 0.96, 0.42, (250, 200, 240), SKINS[0], "up" if magic else "stand", (200, 120, 190)
    )
    c.fill([[0.54, 0.58], [0.66, 0.58], [0.61, 0.4]], (80, 60, 170))
    if magic:
        for k in range(5):
            burst(
                c,
                0.6 + 0.27 * np.cos(k * 1.26 + s.time),
                0.5 + 0.3 * np.sin(k * 1.26 + s.time),
                0.06 * magic,
                (255, 240, 130),
                5,
            )
        c.ellipse((0.6, 0.62), (0.28 * magic, 0.34 * magic), (255, 250, 190), width=0.012)
    if dragon:
        x = 1.05 - 0.3 * dragon
        c.fill(
            curve([[x - 0.1, 0.3], [x + 0.05, 0.05], [1.1, 0.1], [1.1, 0.7], [x + 0.1, 0.5]]),
            (40, 110, 60),
        )
        c.fill([[x - 0.1, 0.3], [x + 0.04, 0.24], [x + 0.06, 0.44], [x - 0.06, 0.4]], (30, 84, 46))
        c.ellipse((x + 0.03, 0.2), (0.03, 0.024), (255, 230, 60))
        flame(c, x - 0.15, 0.6, 0.12 * dragon + 0.03)
        flame(c, 0.4, 0.85, 0.14 * dragon)


def _animation_action(c: Canvas, s: Shot) -> None:
    boom, villain = s.on("explosion"), s.on("villain")
    gradient(
        c,
        (250, 160, 60) if not villain else (60, 20, 70),
        (250, 220, 140) if not villain else (120, 30, 60),
        0,
        0.75,
    )
    rng = np.random.default_rng(int(s.fixed[3] * 1e6))
    for k in range(9):
        c.box(0.12 * k - 0.02, 0.3 + 0.3 * rng.uniform(), 0.12 * k + 0.09, 0.8, (70, 60, 110))
    c.box(0, 0.78, 1, 1, (60, 62, 72))
    if villain:
        c.fill([[0.3, 1], [0.36, 0.5], [0.64, 0.5], [0.72, 1]], (30, 20, 40))
        beast(c, 0.5, 0.4, 0.15 + 0.05 * villain, (110, 180, 90), "angry", "pointed")
    x = 0.24 + 0.03 * s.swing(1.5)
    c.fill([[x - 0.02, 0.56], [x - 0.2, 0.84], [x, 0.8]], (220, 40, 60))
    figure(c, x, 0.94, 0.5, (40, 110, 220), SKINS[0], "up" if boom else "run", (230, 60, 60))
    if boom:
        burst(c, 0.66, 0.5, 0.34 * boom, (240, 90, 30), 13)
        burst(c, 0.66, 0.5, 0.22 * boom, (255, 200, 60), 11)
        words(c, "BOOM", 0.66, 0.5, 0.15, BLACK)


def _horror(c: Canvas, s: Shot) -> None:
    scare, gore = s.on("scare"), s.on("gore")
    gradient(c, (8, 12, 14), (26, 34, 34))
    c.fill([[0, 0], [0.36, 0.3], [0.36, 0.66], [0, 1]], (30, 40, 40))
    c.fill([[1, 0], [0.64, 0.3], [0.64, 0.66], [1, 1]], (24, 32, 32))
    c.fill([[0, 1], [0.36, 0.66], [0.64, 0.66], [1, 1]], (44, 40, 34))
    c.box(0.42, 0.38, 0.58, 0.66, (12, 10, 10))
    for x in (0.1, 0.86):
        c.fill([[x, 0.34], [x + 0.06, 0.36], [x + 0.06, 0.78], [x, 0.86]], (16, 18, 18))
    c.ellipse((0.5, 0.26), (0.03, 0.02), (210, 220, 150) if s.swing(3) > -0.2 else (70, 74, 50))
    if scare:
        r = 0.1 + 0.24 * scare
        c.ellipse((0.5, 0.5), (0.8 * r, r), (206, 214, 206))
        for side in (-1, 1):
            c.ellipse((0.5 + 0.32 * r * side, 0.5 - 0.2 * r), (0.2 * r, 0.24 * r), BLACK)
            c.ellipse((0.5 + 0.32 * r * side, 0.5 - 0.2 * r), (0.05 * r, 0.05 * r), RED)
        c.ellipse((0.5, 0.5 + 0.5 * r), (0.26 * r, 0.36 * r), (30, 0, 4))
        c.stroke(
            curve(
                [
                    [0.5 - 0.9 * r, 0.5 + r],
                    [0.5 - r, 0.5 - 0.2 * r],
                    [0.5, 0.5 - 1.1 * r],
                    [0.5 + r, 0.5 - 0.2 * r],
                    [0.5 + 0.9 * r, 0.5 + r],
                ]
            ),
            (10, 10, 10),
            0.25 * r,
        )
    elif gore:
        scatter(c, s, 40, (0.05, 0.1, 0.95, 0.95), ((150, 6, 14), (110, 4, 10)), 0.01 + 0.03 * gore)
        c.ellipse((0.5, 0.86), (0.4 * gore, 0.1), (140, 4, 12))
        c.stroke([[0.36, 0.84], [0.62, 0.8]], SKINS[0], 0.08)
    else:
        figure(c, 0.5, 0.8, 0.3, (60, 60, 70), SKINS[0], "stand")


def _romance(c: Canvas, s: Shot) -> None:
    kiss, parting = s.on("kiss"), s.on("parting")
    gradient(
        c,
        (250, 150, 130) if not parting else (90, 100, 124),
        (255, 214, 170) if not parting else (140, 148, 162),
        0,
        0.7,
    )
    if not parting:
        c.ellipse((0.5, 0.66), (0.17, 0.17), (255, 240, 190))
    gradient(c, (120, 130, 180), (70, 84, 130), 0.7, 1)
    gap = 0.13 - 0.075 * kiss + 0.17 * parting
    for side, shirt, hair in (
        (-1, (60, 60, 90), (40, 28, 24)),
        (1, s.choose(3, ((200, 60, 90), (230, 210, 220), (110, 60, 130))), (110, 60, 34)),
    ):
        bust(
            c,
            0.5 + (gap + 0.06) * side,
            0.46,
            0.13,
            shirt,
            SKINS[0] if side < 0 else SKINS[1],
            "smile" if kiss else "cry" if parting else "plain",
            hair,
        )
    if kiss:
        for k in range(4):
            heart(c, 0.2 + 0.2 * k, 0.18 - 0.06 * (k % 2), 0.05 + 0.03 * kiss)
    if parting:
        rain(c, s)


def _western(c: Canvas, s: Shot) -> None:
    gradient(c, (226, 150, 80), (250, 212, 140), 0, 0.6)
    gradient(c, (214, 164, 100), (170, 118, 66), 0.6, 1)
    c.fill([[0.6, 0.6], [0.64, 0.36], [0.8, 0.36], [0.86, 0.6]], (166, 84, 54))
    for x, wide in ((0.02, 0.2), (0.24, 0.14)):
        c.box(x, 0.34, x + wide, 0.68, (120, 78, 48))
        c.box(x - 0.01, 0.3, x + wide + 0.01, 0.36, (90, 56, 34))
        c.box(x + 0.04, 0.5, x + 0.09, 0.68, (50, 30, 20))
    c.stroke([[0.93, 0.72], [0.93, 0.42]], (70, 120, 60), 0.035)
    c.stroke([[0.93, 0.56], [0.87, 0.56], [0.87, 0.48]], (70, 120, 60), 0.026)
    shot, fire = s.on("shot"), s.on("fire")
    for x, pose, shirt in (
        (0.36, "point", (70, 50, 40)),
        (0.74, "fall" if shot > 0.5 else "stand", (40, 40, 44)),
    ):
        figure(c, x, 0.94, 0.48, shirt, SKINS[0], pose, (60, 70, 110))
        c.ellipse((x, 0.47), (0.085, 0.018), (60, 38, 24))
        c.box(x - 0.04, 0.41, x + 0.04, 0.475, (60, 38, 24))
    if shot:
        burst(c, 0.56, 0.57, 0.1 * shot, (255, 236, 120), 9)
        words(c, "BANG", 0.6, 0.16, 0.13, RED)
    if fire:
        for k in range(5):
            flame(c, 0.05 + 0.08 * k, 0.42 + 0.02 * s.swing(3, k / 5), 0.07 + 0.09 * fire)
        c.ellipse((0.2, 0.1), (0.26, 0.09), (70, 64, 62))


DRAW = {
    ("animation", "family_friendly"): _family_friendly,
    ("animation", "fantasy"): _fantasy,
    ("animation", "action"): _animation_action,
    ("film", "horror"): _horror,
    ("film", "romance"): _romance,
    ("film", "western"): _western,
}
