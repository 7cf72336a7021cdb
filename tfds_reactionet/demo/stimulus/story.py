"""Animation and film: each function draws the sub-scene of its name."""

import numpy as np

from tfds_reactionet.demo.canvas import curve, symmetric
from tfds_reactionet.demo.stimulus.props import BLACK, RED, SKINS, WHITE, Props, Shot


def family_friendly(c: Props, s: Shot) -> None:
    """A cartoon animal in a meadow: a hug, or lost in the rain."""
    lost, hug = s.on("lost"), s.on("hug")
    top = s.now((120, 200, 250), lost=(92, 104, 130))
    c.gradient(top, s.now((214, 240, 250), lost=(134, 142, 158)), 0, 0.65)
    top = s.now((130, 210, 90), lost=(76, 110, 80))
    c.gradient(top, s.now((90, 170, 70), lost=(60, 90, 70)), 0.65, 1)
    if not lost:
        c.ellipse((0.84, 0.15), (0.09, 0.09), (255, 226, 90))
        c.ellipse((0.25, 0.68), (0.3, 0.12), (110, 196, 84))
    c.fill([[0.06, 0.5], [0.2, 0.36], [0.34, 0.5]], (196, 70, 60))
    c.box(0.09, 0.5, 0.31, 0.7, (246, 226, 180))
    fur = s.choose(3, ((230, 140, 70), (170, 120, 90), (150, 160, 180)))
    x, mood = 0.6 if lost else 0.44 + 0.03 * s.swing(1), s.now("happy", lost="sad")
    c.beast(x, 0.52, 0.15, fur, mood, pointed=True)
    if not lost:
        c.beast(0.78 - 0.09 * hug, 0.6, 0.115, np.array(fur) * 0.7 + 60, "happy")
    if hug:
        for k in range(3):
            c.heart(0.5 + 0.12 * k, 0.24 - 0.05 * (k % 2) - 0.04 * hug, 0.05)
    if lost:
        c.rain(s)


def fantasy(c: Props, s: Shot) -> None:
    """A witch near a castle: magic, or a dragon."""
    magic, dragon = s.on("magic"), s.on("dragon")
    top = s.now((50, 30, 110), dragon=(90, 20, 30))
    c.gradient(top, s.now((220, 130, 190), dragon=(230, 110, 50)))
    c.scatter(s, 24, (0, 0, 1, 0.4), (WHITE, (255, 240, 200)), 0.006)
    c.ellipse((0.82, 0.16), (0.08, 0.08), (250, 244, 220))
    peaks = [[0, 0.8], [0.2, 0.5], [0.4, 0.78], [0.66, 0.46], [1, 0.8]]
    c.fill([*peaks, [1, 1], [0, 1]], (60, 40, 100))
    for x, h in ((0.12, 0.42), (0.2, 0.3), (0.28, 0.46)):
        c.box(x, h, x + 0.07, 0.85, (190, 170, 220))
        c.fill([[x - 0.015, h], [x + 0.035, h - 0.14], [x + 0.085, h]], (210, 70, 130))
    pose = s.now("stand", magic="up")
    c.figure(0.6, 0.96, 0.42, (250, 200, 240), SKINS[0], pose, (200, 120, 190))
    c.fill([[0.54, 0.58], [0.66, 0.58], [0.61, 0.4]], (80, 60, 170))
    if magic:
        for k in range(5):
            angle = k * 1.26 + s.time
            x, y = 0.6 + 0.27 * np.cos(angle), 0.5 + 0.3 * np.sin(angle)
            c.burst(x, y, 0.06 * magic, (255, 240, 130), 5)
        c.ellipse((0.6, 0.62), (0.28 * magic, 0.34 * magic), (255, 250, 190), width=0.012)
    if dragon:
        x = 1.05 - 0.3 * dragon
        body = [[x - 0.1, 0.3], [x + 0.05, 0.05], [1.1, 0.1], [1.1, 0.7], [x + 0.1, 0.5]]
        c.fill(curve(body), (40, 110, 60))
        c.fill([[x - 0.1, 0.3], [x + 0.04, 0.24], [x + 0.06, 0.44], [x - 0.06, 0.4]], (30, 84, 46))
        c.ellipse((x + 0.03, 0.2), (0.03, 0.024), (255, 230, 60))
        c.flame(x - 0.15, 0.6, 0.12 * dragon + 0.03)
        c.flame(0.4, 0.85, 0.14 * dragon)


def action(c: Props, s: Shot) -> None:
    """A caped hero between towers: an explosion, or a villain."""
    boom, villain = s.on("explosion"), s.on("villain")
    top = s.now((250, 160, 60), villain=(60, 20, 70))
    c.gradient(top, s.now((250, 220, 140), villain=(120, 30, 60)), 0, 0.75)
    for k, h in enumerate(s.rng(3).uniform(size=9)):
        c.box(0.12 * k - 0.02, 0.3 + 0.3 * h, 0.12 * k + 0.09, 0.8, (70, 60, 110))
    c.box(0, 0.78, 1, 1, (60, 62, 72))
    if villain:
        c.fill([[0.3, 1], [0.36, 0.5], [0.64, 0.5], [0.72, 1]], (30, 20, 40))
        c.beast(0.5, 0.4, 0.15 + 0.05 * villain, (110, 180, 90), "angry", pointed=True)
    x = 0.24 + 0.03 * s.swing(1.5)
    c.fill([[x - 0.02, 0.56], [x - 0.2, 0.84], [x, 0.8]], (220, 40, 60))
    c.figure(x, 0.94, 0.5, (40, 110, 220), SKINS[0], "up" if boom else "run", (230, 60, 60))
    if boom:
        c.burst(0.66, 0.5, 0.34 * boom, (240, 90, 30), 13)
        c.burst(0.66, 0.5, 0.22 * boom, (255, 200, 60), 11)
        c.words("BOOM", 0.66, 0.5, 0.15, BLACK)


