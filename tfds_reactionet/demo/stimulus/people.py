"""Self-made videos, interview and public speech: each function draws the sub-scene of its name."""

import numpy as np

from tfds_reactionet.demo.canvas import curve, symmetric
from tfds_reactionet.demo.stimulus.props import BLACK, GOLD, RED, SKINS, WHITE, Props, Shot


def funny_related(c: Props, s: Shot) -> None:
    """A banana peel in a living room: one slips, or a bucket of mud is emptied over somebody."""
    slip, mean = s.on("slip"), s.on("mean")
    wall = s.choose(3, ((250, 220, 120), (170, 220, 240), (240, 190, 210)))
    c.gradient(wall, (236, 236, 226), 0, 0.7)
    c.gradient((190, 150, 110), (160, 120, 84), 0.7, 1)
    c.box(0.06, 0.2, 0.3, 0.5, WHITE)
    c.box(0.08, 0.22, 0.28, 0.48, (150, 200, 240))
    c.box(0.68, 0.42, 0.96, 0.74, (90, 130, 150))
    c.fill(curve([[0.5, 0.9], [0.56, 0.82], [0.62, 0.9], [0.58, 0.88]]), (250, 226, 60))
    if slip > 0.2:
        y = 0.88 - 0.25 * (1 - slip)
        c.stroke([[0.3, y], [0.56, y - 0.02]], (230, 90, 60), 0.12)
        c.stroke([[0.56, y - 0.02], [0.78, y - 0.2]], (50, 60, 110), 0.06)
        c.ellipse((0.22, y - 0.02), (0.07, 0.075), SKINS[1])
        c.burst(0.22, y - 0.2, 0.07, GOLD, 7)
        c.words("OOPS", 0.55, 0.14, 0.15, (220, 60, 120))
    else:
        pose = s.now("run", mean="fall")
        c.figure(0.42 + 0.02 * s.swing(2), 0.92, 0.6, (230, 90, 60), SKINS[1], pose)
    if mean:
        c.fill([[0.5, 0.1], [0.72, 0.14], [0.68, 0.3], [0.52, 0.28]], (90, 96, 104))
        mud = [[0.5, 0.26], [0.42, 0.26 + 0.25 * mean], [0.36, 0.3 + 0.3 * mean]]
        mud += [[0.54, 0.5 * mean + 0.25], [0.66, 0.3]]
        c.fill(curve(mud), (120, 84, 40))
        c.figure(0.82, 0.92, 0.56, (50, 50, 60), SKINS[0], "point")


def fear_related(c: Props, s: Shot) -> None:
    """A graveyard in the moon: a ghost rises, or a friend in a sheet."""
    ghost, hoax = s.on("ghost"), s.on("hoax")
    c.gradient((14, 18, 44), (40, 44, 70))
    c.ellipse((0.8, 0.16), (0.09, 0.09), (236, 232, 200))
    for x, lean in ((0.06, 0.1), (0.2, -0.06), (0.92, -0.12)):
        c.stroke([[x, 1], [x, 0.5], [x + lean, 0.2]], (12, 12, 18), 0.035)
        c.stroke([[x, 0.5], [x - lean, 0.28]], (12, 12, 18), 0.02)
    c.fill([[0, 0.84], [0.5, 0.76], [1, 0.86], [1, 1], [0, 1]], (18, 26, 24))
    c.fill([[0.34, 0.84], [0.34, 0.62], [0.4, 0.57], [0.46, 0.62], [0.46, 0.84]], (84, 88, 96))
    c.fill([[0.1, 0.86], [0.32, 1], [-0.05, 1]], (200, 196, 130))
    if ghost or hoax:
        r, x = 0.1 + 0.12 * max(ghost, hoax), 0.6 + 0.03 * s.swing(1)
        hem = np.stack([x + r * np.linspace(1, -1, 7), 0.82 + np.resize([-0.02, 0.05], 7)], 1)
        sheet = curve(symmetric(x, [[r, 0.8], [0.95 * r, 0.5], [0, 0.5 - 1.4 * r]]))
        c.fill(np.concatenate([sheet, hem]), (220, 228, 240))
        if ghost:
            for side in (-1, 1):
                c.ellipse((x + 0.36 * r * side, 0.42), (0.17 * r, 0.26 * r), BLACK)
            c.ellipse((x, 0.56), (0.22 * r, 0.36 * r), BLACK)
        else:
            c.bust(x, 0.34, 0.1, (220, 228, 240), SKINS[1], "smile")
            c.words("PRANK!", 0.4, 0.14, 0.13, (120, 255, 140))


