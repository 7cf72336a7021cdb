"""Stimulus scenes of the demo release: sport, show, animation and film; dispatch for all eight."""

import cv2
import numpy as np
from jaxtyping import UInt8

from tfds_reactionet.reactionet import demo_stimuli_more as more
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

CROWD = ((180, 60, 60), (70, 90, 170), (210, 200, 190), (60, 60, 70), (220, 180, 80))


def _soccerball(c: Canvas, s: Shot) -> None:
    gradient(c, (40, 46, 70), (60, 66, 90), 0, 0.3)
    scatter(c, s, 90, (0, 0.02, 1, 0.3), CROWD, 0.014)
    for k in range(8):
        c.box(
            0, 0.3 + 0.0875 * k, 1, 0.3875 + 0.0875 * k, (52, 140, 60) if k % 2 else (66, 158, 70)
        )
    c.ellipse((0.5, 1.0), (0.42, 0.16), WHITE, width=0.01)
    c.stroke([[0.28, 0.52], [0.28, 0.2], [0.72, 0.2], [0.72, 0.52]], WHITE, 0.022)
    for k in range(9):
        c.stroke([[0.3 + 0.05 * k, 0.22], [0.3 + 0.05 * k, 0.5]], (200, 205, 210), 0.004)
        c.stroke([[0.28, 0.22 + 0.035 * k], [0.72, 0.22 + 0.035 * k]], (200, 205, 210), 0.004)
    home, away = (
        s.choose(3, (RED, (230, 150, 40), (150, 40, 140))),
        s.choose(4, ((60, 90, 200), (40, 40, 44), (240, 240, 240))),
    )
    goal, foul = s.on("goal"), s.on("foul")
    figure(c, 0.5, 0.54, 0.24, (240, 220, 60), SKINS[0], "fall" if goal else "stand")
    x = s.pick(5, 0.12, 0.3) + 0.03 * s.swing(0.8)
    figure(c, x, 0.92, 0.46, home, SKINS[2], "up" if goal else "kick")
    figure(c, 0.78, 0.86, 0.42, away, SKINS[0], "run")
    ball = (0.42 + 0.22 * goal, 0.8 - 0.48 * goal) if goal else (x + 0.16, 0.88)
    c.ellipse(ball, (0.034, 0.034), WHITE)
    c.ellipse(ball, (0.013, 0.013), BLACK)
    if goal:
        words(c, "GOAL", 0.5, 0.11, 0.15, GOLD)
    if foul:
        c.stroke([[0.44, 0.9], [0.66, 0.88]], away, 0.08)
        c.ellipse((0.7, 0.87), (0.045, 0.045), SKINS[0])
        figure(c, 0.55, 0.84, 0.44, (30, 30, 34), SKINS[1], "up")
        c.box(0.6, 0.28, 0.7, 0.42, RED)


def _basketball(c: Canvas, s: Shot) -> None:
    gradient(c, (30, 24, 34), (70, 50, 56), 0, 0.45)
    scatter(c, s, 80, (0, 0.1, 1, 0.42), CROWD, 0.014)
    for k in range(10):
        c.fill(
            [[0.1 * k, 0.45], [0.1 * k + 0.1, 0.45], [0.16 * k - 0.2, 1], [0.16 * k - 0.36, 1]],
            (206, 148, 86) if k % 2 else (192, 134, 74),
        )
    c.ellipse((0.6, 0.98), (0.36, 0.1), WHITE, width=0.01)
    c.box(0.62, 0.08, 0.92, 0.32, (232, 236, 240))
    c.box(0.71, 0.18, 0.83, 0.29, RED)
    c.box(0.72, 0.19, 0.82, 0.28, (232, 236, 240))
    c.ellipse((0.77, 0.34), (0.075, 0.02), (236, 92, 30), width=0.014)
    for k in range(5):
        c.stroke([[0.7 + 0.035 * k, 0.35], [0.72 + 0.025 * k, 0.47]], WHITE, 0.005)
    c.box(0.93, 0.1, 0.96, 0.8, (70, 74, 84))
    dunk, miss = s.on("dunk"), s.on("miss")
    shirt = s.choose(3, ((90, 40, 150), (30, 110, 70), (220, 170, 40)))
    x, y = (0.42 + 0.2 * dunk, 0.9 - 0.16 * dunk) if dunk else (s.pick(5, 0.2, 0.4), 0.92)
    figure(c, x, y, 0.52, shirt, SKINS[3], "up" if dunk else "run", shirt)
    figure(
        c, 0.12, 0.86, 0.42, (235, 235, 240), SKINS[1], "fall" if miss else "stand", (200, 200, 210)
    )
    ball = (
        (x + 0.14, 0.72 + 0.08 * s.swing(2))
        if not s.progress
        else (0.77, 0.33 + 0.14 * dunk)
        if dunk
        else (0.5 - 0.1 * miss, 0.3 + 0.5 * miss)
    )
    c.ellipse(ball, (0.045, 0.045), (222, 112, 40))
    c.stroke([[ball[0] - 0.04, ball[1]], [ball[0] + 0.04, ball[1]]], (80, 40, 20), 0.007)
    if dunk:
        burst(c, 0.77, 0.34, 0.05 + 0.05 * dunk, (255, 240, 160), 9)
        words(c, "DUNK!", 0.3, 0.14, 0.13, (255, 220, 90))
    if miss:
        words(c, "MISS", 0.3, 0.14, 0.13, (150, 170, 200))


