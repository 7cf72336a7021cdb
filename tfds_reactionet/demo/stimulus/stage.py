"""Sport and show: each function draws the sub-scene of its name."""

import numpy as np

from tfds_reactionet.demo.stimulus.props import BLACK, GOLD, RED, SKINS, WHITE, Props, Shot

CROWD = ((180, 60, 60), (70, 90, 170), (210, 200, 190), (60, 60, 70), (220, 180, 80))


def soccerball(c: Props, s: Shot) -> None:
    """A penalty box before full stands: a goal, or a foul and a red card."""
    goal, foul = s.on("goal"), s.on("foul")
    c.gradient((40, 46, 70), (60, 66, 90), 0, 0.3)
    c.scatter(s, 90, (0, 0.02, 1, 0.3), CROWD, 0.014)
    for k in range(8):
        grass = (52, 140, 60) if k % 2 else (66, 158, 70)
        c.box(0, 0.3 + 0.0875 * k, 1, 0.3875 + 0.0875 * k, grass)
    c.ellipse((0.5, 1.0), (0.42, 0.16), WHITE, width=0.01)
    c.stroke([[0.28, 0.52], [0.28, 0.2], [0.72, 0.2], [0.72, 0.52]], WHITE, 0.022)
    for k in range(9):
        c.stroke([[0.3 + 0.05 * k, 0.22], [0.3 + 0.05 * k, 0.5]], (200, 205, 210), 0.004)
        c.stroke([[0.28, 0.22 + 0.035 * k], [0.72, 0.22 + 0.035 * k]], (200, 205, 210), 0.004)
    home = s.choose(3, (RED, (230, 150, 40), (150, 40, 140)))
    away = s.choose(4, ((60, 90, 200), (40, 40, 44), (240, 240, 240)))
    c.figure(0.5, 0.54, 0.24, (240, 220, 60), SKINS[0], "fall" if goal else "stand")
    x = s.pick(5, 0.12, 0.3) + 0.03 * s.swing(0.8)
    c.figure(x, 0.92, 0.46, home, SKINS[2], "up" if goal else "kick")
    c.figure(0.78, 0.86, 0.42, away, SKINS[0], "run")
    ball = (0.42 + 0.22 * goal, 0.8 - 0.48 * goal) if goal else (x + 0.16, 0.88)
    c.ellipse(ball, (0.034, 0.034), WHITE)
    c.ellipse(ball, (0.013, 0.013), BLACK)
    if goal:
        c.words("GOAL", 0.5, 0.11, 0.15, GOLD)
    if foul:
        c.stroke([[0.44, 0.9], [0.66, 0.88]], away, 0.08)
        c.ellipse((0.7, 0.87), (0.045, 0.045), SKINS[0])
        c.figure(0.55, 0.84, 0.44, (30, 30, 34), SKINS[1], "up")
        c.box(0.6, 0.28, 0.7, 0.42, RED)


def basketball(c: Props, s: Shot) -> None:
    """A wooden court under the hoop: a dunk, or a miss."""
    dunk, miss = s.on("dunk"), s.on("miss")
    c.gradient((30, 24, 34), (70, 50, 56), 0, 0.45)
    c.scatter(s, 80, (0, 0.1, 1, 0.42), CROWD, 0.014)
    for k in range(10):
        near = [[0.16 * k - 0.2, 1], [0.16 * k - 0.36, 1]]
        wood = (206, 148, 86) if k % 2 else (192, 134, 74)
        c.fill([[0.1 * k, 0.45], [0.1 * k + 0.1, 0.45], *near], wood)
    c.ellipse((0.6, 0.98), (0.36, 0.1), WHITE, width=0.01)
    c.box(0.62, 0.08, 0.92, 0.32, (232, 236, 240))
    c.box(0.71, 0.18, 0.83, 0.29, RED)
    c.box(0.72, 0.19, 0.82, 0.28, (232, 236, 240))
    c.ellipse((0.77, 0.34), (0.075, 0.02), (236, 92, 30), width=0.014)
    for k in range(5):
        c.stroke([[0.7 + 0.035 * k, 0.35], [0.72 + 0.025 * k, 0.47]], WHITE, 0.005)
    c.box(0.93, 0.1, 0.96, 0.8, (70, 74, 84))
    shirt = s.choose(3, ((90, 40, 150), (30, 110, 70), (220, 170, 40)))
    x, y = (0.42 + 0.2 * dunk, 0.9 - 0.16 * dunk) if dunk else (s.pick(5, 0.2, 0.4), 0.92)
    c.figure(x, y, 0.52, shirt, SKINS[3], "up" if dunk else "run", shirt)
    pose = s.now("stand", miss="fall")
    c.figure(0.12, 0.86, 0.42, (235, 235, 240), SKINS[1], pose, (200, 200, 210))
    flight = {"dunk": (0.77, 0.33 + 0.14 * dunk), "miss": (0.5 - 0.1 * miss, 0.3 + 0.5 * miss)}
    ball = s.now((x + 0.14, 0.72 + 0.08 * s.swing(2)), **flight)
    c.ellipse(ball, (0.045, 0.045), (222, 112, 40))
    c.stroke([[ball[0] - 0.04, ball[1]], [ball[0] + 0.04, ball[1]]], (80, 40, 20), 0.007)
    if dunk:
        c.burst(0.77, 0.34, 0.05 + 0.05 * dunk, (255, 240, 160), 9)
        c.words("DUNK!", 0.3, 0.14, 0.13, (255, 220, 90))
    if miss:
        c.words("MISS", 0.3, 0.14, 0.13, (150, 170, 200))