def horror(c: Props, s: Shot) -> None:
    """A dark corridor: a face that jumps at the camera, or blood."""
    scare, gore = s.on("scare"), s.on("gore")
    c.gradient((8, 12, 14), (26, 34, 34))
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
            eye = (0.5 + 0.32 * r * side, 0.5 - 0.2 * r)
            c.ellipse(eye, (0.2 * r, 0.24 * r), BLACK)
            c.ellipse(eye, (0.05 * r, 0.05 * r), RED)
        c.ellipse((0.5, 0.5 + 0.5 * r), (0.26 * r, 0.36 * r), (30, 0, 4))
        hair = [[0.9 * r, 0.5 + r], [r, 0.5 - 0.2 * r], [0, 0.5 - 1.1 * r]]
        c.stroke(curve(symmetric(0.5, hair)), (10, 10, 10), 0.25 * r)
    elif gore:
        c.scatter(s, 40, (0.05, 0.1, 0.95, 0.95), ((150, 6, 14), (110, 4, 10)), 0.01 + 0.03 * gore)
        c.ellipse((0.5, 0.86), (0.4 * gore, 0.1), (140, 4, 12))
        c.stroke([[0.36, 0.84], [0.62, 0.8]], SKINS[0], 0.08)
    else:
        c.figure(0.5, 0.8, 0.3, (60, 60, 70), SKINS[0], "stand")


def romance(c: Props, s: Shot) -> None:
    """A couple by the sea: a kiss in the sunset, or a parting in the rain."""
    kiss, parting = s.on("kiss"), s.on("parting")
    top = s.now((250, 150, 130), parting=(90, 100, 124))
    c.gradient(top, s.now((255, 214, 170), parting=(140, 148, 162)), 0, 0.7)
    if not parting:
        c.ellipse((0.5, 0.66), (0.17, 0.17), (255, 240, 190))
    c.gradient((120, 130, 180), (70, 84, 130), 0.7, 1)
    gap = 0.13 - 0.075 * kiss + 0.17 * parting
    mood = s.now("plain", kiss="smile", parting="cry")
    dress = s.choose(3, ((200, 60, 90), (230, 210, 220), (110, 60, 130)))
    c.bust(0.5 - (gap + 0.06), 0.46, 0.13, (60, 60, 90), SKINS[0], mood, (40, 28, 24))
    c.bust(0.5 + (gap + 0.06), 0.46, 0.13, dress, SKINS[1], mood, (110, 60, 34))
    if kiss:
        for k in range(4):
            c.heart(0.2 + 0.2 * k, 0.18 - 0.06 * (k % 2), 0.05 + 0.03 * kiss)
    if parting:
        c.rain(s)


def western(c: Props, s: Shot) -> None:
    """A duel in a dusty town: a shot, or the saloon in flames."""
    shot, fire = s.on("shot"), s.on("fire")
    c.gradient((226, 150, 80), (250, 212, 140), 0, 0.6)
    c.gradient((214, 164, 100), (170, 118, 66), 0.6, 1)
    c.fill([[0.6, 0.6], [0.64, 0.36], [0.8, 0.36], [0.86, 0.6]], (166, 84, 54))
    for x, wide in ((0.02, 0.2), (0.24, 0.14)):
        c.box(x, 0.34, x + wide, 0.68, (120, 78, 48))
        c.box(x - 0.01, 0.3, x + wide + 0.01, 0.36, (90, 56, 34))
        c.box(x + 0.04, 0.5, x + 0.09, 0.68, (50, 30, 20))
    c.stroke([[0.93, 0.72], [0.93, 0.42]], (70, 120, 60), 0.035)
    c.stroke([[0.93, 0.56], [0.87, 0.56], [0.87, 0.48]], (70, 120, 60), 0.026)
    rival = "fall" if shot > 0.5 else "stand"
    for x, pose, shirt in ((0.36, "point", (70, 50, 40)), (0.74, rival, (40, 40, 44))):
        c.figure(x, 0.94, 0.48, shirt, SKINS[0], pose, (60, 70, 110))
        c.ellipse((x, 0.47), (0.085, 0.018), (60, 38, 24))
        c.box(x - 0.04, 0.41, x + 0.04, 0.475, (60, 38, 24))
    if shot:
        c.burst(0.56, 0.57, 0.1 * shot, (255, 236, 120), 9)
        c.words("BANG", 0.6, 0.16, 0.13, RED)
    if fire:
        for k in range(5):
            c.flame(0.05 + 0.08 * k, 0.42 + 0.02 * s.swing(3, k / 5), 0.07 + 0.09 * fire)
        c.ellipse((0.2, 0.1), (0.26, 0.09), (70, 64, 62))