def _boxing(c: Canvas, s: Shot) -> None:
    gradient(c, (12, 12, 20), (34, 30, 52), 0, 0.62)
    c.fill([[0.4, 0], [0.6, 0], [1, 0.62], [0, 0.62]], (48, 46, 74))
    gradient(c, (170, 186, 214), (122, 140, 176), 0.62, 1)
    for k, colour in enumerate((RED, WHITE, (50, 80, 190))):
        c.stroke([[0, 0.3 + 0.11 * k], [1, 0.3 + 0.11 * k]], colour, 0.016)
    for x in (0.05, 0.95):
        c.box(x - 0.025, 0.22, x + 0.025, 0.7, (190, 30, 40) if x < 0.5 else (40, 60, 180))
    knock, blood = s.on("knockout"), s.on("blood")
    x = 0.36 + 0.03 * s.swing(1.6)
    figure(c, x, 0.93, 0.62, SKINS[2], SKINS[2], "point" if s.progress else "stand", RED)
    c.ellipse((x + 0.21 + 0.03 * knock, 0.46), (0.05, 0.045), RED)
    c.ellipse((x + 0.05, 0.58), (0.05, 0.045), RED)
    if knock > 0.3:
        c.stroke([[0.58, 0.9], [0.86, 0.88]], SKINS[0], 0.11)
        c.ellipse((0.9, 0.85), (0.055, 0.055), SKINS[0])
        burst(c, 0.68, 0.4, 0.13, GOLD, 10)
        words(c, "K.O.", 0.5, 0.13, 0.18, GOLD)
    else:
        figure(c, 0.68 + 0.06 * knock, 0.93, 0.6, SKINS[0], SKINS[0], "stand", (50, 70, 190))
        c.ellipse((0.6, 0.55), (0.05, 0.045), (50, 70, 190))
    if blood:
        c.ellipse((0.66, 0.42), (0.05, 0.035), (150, 10, 20))
        scatter(
            c, s, 26, (0.5, 0.36, 0.86, 0.95), ((160, 10, 20), (130, 6, 16)), 0.006 + 0.014 * blood
        )


def _talk_show(c: Canvas, s: Shot) -> None:
    gradient(c, s.choose(3, ((40, 50, 110), (90, 40, 80), (30, 80, 90))), (20, 22, 46))
    for k in range(14):
        x = 0.03 + 0.07 * k
        c.box(x, 0.5 - 0.25 * s.fixed[k % len(s.fixed)], x + 0.045, 0.56, (28, 30, 54))
        c.box(x + 0.012, 0.5, x + 0.024, 0.515, GOLD)
    gradient(c, (96, 62, 40), (66, 40, 28), 0.8, 1)
    joke, tears = s.on("joke"), s.on("tears")
    c.box(0.06, 0.58, 0.34, 0.94, (150, 60, 60))
    bust(
        c,
        0.2,
        0.45,
        0.105,
        (200, 90, 60),
        SKINS[0],
        "smile" if joke else "cry" if tears else "plain",
        (120, 70, 36),
    )
    bust(
        c,
        0.7,
        0.4,
        0.11,
        (40, 44, 60),
        SKINS[1],
        "smile" if joke else "frown" if tears else "plain",
    )
    c.fill([[0.46, 0.66], [0.98, 0.66], [0.94, 0.98], [0.5, 0.98]], (132, 84, 48))
    c.box(0.44, 0.63, 1.0, 0.68, (168, 112, 66))
    c.box(0.86, 0.56, 0.91, 0.63, (230, 230, 236))
    microphone(c, 0.56, 0.58, 0.02)
    if joke:
        words(c, "HA HA!", 0.45, 0.1 + 0.01 * s.swing(4), 0.14, (255, 230, 120))
    if tears:
        c.box(0.29, 0.66, 0.4, 0.73, WHITE)