def boxing(c: Props, s: Shot) -> None:
    """Two boxers in the ring: a knockout, or blood."""
    knock, blood = s.on("knockout"), s.on("blood")
    c.gradient((12, 12, 20), (34, 30, 52), 0, 0.62)
    c.fill([[0.4, 0], [0.6, 0], [1, 0.62], [0, 0.62]], (48, 46, 74))
    c.gradient((170, 186, 214), (122, 140, 176), 0.62, 1)
    for k, colour in enumerate((RED, WHITE, (50, 80, 190))):
        c.stroke([[0, 0.3 + 0.11 * k], [1, 0.3 + 0.11 * k]], colour, 0.016)
    for x, colour in ((0.05, (190, 30, 40)), (0.95, (40, 60, 180))):
        c.box(x - 0.025, 0.22, x + 0.025, 0.7, colour)
    x = 0.36 + 0.03 * s.swing(1.6)
    c.figure(x, 0.93, 0.62, SKINS[2], SKINS[2], "point" if s.progress else "stand", RED)
    c.ellipse((x + 0.21 + 0.03 * knock, 0.46), (0.05, 0.045), RED)
    c.ellipse((x + 0.05, 0.58), (0.05, 0.045), RED)
    if knock > 0.3:
        c.stroke([[0.58, 0.9], [0.86, 0.88]], SKINS[0], 0.11)
        c.ellipse((0.9, 0.85), (0.055, 0.055), SKINS[0])
        c.burst(0.68, 0.4, 0.13, GOLD, 10)
        c.words("K.O.", 0.5, 0.13, 0.18, GOLD)
    else:
        c.figure(0.68 + 0.06 * knock, 0.93, 0.6, SKINS[0], SKINS[0], "stand", (50, 70, 190))
        c.ellipse((0.6, 0.55), (0.05, 0.045), (50, 70, 190))
    if blood:
        c.ellipse((0.66, 0.42), (0.05, 0.035), (150, 10, 20))
        reds, size = ((160, 10, 20), (130, 6, 16)), 0.006 + 0.014 * blood
        c.scatter(s, 26, (0.5, 0.36, 0.86, 0.95), reds, size)


def talk_show(c: Props, s: Shot) -> None:
    """A host at a desk before a skyline: a joke, or tears."""
    c.gradient(s.choose(3, ((40, 50, 110), (90, 40, 80), (30, 80, 90))), (20, 22, 46))
    for k in range(14):
        x = 0.03 + 0.07 * k
        c.box(x, 0.5 - 0.25 * s.fixed[k % len(s.fixed)], x + 0.045, 0.56, (28, 30, 54))
        c.box(x + 0.012, 0.5, x + 0.024, 0.515, GOLD)
    c.gradient((96, 62, 40), (66, 40, 28), 0.8, 1)
    c.box(0.06, 0.58, 0.34, 0.94, (150, 60, 60))
    mood = s.now("plain", joke="smile", tears="cry")
    c.bust(0.2, 0.45, 0.105, (200, 90, 60), SKINS[0], mood, (120, 70, 36))
    mood = s.now("plain", joke="smile", tears="frown")
    c.bust(0.7, 0.4, 0.11, (40, 44, 60), SKINS[1], mood)
    c.fill([[0.46, 0.66], [0.98, 0.66], [0.94, 0.98], [0.5, 0.98]], (132, 84, 48))
    c.box(0.44, 0.63, 1.0, 0.68, (168, 112, 66))
    c.box(0.86, 0.56, 0.91, 0.63, (230, 230, 236))
    c.microphone(0.56, 0.58, 0.02)
    if s.on("joke"):
        c.words("HA HA!", 0.45, 0.1 + 0.01 * s.swing(4), 0.14, (255, 230, 120))
    if s.on("tears"):
        c.box(0.29, 0.66, 0.4, 0.73, WHITE)