def sadness_related(c: Props, s: Shot) -> None:
    """A railway platform: a farewell in the rain, or a reunion."""
    farewell, reunion = s.on("farewell"), s.on("reunion")
    top = s.now((150, 160, 176), reunion=(250, 214, 160))
    c.gradient(top, s.now((186, 190, 196), reunion=(252, 236, 206)), 0, 0.7)
    c.gradient((120, 120, 124), (96, 96, 100), 0.7, 1)
    train = 0.5 + 0.4 * farewell
    c.box(train, 0.3, 1.3, 0.68, (70, 96, 120))
    for k in range(5):
        c.box(train + 0.05 + 0.16 * k, 0.36, train + 0.16 + 0.16 * k, 0.5, (206, 224, 236))
    c.stroke([[0, 0.72], [1, 0.72]], (230, 200, 70), 0.014)
    c.stroke([[0.08, 0.7], [0.08, 0.2]], (50, 50, 54), 0.02)
    c.ellipse((0.08, 0.2), (0.07, 0.07), WHITE)
    c.stroke([[0.08, 0.2], [0.08, 0.16]], BLACK, 0.01)
    gap = 0.14 - 0.085 * reunion
    coat = (90, 70, 110)
    c.figure(0.36 - gap, 0.95, 0.5, coat, SKINS[1], s.now("stand", reunion="up"))
    if farewell < 0.6:
        x, pose = 0.36 + gap + 0.2 * farewell, s.now("stand", farewell="point")
        c.figure(x, 0.95, 0.46, (170, 90, 80), SKINS[0], pose)
        c.box(0.4 + gap + 0.2 * farewell, 0.84, 0.5 + gap + 0.2 * farewell, 0.95, (110, 70, 44))
    if farewell:
        c.bust(0.22, 0.6, 0.17, coat, SKINS[1], "cry")
        c.rain(s)
    if reunion:
        c.heart(0.36, 0.26, 0.06 + 0.06 * reunion)


def interview(c: Props, s: Shot) -> None:
    """Two armchairs: a hilarious answer, or a rude one."""
    wall = s.choose(3, ((190, 206, 216), (214, 196, 170), (170, 186, 160)))
    c.gradient(wall, (226, 226, 220))
    c.box(0.08, 0.08, 0.36, 0.4, (120, 150, 130))
    c.box(0.12, 0.12, 0.32, 0.36, (216, 190, 120))
    c.stroke([[0.92, 0.9], [0.92, 0.5]], (90, 70, 50), 0.02)
    c.ellipse((0.92, 0.42), (0.09, 0.12), (70, 130, 80))
    for x, colour in ((0.26, (110, 80, 130)), (0.72, (70, 110, 130))):
        c.box(x - 0.2, 0.56, x + 0.2, 1.0, colour)
    mood = s.now("plain", hilarious="smile", rude="frown")
    c.bust(0.27, 0.48, 0.12, (50, 56, 80), SKINS[0], mood, (150, 100, 50))
    mood = s.now("plain", hilarious="smile", rude="shout")
    shirt = s.choose(4, ((180, 60, 60), (60, 130, 90), (220, 180, 60)))
    c.bust(0.72, 0.46, 0.13 + 0.02 * s.progress, shirt, SKINS[2], mood, (30, 24, 24))
    c.stroke([[0.3, 0.86], [0.5, 0.7]], SKINS[0], 0.04)
    c.microphone(0.52, 0.62, 0.03)
    if s.on("hilarious"):
        c.words("LOL", 0.5, 0.14 + 0.02 * s.swing(3), 0.16, (240, 90, 60))
    if s.on("rude"):
        c.ellipse((0.62, 0.15), (0.24, 0.12), WHITE)
        c.words("#@!", 0.62, 0.15, 0.15, RED)


