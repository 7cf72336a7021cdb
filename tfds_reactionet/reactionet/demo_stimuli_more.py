"""Stimulus scenes of the demo release: game, object, self-made, interview and public speech."""

import numpy as np

from tfds_reactionet.reactionet.demo_canvas import Canvas, curve
from tfds_reactionet.reactionet.demo_props import (
    BLACK,
    GOLD,
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
    microphone,
    rain,
    scatter,
    words,
)


def _game_action(c: Canvas, s: Shot) -> None:
    victory, defeat = s.on("victory"), s.on("defeat")
    gradient(c, (70, 90, 110), (130, 140, 130), 0, 0.55)
    gradient(c, (90, 96, 70), (60, 66, 48), 0.55, 1)
    rng = np.random.default_rng(int(s.fixed[3] * 1e6))
    for x, h in rng.uniform([0, 0.1], [1, 0.3], (7, 2)):
        c.box(x - 0.06, 0.55 - h, x + 0.06, 0.58, (74, 80, 84))
    x = 0.5 + 0.1 * s.swing(0.8)
    figure(
        c, x, 0.74, 0.3, (150, 50, 40), (90, 130, 70), "fall" if victory else "run", (50, 40, 36)
    )
    c.fill([[0.52, 1], [0.6, 0.7], [0.66, 0.7], [0.82, 1]], (40, 44, 48))
    c.box(0.58, 0.62, 0.63, 0.8, (28, 30, 34))
    if s.swing(3) > 0.3:
        burst(c, 0.605, 0.6, 0.06, (255, 220, 90), 8)
    c.ellipse((0.5, 0.5), (0.045, 0.045), (90, 255, 120), width=0.006)
    c.stroke([[0.44, 0.5], [0.56, 0.5]], (90, 255, 120), 0.004)
    c.stroke([[0.5, 0.44], [0.5, 0.56]], (90, 255, 120), 0.004)
    health = 0.28 * (1 - 0.95 * defeat) * s.pick(4, 0.6, 1)
    c.box(0.04, 0.05, 0.34, 0.1, (30, 30, 30))
    c.box(0.05, 0.06, 0.05 + health, 0.09, (60, 210, 80) if health > 0.12 else RED)
    c.ellipse((0.87, 0.14), (0.1, 0.1), (30, 60, 50))
    c.ellipse((0.87, 0.14), (0.1, 0.1), (120, 220, 150), width=0.008)
    if victory:
        c.box(0, 0.3, 1, 0.46, (20, 60, 120))
        words(c, "VICTORY", 0.5, 0.38, 0.13, GOLD)
        scatter(c, s, 30, (0, 0, 1, 0.9), (GOLD, WHITE), 0.01)
    if defeat:
        c.image[:] = c.image * (1 - 0.6 * defeat) + np.array([150, 0, 0]) * 0.6 * defeat
        words(c, "GAME OVER", 0.5, 0.38, 0.11, WHITE)


