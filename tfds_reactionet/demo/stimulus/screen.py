"""Stimulus scenes of the demo release: game and object."""

import numpy as np

from tfds_reactionet.demo.canvas import Canvas, curve
from tfds_reactionet.demo.stimulus.props import (
    BLACK,
    GOLD,
    RED,
    SKINS,
    WHITE,
    Shot,
    beast,
    burst,
    figure,
    flame,
    gradient,
    heart,
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


DRAW = {
    ("game", "action"): _game_action,
    ("game", "simulation"): _simulation,
    ("game", "puzzle"): _puzzle,
    ("object", "food_related_content"): _food,
    ("object", "instrument_related_content"): _instrument,
    ("object", "living_organism_related_content"): _living_organism,
}