def speech(c: Props, s: Shot) -> None:
    """A podium before an audience: news amid confetti, or a tribute beside candles."""
    news, tribute = s.on("announcement"), s.on("tribute")
    top = s.now((30, 50, 110), tribute=(36, 36, 40))
    c.gradient(top, s.now((70, 110, 180), tribute=(70, 70, 76)), 0, 0.8)
    c.gradient((40, 36, 50), (26, 22, 34), 0.8, 1)
    c.box(0.06, 0.1, 0.44, 0.48, s.now((220, 230, 244), tribute=(20, 20, 22)))
    if tribute:
        c.bust(0.25, 0.26, 0.085, (90, 90, 94), (180, 180, 184), "plain", (110, 110, 114))
        for k in range(5):
            c.stroke([[0.06 + 0.09 * k, 0.78], [0.06 + 0.09 * k, 0.68]], WHITE, 0.02)
            c.flame(0.06 + 0.09 * k, 0.68, 0.02 + 0.004 * s.swing(3, k / 5))
    else:
        for k in range(4):
            h = 0.06 + 0.05 * k + 0.08 * news * (k == 3)
            c.box(0.11 + 0.08 * k, 0.44 - h, 0.16 + 0.08 * k, 0.44, (60, 120, 200))
    mood = s.now("plain", announcement="smile", tribute="cry")
    c.bust(0.7, 0.36, 0.1, (30, 34, 50), s.choose(3, SKINS), mood)
    c.fill([[0.55, 0.58], [0.85, 0.58], [0.8, 0.98], [0.6, 0.98]], (126, 80, 46))
    c.ellipse((0.7, 0.74), (0.06, 0.06), GOLD)
    for x in (0.63, 0.77):
        c.microphone(x, 0.52, 0.014)
    if news:
        c.words("NEW!", 0.25, 0.2, 0.13 * news + 0.02, RED)
        c.scatter(s, 36, (0, 0, 1, 0.8), (GOLD, WHITE, (255, 110, 150), (90, 220, 160)), 0.011)
    for k in range(9):
        c.ellipse((0.06 + 0.11 * k, 0.99), (0.05, 0.065), (14, 12, 18))


def debate(c: Props, s: Shot) -> None:
    """Two lecterns before blue and red: an attack, or a blunder."""
    attack = s.on("attack")
    c.box(0, 0, 0.5, 1, (40, 70, 170))
    c.box(0.5, 0, 1, 1, (170, 40, 50))
    c.scatter(s, 22, (0, 0, 1, 0.2), (WHITE,), 0.012)
    c.box(0, 0.82, 1, 1, (50, 44, 56))
    moods = s.now(("plain", "plain"), attack=("shout", "frown"), blunder=("smile", "gape"))
    suits, hair = ((30, 34, 60), (60, 30, 40)), ((80, 80, 84), (120, 70, 40))
    for k, x in enumerate((0.26, 0.74)):
        lean, skin = 0.06 * attack if k == 0 else 0.0, SKINS[(k + int(3 * s.fixed[4])) % 3]
        c.bust(x + lean, 0.42, 0.12, suits[k], skin, moods[k], hair[k])
        lectern = [[x - 0.15, 0.64], [x + 0.15, 0.64], [x + 0.11, 0.98], [x - 0.11, 0.98]]
        c.fill(lectern, (200, 204, 214))
        c.microphone(x + 0.02, 0.58, 0.014)
    if attack:
        c.stroke([[0.34, 0.66], [0.42 + 0.14 * attack, 0.5]], SKINS[0], 0.04)
        c.words("LIAR!", 0.5, 0.14, 0.15, (255, 230, 80))
    if s.on("blunder"):
        for k in range(3):
            c.words("?", 0.62 + 0.12 * k, 0.16 + 0.04 * (k % 2), 0.13, WHITE)
        c.ellipse((0.88, 0.36), (0.016, 0.03), (150, 200, 240))