def _simulation(c: Canvas, s: Shot) -> None:
    crash, jam = s.on("crash"), s.on("jam")
    gradient(c, (130, 180, 230), (200, 220, 236), 0, 0.45)
    gradient(c, (110, 150, 80), (90, 130, 66), 0.45, 0.75)
    bend = 0.1 * (s.fixed[3] - 0.5)
    c.fill([[0.46 + bend, 0.45], [0.54 + bend, 0.45], [0.95, 0.78], [0.05, 0.78]], (84, 86, 92))
    for k in range(4):
        y = 0.47 + 0.09 * k + 0.02 * (s.time * 20 % 4) * (jam == 0)
        c.box(0.495, y, 0.505 + 0.006 * k, y + 0.035, WHITE)
    for k in range(4 if jam else 1):
        y, wide = 0.66 - 0.055 * k, 0.13 - 0.025 * k
        x = 0.56 + 0.06 * (k % 2) - 0.2 * (k // 2)
        c.box(
            x - wide,
            y - 0.55 * wide,
            x + wide,
            y + 0.5 * wide,
            ((210, 60, 50), (60, 80, 190), (230, 230, 230), (60, 60, 66))[k],
        )
        c.box(x - 0.7 * wide, y - wide, x + 0.7 * wide, y - 0.5 * wide, (60, 70, 90))
        for side in (-1, 1):
            c.ellipse(
                (x + 0.75 * wide * side, y),
                (0.16 * wide, 0.12 * wide),
                (255, 40, 30) if jam else (170, 30, 30),
            )
    gradient(c, (38, 38, 44), (22, 22, 26), 0.74, 1)
    c.ellipse((0.3, 0.98), (0.21, 0.21), (70, 70, 76), width=0.04)
    for k, x in enumerate((0.64, 0.84)):
        c.ellipse((x, 0.87), (0.085, 0.085), (12, 12, 14))
        c.ellipse((x, 0.87), (0.085, 0.085), WHITE, width=0.007)
        angle = 2.4 + (0.2 if jam else 2.4 + 0.4 * s.swing(1, k / 3))
        c.stroke([[x, 0.87], [x + 0.07 * np.cos(angle), 0.87 + 0.07 * np.sin(angle)]], RED, 0.01)
    if crash:
        rng = np.random.default_rng(11)
        for angle in rng.uniform(0, 6.28, 14):
            far = 0.15 + 0.5 * crash
            c.stroke(
                [[0.5, 0.4], [0.5 + far * np.cos(angle), 0.4 + far * np.sin(angle)]], WHITE, 0.008
            )
        burst(c, 0.5, 0.4, 0.2 * crash, (255, 150, 40), 11)
        flame(c, 0.56, 0.66, 0.12 * crash)
    if jam:
        words(c, "HONK", 0.22, 0.3, 0.1, (60, 40, 40))


def _puzzle(c: Canvas, s: Shot) -> None:
    solved, collapse = s.on("solved"), s.on("collapse")
    gradient(c, s.choose(4, ((230, 236, 244), (60, 66, 90), (238, 224, 200))), (150, 160, 180))
    colours = ((230, 80, 80), (80, 150, 230), (250, 200, 70), (90, 190, 120), (170, 100, 200))
    rng = np.random.default_rng(int(s.fixed[3] * 1e6))
    c.box(0.16, 0.14, 0.84, 0.92, (44, 48, 60))
    for row in range(6):
        for column in range(5):
            kind = int(rng.integers(6))
            spin, slide = rng.uniform(-1, 1, 2)
            if kind == 5 and not solved:
                continue
            x, y = 0.19 + 0.126 * column, 0.17 + 0.122 * row
            if collapse:
                x, y = (
                    x + 0.16 * slide * collapse,
                    min(y + 0.7 * collapse * (0.3 + abs(spin)), 0.86),
                )
            turn = 0.8 * spin * collapse
            way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * 0.056
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ way.T + [x + 0.06, y + 0.06]
            colour = colours[column if solved > 0.5 else kind % 5]
            c.fill(corners, colour)
            c.fill(corners * 0.6 + 0.4 * corners.mean(0), np.minimum(np.array(colour) * 1.2, 255))
    words(c, f"LEVEL {1 + int(9 * s.fixed[5])}", 0.5, 0.08, 0.07, (40, 44, 60))
    if solved:
        c.box(0.16, 0.42, 0.84, 0.6, WHITE)
        c.stroke([[0.38, 0.51], [0.46, 0.57], [0.62, 0.45]], (40, 180, 80), 0.04)
        scatter(c, s, 40, (0, 0, 1, 1), (GOLD, WHITE, (255, 120, 160)), 0.012)
    if collapse > 0.5:
        c.stroke([[0.38, 0.36], [0.62, 0.6]], RED, 0.05)
        c.stroke([[0.62, 0.36], [0.38, 0.6]], RED, 0.05)


def _food(c: Canvas, s: Shot) -> None:
    tasty, rotten = s.on("tasty"), s.on("rotten")
    gradient(c, s.choose(3, ((196, 140, 90), (220, 90, 80), (120, 150, 160))), (150, 104, 66))
    for k in range(8):
        c.stroke([[0, 0.12 * k + 0.05], [1, 0.12 * k + 0.05]], (140, 96, 60), 0.006)
    c.ellipse((0.5, 0.56), (0.4, 0.33), (236, 236, 232))
    c.ellipse((0.5, 0.56), (0.3, 0.24), (216, 216, 212), width=0.008)
    meat = (150, 84, 46) if not rotten else (104, 110, 60)
    for k in range(7):
        angle = 0.9 * k
        c.ellipse(
            (0.5 + 0.15 * np.cos(angle), 0.56 + 0.12 * np.sin(angle)),
            (0.09, 0.07),
            ((250, 220, 110), (222, 70, 50), (90, 170, 70))[k % 3]
            if not rotten
            else (130, 128, 70),
        )
    c.ellipse((0.5, 0.54), (0.13, 0.1), meat)
    c.stroke([[0.06, 0.2], [0.06, 0.92]], (200, 204, 210), 0.025)
    c.stroke([[0.94, 0.2], [0.94, 0.92]], (200, 204, 210), 0.025)
    if tasty:
        for k in range(3):
            x = 0.36 + 0.14 * k
            c.stroke(
                curve(
                    [[x, 0.36], [x + 0.03, 0.28], [x - 0.03, 0.2], [x + 0.02, 0.36 - 0.28 * tasty]]
                ),
                (246, 246, 250),
                0.018,
            )
        heart(c, 0.84, 0.18, 0.09 * tasty, RED)
        scatter(c, s, 18, (0.3, 0.42, 0.7, 0.7), ((110, 200, 80), (255, 240, 160)), 0.012)
    if rotten:
        scatter(
            c, s, 22, (0.3, 0.4, 0.7, 0.7), ((70, 100, 60), (190, 200, 170)), 0.014 + 0.014 * rotten
        )
        for k in range(3):
            x = 0.3 + 0.2 * k + 0.03 * s.swing(2, k / 3)
            c.stroke(
                curve([[x, 0.6], [x + 0.04, 0.54], [x + 0.08, 0.6], [x + 0.12, 0.55]]),
                (232, 220, 190),
                0.026,
            )
            c.ellipse((x + 0.1, 0.2 + 0.05 * k), (0.022, 0.016), BLACK)
            c.ellipse((x + 0.1, 0.18 + 0.05 * k), (0.03, 0.01), (180, 190, 200))


def _instrument(c: Canvas, s: Shot) -> None:
    solo, wrong = s.on("solo"), s.on("wrong_note")
    gradient(c, s.choose(3, ((70, 40, 40), (40, 56, 70), (60, 60, 50))), (30, 22, 24))
    if s.fixed[4] < 0.5:  # a piano
        c.box(0.05, 0.56, 0.95, 0.62, (24, 20, 22))
        c.box(0.05, 0.62, 0.95, 0.86, WHITE)
        for k in range(14):
            c.stroke([[0.05 + 0.0643 * k, 0.62], [0.05 + 0.0643 * k, 0.86]], (120, 120, 126), 0.005)
            if k % 7 not in (0, 3):
                c.box(0.03 + 0.0643 * k, 0.62, 0.068 + 0.0643 * k, 0.76, BLACK)
        for side in (-1, 1):
            x = 0.5 + side * (0.2 + 0.06 * s.swing(1.5, 0.3 * side))
            c.stroke([[x + 0.1 * side, 1.0], [x, 0.8]], (40, 40, 50), 0.1)
            c.ellipse((x, 0.76), (0.065, 0.06), SKINS[0])
    else:  # a guitar
        c.ellipse((0.34, 0.66), (0.22, 0.2), (176, 104, 50))
        c.ellipse((0.5, 0.54), (0.16, 0.14), (176, 104, 50))
        c.ellipse((0.42, 0.6), (0.065, 0.06), (40, 24, 16))
        c.stroke([[0.46, 0.57], [0.92, 0.22]], (90, 54, 30), 0.06)
        for k in range(4):
            c.stroke(
                [[0.3 + 0.012 * k, 0.68 + 0.012 * k], [0.9 + 0.012 * k, 0.2 + 0.012 * k]],
                (226, 226, 220),
                0.005,
            )
        c.ellipse((0.42 + 0.03 * s.swing(4), 0.64), (0.08, 0.06), SKINS[1])
    if not wrong:
        for k in range(2 + round(4 * solo)):
            x, y = 0.14 + 0.15 * k, 0.24 + 0.08 * s.swing(1, 0.3 * k)
            c.ellipse((x, y), (0.03, 0.022), GOLD if solo else (200, 200, 206))
            c.stroke(
                [[x + 0.027, y], [x + 0.027, y - 0.12]], GOLD if solo else (200, 200, 206), 0.01
            )
    if solo:
        c.fill([[0.4, 0], [0.6, 0], [0.9, 0.5], [0.1, 0.5]], np.array([120, 100, 60]) + 20)
        words(c, "BRAVO", 0.5, 0.12, 0.12 * solo + 0.02, WHITE)
    if wrong:
        zigzag = [[0.05 + 0.075 * k, 0.25 + (0.12 if k % 2 else -0.08) * wrong] for k in range(13)]
        c.stroke(zigzag, (150, 220, 60), 0.02)
        words(c, "X", 0.5, 0.26, 0.26, RED)


def _living_organism(c: Canvas, s: Shot) -> None:
    kitten, spider = s.on("kitten"), s.on("spider")
    gradient(c, (170, 210, 150), (96, 150, 80))
    rng = np.random.default_rng(int(s.fixed[3] * 1e6))
    for x, y in rng.uniform([0, 0.3], [1, 1], (60, 2)):
        c.stroke(
            [[x, y], [x + 0.02, y - 0.1]], np.array([60, 130, 50]) * rng.uniform(0.7, 1.3), 0.009
        )
    c.fill(
        curve(
            [
                [-0.1, 0.3],
                [0.3, 0.22],
                [0.7, 0.3],
                [1.1, 0.2],
                [1.1, 0.3],
                [0.7, 0.38],
                [0.3, 0.3],
                [-0.1, 0.38],
            ]
        ),
        (110, 76, 48),
    )
    if spider:
        r, x = 0.07 + 0.15 * spider, 0.5 + 0.03 * s.swing(2)
        for side in (-1, 1):
            for k in range(4):
                lift = (-0.9 + 0.6 * k) * r
                points = [
                    [x, 0.5],
                    [x + 1.3 * r * side, 0.5 + lift - 0.6 * r],
                    [x + 2.1 * r * side, 0.5 + 1.3 * lift + 0.5 * r],
                ]
                c.stroke(curve(points), (30, 24, 24), 0.16 * r)
        c.ellipse((x, 0.5 + 0.55 * r), (0.75 * r, 0.85 * r), (44, 34, 34))
        c.ellipse((x, 0.5 - 0.4 * r), (0.45 * r, 0.42 * r), (30, 24, 24))
        for k in (-1, 1):
            c.ellipse((x + 0.16 * r * k, 0.5 - 0.55 * r), (0.08 * r, 0.08 * r), RED)
    elif kitten:
        for k in range(2):
            fur = ((236, 180, 110), (200, 200, 206))[k]
            beast(
                c,
                0.36 + 0.3 * k,
                0.55 + 0.02 * s.swing(2, k / 2),
                0.1 + 0.06 * kitten,
                fur,
                "happy",
                "pointed",
            )
        heart(c, 0.5, 0.16, 0.07 * kitten)
    else:
        beast(c, 0.24, 0.62, 0.09, (150, 130, 110), "plain", "round")


def _funny(c: Canvas, s: Shot) -> None:
    slip, mean = s.on("slip"), s.on("mean")
    gradient(
        c, s.choose(3, ((250, 220, 120), (170, 220, 240), (240, 190, 210))), (236, 236, 226), 0, 0.7
    )
    gradient(c, (190, 150, 110), (160, 120, 84), 0.7, 1)
    c.box(0.06, 0.2, 0.3, 0.5, WHITE)
    c.box(0.08, 0.22, 0.28, 0.48, (150, 200, 240))
    c.box(0.68, 0.42, 0.96, 0.74, (90, 130, 150))
    c.fill(curve([[0.5, 0.9], [0.56, 0.82], [0.62, 0.9], [0.58, 0.88]]), (250, 226, 60))
    if slip > 0.2:
        y = 0.88 - 0.25 * (1 - slip)
        c.stroke([[0.3, y], [0.56, y - 0.02]], (230, 90, 60), 0.12)
        c.stroke([[0.56, y - 0.02], [0.78, y - 0.2]], (50, 60, 110), 0.06)
        c.ellipse((0.22, y - 0.02), (0.07, 0.075), SKINS[1])
        burst(c, 0.22, y - 0.2, 0.07, GOLD, 7)
        words(c, "OOPS", 0.55, 0.14, 0.15, (220, 60, 120))
    else:
        figure(
            c,
            0.42 + 0.02 * s.swing(2),
            0.92,
            0.6,
            (230, 90, 60),
            SKINS[1],
            "fall" if mean else "run",
        )
    if mean:
        c.fill([[0.5, 0.1], [0.72, 0.14], [0.68, 0.3], [0.52, 0.28]], (90, 96, 104))
        c.fill(
            curve(
                [
                    [0.5, 0.26],
                    [0.42, 0.26 + 0.25 * mean],
                    [0.36, 0.3 + 0.3 * mean],
                    [0.54, 0.5 * mean + 0.25],
                    [0.66, 0.3],
                ]
            ),
            (120, 84, 40),
        )
        figure(c, 0.82, 0.92, 0.56, (50, 50, 60), SKINS[0], "point")


def _fear(c: Canvas, s: Shot) -> None:
    ghost, hoax = s.on("ghost"), s.on("hoax")
    gradient(c, (14, 18, 44), (40, 44, 70))
    c.ellipse((0.8, 0.16), (0.09, 0.09), (236, 232, 200))
    for x, lean in ((0.06, 0.1), (0.2, -0.06), (0.92, -0.12)):
        c.stroke([[x, 1], [x, 0.5], [x + lean, 0.2]], (12, 12, 18), 0.035)
        c.stroke([[x, 0.5], [x - lean, 0.28]], (12, 12, 18), 0.02)
    c.fill([[0, 0.84], [0.5, 0.76], [1, 0.86], [1, 1], [0, 1]], (18, 26, 24))
    c.fill([[0.34, 0.84], [0.34, 0.62], [0.4, 0.57], [0.46, 0.62], [0.46, 0.84]], (84, 88, 96))
    c.fill([[0.1, 0.86], [0.32, 1], [-0.05, 1]], (200, 196, 130))
    if ghost or hoax:
        r, x = 0.1 + 0.12 * max(ghost, hoax), 0.6 + 0.03 * s.swing(1)
        hem = [
            [x + r * k, 0.82 + (0.05 if i % 2 else -0.02)]
            for i, k in enumerate(np.linspace(1, -1, 7))
        ]
        c.fill(
            np.concatenate(
                [
                    curve(
                        [
                            [x - r, 0.8],
                            [x - 0.95 * r, 0.5],
                            [x, 0.5 - 1.4 * r],
                            [x + 0.95 * r, 0.5],
                            [x + r, 0.8],
                        ]
                    ),
                    hem,
                ]
            ),
            (220, 228, 240),
        )
        if ghost:
            for side in (-1, 1):
                c.ellipse((x + 0.36 * r * side, 0.42), (0.17 * r, 0.26 * r), BLACK)
            c.ellipse((x, 0.56), (0.22 * r, 0.36 * r), BLACK)
        else:
            bust(c, x, 0.34, 0.1, (220, 228, 240), SKINS[1], "smile")
            words(c, "PRANK!", 0.4, 0.14, 0.13, (120, 255, 140))


def _sadness(c: Canvas, s: Shot) -> None:
    farewell, reunion = s.on("farewell"), s.on("reunion")
    gradient(
        c,
        (150, 160, 176) if not reunion else (250, 214, 160),
        (186, 190, 196) if not reunion else (252, 236, 206),
        0,
        0.7,
    )
    gradient(c, (120, 120, 124), (96, 96, 100), 0.7, 1)
    train = 0.5 + 0.4 * farewell
    c.box(train, 0.3, 1.3, 0.68, (70, 96, 120))
    for k in range(5):
        c.box(train + 0.05 + 0.16 * k, 0.36, train + 0.16 + 0.16 * k, 0.5, (206, 224, 236))
    c.stroke([[0, 0.72], [1, 0.72]], (230, 200, 70), 0.014)
    c.stroke([[0.08, 0.7], [0.08, 0.2]], (50, 50, 54), 0.02)
    c.ellipse((0.08, 0.2), (0.07, 0.07), WHITE)
    c.stroke([[0.08, 0.2], [0.08, 0.16]], BLACK, 0.01)
    gap = 0.14 - 0.085 * reunion
    figure(c, 0.36 - gap, 0.95, 0.5, (90, 70, 110), SKINS[1], "up" if reunion else "stand")
    if farewell < 0.6:
        figure(
            c,
            0.36 + gap + 0.2 * farewell,
            0.95,
            0.46,
            (170, 90, 80),
            SKINS[0],
            "point" if farewell else "stand",
        )
        c.box(0.4 + gap + 0.2 * farewell, 0.84, 0.5 + gap + 0.2 * farewell, 0.95, (110, 70, 44))
    if farewell:
        bust(c, 0.22, 0.6, 0.17, (90, 70, 110), SKINS[1], "cry")
        rain(c, s)
    if reunion:
        heart(c, 0.36, 0.26, 0.06 + 0.06 * reunion)


def _interview(c: Canvas, s: Shot) -> None:
    fun, rude = s.on("hilarious"), s.on("rude")
    gradient(c, s.choose(3, ((190, 206, 216), (214, 196, 170), (170, 186, 160))), (226, 226, 220))
    c.box(0.08, 0.08, 0.36, 0.4, (120, 150, 130))
    c.box(0.12, 0.12, 0.32, 0.36, (216, 190, 120))
    c.stroke([[0.92, 0.9], [0.92, 0.5]], (90, 70, 50), 0.02)
    c.ellipse((0.92, 0.42), (0.09, 0.12), (70, 130, 80))
    for x, colour in ((0.26, (110, 80, 130)), (0.72, (70, 110, 130))):
        c.box(x - 0.2, 0.56, x + 0.2, 1.0, colour)
    mood = "smile" if fun else "shout" if rude else "plain"
    bust(
        c,
        0.27,
        0.48,
        0.12,
        (50, 56, 80),
        SKINS[0],
        "smile" if fun else "frown" if rude else "plain",
        (150, 100, 50),
    )
    bust(
        c,
        0.72,
        0.46,
        0.13 + 0.02 * s.progress,
        s.choose(4, ((180, 60, 60), (60, 130, 90), (220, 180, 60))),
        SKINS[2],
        mood,
        (30, 24, 24),
    )
    c.stroke([[0.3, 0.86], [0.5, 0.7]], SKINS[0], 0.04)
    microphone(c, 0.52, 0.62, 0.03)
    if fun:
        words(c, "LOL", 0.5, 0.14 + 0.02 * s.swing(3), 0.16, (240, 90, 60))
    if rude:
        c.ellipse((0.62, 0.15), (0.24, 0.12), WHITE)
        words(c, "#@!", 0.62, 0.15, 0.15, RED)


def _speech(c: Canvas, s: Shot) -> None:
    news, tribute = s.on("announcement"), s.on("tribute")
    gradient(
        c,
        (30, 50, 110) if not tribute else (36, 36, 40),
        (70, 110, 180) if not tribute else (70, 70, 76),
        0,
        0.8,
    )
    gradient(c, (40, 36, 50), (26, 22, 34), 0.8, 1)
    c.box(0.06, 0.1, 0.44, 0.48, (220, 230, 244) if not tribute else (20, 20, 22))
    if tribute:
        bust(c, 0.25, 0.26, 0.085, (90, 90, 94), (180, 180, 184), "plain", (110, 110, 114))
        for k in range(5):
            c.stroke([[0.06 + 0.09 * k, 0.78], [0.06 + 0.09 * k, 0.68]], WHITE, 0.02)
            flame(c, 0.06 + 0.09 * k, 0.68, 0.02 + 0.004 * s.swing(3, k / 5))
    else:
        for k in range(4):
            h = 0.06 + 0.05 * k + 0.08 * news * (k == 3)
            c.box(0.11 + 0.08 * k, 0.44 - h, 0.16 + 0.08 * k, 0.44, (60, 120, 200))
    bust(
        c,
        0.7,
        0.36,
        0.1,
        (30, 34, 50),
        s.choose(3, SKINS),
        "smile" if news else "cry" if tribute else "plain",
    )
    c.fill([[0.55, 0.58], [0.85, 0.58], [0.8, 0.98], [0.6, 0.98]], (126, 80, 46))
    c.ellipse((0.7, 0.74), (0.06, 0.06), GOLD)
    for x in (0.63, 0.77):
        microphone(c, x, 0.52, 0.014)
    if news:
        words(c, "NEW!", 0.25, 0.2, 0.13 * news + 0.02, RED)
        scatter(c, s, 36, (0, 0, 1, 0.8), (GOLD, WHITE, (255, 110, 150), (90, 220, 160)), 0.011)
    for k in range(9):
        c.ellipse((0.06 + 0.11 * k, 0.99), (0.05, 0.065), (14, 12, 18))


def _debate(c: Canvas, s: Shot) -> None:
    attack, blunder = s.on("attack"), s.on("blunder")
    c.box(0, 0, 0.5, 1, (40, 70, 170))
    c.box(0.5, 0, 1, 1, (170, 40, 50))
    scatter(c, s, 22, (0, 0, 1, 0.2), (WHITE,), 0.012)
    c.box(0, 0.82, 1, 1, (50, 44, 56))
    moods = ("shout", "frown") if attack else ("smile", "gape") if blunder else ("plain", "plain")
    for k, (x, mood) in enumerate(zip((0.26, 0.74), moods, strict=True)):
        lean = 0.06 * attack if k == 0 else 0.0
        hair = ((80, 80, 84), (120, 70, 40))[k]
        bust(
            c,
            x + lean,
            0.42,
            0.12,
            ((30, 34, 60), (60, 30, 40))[k],
            SKINS[(k + int(3 * s.fixed[4])) % 3],
            mood,
            hair,
        )
        c.fill(
            [[x - 0.15, 0.64], [x + 0.15, 0.64], [x + 0.11, 0.98], [x - 0.11, 0.98]],
            (200, 204, 214),
        )
        microphone(c, x + 0.02, 0.58, 0.014)
    if attack:
        c.stroke([[0.34, 0.66], [0.42 + 0.14 * attack, 0.5]], SKINS[0], 0.04)
        words(c, "LIAR!", 0.5, 0.14, 0.15, (255, 230, 80))
    if blunder:
        for k in range(3):
            words(c, "?", 0.62 + 0.12 * k, 0.16 + 0.04 * (k % 2), 0.13, WHITE)
        c.ellipse((0.88, 0.36), (0.016, 0.03), (150, 200, 240))


DRAW = {
    ("game", "action"): _game_action,
    ("game", "simulation"): _simulation,
    ("game", "puzzle"): _puzzle,
    ("object", "food"): _food,
    ("object", "instrument"): _instrument,
    ("object", "living_organism"): _living_organism,
    ("self_made", "funny"): _funny,
    ("self_made", "fear"): _fear,
    ("self_made", "sadness"): _sadness,
    ("interview_public_speech", "interview"): _interview,
    ("interview_public_speech", "speech"): _speech,
    ("interview_public_speech", "debate"): _debate,
}