def _magic_show(c: Canvas, s: Shot) -> None:
    gradient(c, (36, 10, 44), (18, 6, 24))
    for k in range(9):
        for x in (0.03 * k, 1 - 0.03 * k - 0.03):
            c.box(x, 0, x + 0.03, 0.85 - 0.02 * k, (150, 20, 40) if k % 2 else (110, 12, 30))
    c.ellipse((0.5, 0.9), (0.4, 0.09), (120, 80, 110))
    reveal, fail = s.on("reveal"), s.on("fail")
    figure(
        c,
        0.38,
        0.9,
        0.66,
        (24, 24, 30),
        SKINS[0],
        "up" if reveal else "fall" if fail else "point",
        (20, 20, 26),
    )
    c.box(0.32, 0.2, 0.44, 0.28, BLACK)
    c.box(0.29, 0.27, 0.47, 0.295, BLACK)
    c.box(0.6, 0.62, 0.82, 0.9, (90, 30, 110))
    words(c, "*", 0.71, 0.76, 0.12, GOLD)
    c.fill([[0.64, 0.62], [0.78, 0.62], [0.81, 0.46], [0.61, 0.46]], (30, 30, 36))
    if reveal:
        scatter(c, s, 30, (0.5, 0.06, 0.95, 0.5), (GOLD, WHITE, (255, 160, 220)), 0.014)
        y = 0.42 - 0.16 * reveal
        c.ellipse((0.71, y), (0.08, 0.05), WHITE)
        c.ellipse((0.78, y - 0.04), (0.035, 0.032), WHITE)
        for side in (-1, 1):
            c.fill([[0.69, y], [0.71 + 0.14 * side, y - 0.14], [0.74, y - 0.02]], (226, 230, 240))
    if fail:
        rng = np.random.default_rng(3)
        for x, y, k in rng.uniform(size=(9, 3)):
            c.box(
                0.46 + 0.4 * x,
                0.9 - 0.3 * y * (1 - fail),
                0.51 + 0.4 * x,
                0.97 - 0.3 * y * (1 - fail),
                WHITE if k < 0.6 else (230, 190, 190),
            )
        c.ellipse((0.71, 0.4), (0.1, 0.06), (110, 110, 116))


def _concert_show(c: Canvas, s: Shot) -> None:
    chorus, ballad = s.on("chorus"), s.on("ballad")
    gradient(c, (10, 8, 24), (40, 16, 60) if not ballad else (10, 26, 66))
    colours = ((255, 60, 160), (70, 200, 255), (255, 220, 80), (120, 255, 140))
    for k in range(6 if not ballad else 1):
        x = 0.1 + 0.16 * k if not ballad else 0.5
        aim = x + 0.2 * s.swing(0.7, 0.2 * k) * (not ballad)
        beam = np.array(colours[k % 4] if not ballad else (90, 130, 230)) * (
            0.55 if chorus else 0.34
        )
        c.fill([[x - 0.01, 0], [x + 0.01, 0], [aim + 0.1, 0.8], [aim - 0.1, 0.8]], beam)
    c.box(0, 0.72, 1, 0.84, (34, 30, 44))
    for x in (0.04, 0.84):
        c.box(x, 0.44, x + 0.12, 0.74, (22, 22, 26))
        for y in (0.52, 0.66):
            c.ellipse((x + 0.06, y), (0.04, 0.04), (70, 70, 78))
    figure(
        c,
        0.5,
        0.78,
        0.46,
        s.choose(3, ((240, 60, 120), (230, 230, 240), (250, 190, 60))),
        SKINS[1],
        "up" if chorus else "stand",
    )
    microphone(c, 0.54, 0.42, 0.016)
    if not ballad:
        figure(c, 0.26, 0.78, 0.4, (40, 40, 46), SKINS[0], "point")
        c.box(0.67, 0.62, 0.8, 0.76, (180, 40, 50))
        c.ellipse((0.735, 0.62), (0.07, 0.02), (230, 230, 230))
    if chorus:
        for k in range(4):
            burst(c, 0.15 + 0.23 * k, 0.14 + 0.06 * (k % 2), 0.1 * chorus, colours[k], 14)
    for k in range(13):
        x = 0.08 * k
        c.ellipse((x, 0.97), (0.05, 0.07), (8, 8, 12))
        if k % 2 and not ballad:
            c.stroke([[x, 0.97], [x + 0.03 * s.swing(2, k / 7), 0.8]], (8, 8, 12), 0.03)


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
    ("sport", "soccerball"): _soccerball,
    ("sport", "basketball"): _basketball,
    ("sport", "boxing"): _boxing,
    ("show", "talk_show"): _talk_show,
    ("show", "magic_show"): _magic_show,
    ("show", "concert_show"): _concert_show,
    ("animation", "family_friendly"): _family_friendly,
    ("animation", "fantasy"): _fantasy,
    ("animation", "action"): _animation_action,
    ("film", "horror"): _horror,
    ("film", "romance"): _romance,
    ("film", "western"): _western,
    **more.DRAW,
}


def render_stimulus(
    scene: str, sub_scene: str, shot: Shot, rng: np.random.Generator, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """One frame of a stimulus video, with a wandering camera, a colour cast and sensor noise."""
    image = np.empty((size, size, 3), np.uint8)
    DRAW[scene, sub_scene](Canvas(image, (0.0, 0.0), size), shot)
    zoom = 1.04 + 0.12 * shot.fixed[6]
    slack = (zoom - 1) / 2 * size
    dx, dy = slack * 0.8 * np.array([shot.swing(0.3), shot.swing(0.23, 0.4)])
    turn = np.array([[zoom, 0, -slack + dx], [0, zoom, -slack + dy]], np.float32)
    image = cv2.warpAffine(image, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if shot.fixed[7] < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), 0.006 * size)
    cast = 0.86 + 0.28 * np.array(shot.fixed[8:11])
    noise = cv2.resize(rng.normal(0, 5, (size // 2, size // 2)).astype(np.float32), (size, size))
    return np.clip(image * cast.astype(np.float32) + noise[..., None], 0, 255).astype(np.uint8)