def magic_show(c: Props, s: Shot) -> None:
    """A magician between curtains: a dove appears, or the trick goes up in smoke."""
    reveal, fail = s.on("reveal"), s.on("fail")
    c.gradient((36, 10, 44), (18, 6, 24))
    for k in range(9):
        for x in (0.03 * k, 1 - 0.03 * k - 0.03):
            c.box(x, 0, x + 0.03, 0.85 - 0.02 * k, (150, 20, 40) if k % 2 else (110, 12, 30))
    c.ellipse((0.5, 0.9), (0.4, 0.09), (120, 80, 110))
    pose = s.now("point", reveal="up", fail="fall")
    c.figure(0.38, 0.9, 0.66, (24, 24, 30), SKINS[0], pose, (20, 20, 26))
    c.box(0.32, 0.2, 0.44, 0.28, BLACK)
    c.box(0.29, 0.27, 0.47, 0.295, BLACK)
    c.box(0.6, 0.62, 0.82, 0.9, (90, 30, 110))
    c.words("*", 0.71, 0.76, 0.12, GOLD)
    c.fill([[0.64, 0.62], [0.78, 0.62], [0.81, 0.46], [0.61, 0.46]], (30, 30, 36))
    if reveal:
        c.scatter(s, 30, (0.5, 0.06, 0.95, 0.5), (GOLD, WHITE, (255, 160, 220)), 0.014)
        y = 0.42 - 0.16 * reveal
        c.ellipse((0.71, y), (0.08, 0.05), WHITE)
        c.ellipse((0.78, y - 0.04), (0.035, 0.032), WHITE)
        for side in (-1, 1):
            c.fill([[0.69, y], [0.71 + 0.14 * side, y - 0.14], [0.74, y - 0.02]], (226, 230, 240))
    if fail:
        for x, y, k in np.random.default_rng(3).uniform(size=(9, 3)):
            card = WHITE if k < 0.6 else (230, 190, 190)
            c.box(0.46 + 0.4 * x, 0.9 - 0.5 * y, 0.51 + 0.4 * x, 0.97 - 0.5 * y, card)
        c.ellipse((0.71, 0.4), (0.1, 0.06), (110, 110, 116))


def concert_show(c: Props, s: Shot) -> None:
    """A singer between loudspeakers: a chorus with fireworks, or a ballad in blue light."""
    chorus, ballad = s.on("chorus"), s.on("ballad")
    c.gradient((10, 8, 24), s.now((40, 16, 60), ballad=(10, 26, 66)))
    colours = ((255, 60, 160), (70, 200, 255), (255, 220, 80), (120, 255, 140))
    for k in range(6 if not ballad else 1):
        x = 0.1 + 0.16 * k if not ballad else 0.5
        aim = x + 0.2 * s.swing(0.7, 0.2 * k) * (not ballad)
        beam = np.array(s.now(colours[k % 4], ballad=(90, 130, 230))) * (0.55 if chorus else 0.34)
        c.fill([[x - 0.01, 0], [x + 0.01, 0], [aim + 0.1, 0.8], [aim - 0.1, 0.8]], beam)
    c.box(0, 0.72, 1, 0.84, (34, 30, 44))
    for x in (0.04, 0.84):
        c.box(x, 0.44, x + 0.12, 0.74, (22, 22, 26))
        for y in (0.52, 0.66):
            c.ellipse((x + 0.06, y), (0.04, 0.04), (70, 70, 78))
    dress = s.choose(3, ((240, 60, 120), (230, 230, 240), (250, 190, 60)))
    c.figure(0.5, 0.78, 0.46, dress, SKINS[1], "up" if chorus else "stand")
    c.microphone(0.54, 0.42, 0.016)
    if not ballad:
        c.figure(0.26, 0.78, 0.4, (40, 40, 46), SKINS[0], "point")
        c.box(0.67, 0.62, 0.8, 0.76, (180, 40, 50))
        c.ellipse((0.735, 0.62), (0.07, 0.02), (230, 230, 230))
    if chorus:
        for k in range(4):
            c.burst(0.15 + 0.23 * k, 0.14 + 0.06 * (k % 2), 0.1 * chorus, colours[k], 14)
    for k in range(13):
        x = 0.08 * k
        c.ellipse((x, 0.97), (0.05, 0.07), (8, 8, 12))
        if k % 2 and not ballad:
            c.stroke([[x, 0.97], [x + 0.03 * s.swing(2, k / 7), 0.8]], (8, 8, 12), 0.03)
