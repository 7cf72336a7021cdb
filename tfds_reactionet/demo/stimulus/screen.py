"""Game and object: each function draws the sub-scene of its name."""

import numpy as np

from tfds_reactionet.demo.canvas import curve
from tfds_reactionet.demo.stimulus.props import BLACK, GOLD, RED, SKINS, WHITE, Props, Shot


def action(c: Props, s: Shot) -> None:
    """A shooter game: a victory, or a defeat."""
    victory, defeat = s.on("victory"), s.on("defeat")
    c.gradient((70, 90, 110), (130, 140, 130), 0, 0.55)
    c.gradient((90, 96, 70), (60, 66, 48), 0.55, 1)
    for x, h in s.rng(3).uniform([0, 0.1], [1, 0.3], (7, 2)):
        c.box(x - 0.06, 0.55 - h, x + 0.06, 0.58, (74, 80, 84))
    x, pose = 0.5 + 0.1 * s.swing(0.8), s.now("run", victory="fall")
    c.figure(x, 0.74, 0.3, (150, 50, 40), (90, 130, 70), pose, (50, 40, 36))
    c.fill([[0.52, 1], [0.6, 0.7], [0.66, 0.7], [0.82, 1]], (40, 44, 48))
    c.box(0.58, 0.62, 0.63, 0.8, (28, 30, 34))
    if s.swing(3) > 0.3:
        c.burst(0.605, 0.6, 0.06, (255, 220, 90), 8)
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
        c.words("VICTORY", 0.5, 0.38, 0.13, GOLD)
        c.scatter(s, 30, (0, 0, 1, 0.9), (GOLD, WHITE), 0.01)
    if defeat:
        c.image[:] = c.image * (1 - 0.6 * defeat) + np.array([150, 0, 0]) * 0.6 * defeat
        c.words("GAME OVER", 0.5, 0.38, 0.11, WHITE)


def simulation(c: Props, s: Shot) -> None:
    """A road seen from the cockpit: a crash, or a traffic jam."""
    crash, jam = s.on("crash"), s.on("jam")
    c.gradient((130, 180, 230), (200, 220, 236), 0, 0.45)
    c.gradient((110, 150, 80), (90, 130, 66), 0.45, 0.75)
    bend = 0.1 * (s.fixed[3] - 0.5)
    c.fill([[0.46 + bend, 0.45], [0.54 + bend, 0.45], [0.95, 0.78], [0.05, 0.78]], (84, 86, 92))
    for k in range(4):
        y = 0.47 + 0.09 * k + 0.02 * (s.time * 20 % 4) * (jam == 0)
        c.box(0.495, y, 0.505 + 0.006 * k, y + 0.035, WHITE)
    paints = ((210, 60, 50), (60, 80, 190), (230, 230, 230), (60, 60, 66))
    for k in range(4 if jam else 1):
        y, w = 0.66 - 0.055 * k, 0.13 - 0.025 * k
        x = 0.56 + 0.06 * (k % 2) - 0.2 * (k // 2)
        c.box(x - w, y - 0.55 * w, x + w, y + 0.5 * w, paints[k])
        c.box(x - 0.7 * w, y - w, x + 0.7 * w, y - 0.5 * w, (60, 70, 90))
        brake = s.now((170, 30, 30), jam=(255, 40, 30))
        for side in (-1, 1):
            c.ellipse((x + 0.75 * w * side, y), (0.16 * w, 0.12 * w), brake)
    c.gradient((38, 38, 44), (22, 22, 26), 0.74, 1)
    c.ellipse((0.3, 0.98), (0.21, 0.21), (70, 70, 76), width=0.04)
    for k, x in enumerate((0.64, 0.84)):
        c.ellipse((x, 0.87), (0.085, 0.085), (12, 12, 14))
        c.ellipse((x, 0.87), (0.085, 0.085), WHITE, width=0.007)
        angle = 2.4 + (0.2 if jam else 2.4 + 0.4 * s.swing(1, k / 3))
        c.stroke([[x, 0.87], [x + 0.07 * np.cos(angle), 0.87 + 0.07 * np.sin(angle)]], RED, 0.01)
    if crash:
        far = 0.15 + 0.5 * crash
        for angle in np.random.default_rng(11).uniform(0, 6.28, 14):
            end = [0.5 + far * np.cos(angle), 0.4 + far * np.sin(angle)]
            c.stroke([[0.5, 0.4], end], WHITE, 0.008)
        c.burst(0.5, 0.4, 0.2 * crash, (255, 150, 40), 11)
        c.flame(0.56, 0.66, 0.12 * crash)
    if jam:
        c.words("HONK", 0.22, 0.3, 0.1, (60, 40, 40))


def puzzle(c: Props, s: Shot) -> None:
    """A board of blocks: solved, or collapsing."""
    solved, collapse = s.on("solved"), s.on("collapse")
    c.gradient(s.choose(4, ((230, 236, 244), (60, 66, 90), (238, 224, 200))), (150, 160, 180))
    colours = ((230, 80, 80), (80, 150, 230), (250, 200, 70), (90, 190, 120), (170, 100, 200))
    rng = s.rng(3)
    c.box(0.16, 0.14, 0.84, 0.92, (44, 48, 60))
    for row, column in np.ndindex(6, 5):
        kind, (spin, slide) = int(rng.integers(6)), rng.uniform(-1, 1, 2)
        if kind == 5 and not solved:
            continue
        x, y = 0.19 + 0.126 * column, 0.17 + 0.122 * row
        if collapse:
            x += 0.16 * slide * collapse
            y = min(y + 0.7 * collapse * (0.3 + abs(spin)), 0.86)
        turn = 0.8 * spin * collapse
        way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * 0.056
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ way.T + [x + 0.06, y + 0.06]
        colour = colours[column if solved > 0.5 else kind % 5]
        c.fill(corners, colour)
        c.fill(corners * 0.6 + 0.4 * corners.mean(0), np.minimum(np.array(colour) * 1.2, 255))
    c.words(f"LEVEL {1 + int(9 * s.fixed[5])}", 0.5, 0.08, 0.07, (40, 44, 60))
    if solved:
        c.box(0.16, 0.42, 0.84, 0.6, WHITE)
        c.stroke([[0.38, 0.51], [0.46, 0.57], [0.62, 0.45]], (40, 180, 80), 0.04)
        c.scatter(s, 40, (0, 0, 1, 1), (GOLD, WHITE, (255, 120, 160)), 0.012)
    if collapse > 0.5:
        c.stroke([[0.38, 0.36], [0.62, 0.6]], RED, 0.05)
        c.stroke([[0.62, 0.36], [0.38, 0.6]], RED, 0.05)


def food_related_content(c: Props, s: Shot) -> None:
    """A plate on a table: a tasty dish, or a rotten one."""
    tasty, rotten = s.on("tasty"), s.on("rotten")
    c.gradient(s.choose(3, ((196, 140, 90), (220, 90, 80), (120, 150, 160))), (150, 104, 66))
    for k in range(8):
        c.stroke([[0, 0.12 * k + 0.05], [1, 0.12 * k + 0.05]], (140, 96, 60), 0.006)
    c.ellipse((0.5, 0.56), (0.4, 0.33), (236, 236, 232))
    c.ellipse((0.5, 0.56), (0.3, 0.24), (216, 216, 212), width=0.008)
    fresh = ((250, 220, 110), (222, 70, 50), (90, 170, 70))
    for k in range(7):
        place = (0.5 + 0.15 * np.cos(0.9 * k), 0.56 + 0.12 * np.sin(0.9 * k))
        c.ellipse(place, (0.09, 0.07), s.now(fresh[k % 3], rotten=(130, 128, 70)))
    c.ellipse((0.5, 0.54), (0.13, 0.1), s.now((150, 84, 46), rotten=(104, 110, 60)))
    for x in (0.06, 0.94):
        c.stroke([[x, 0.2], [x, 0.92]], (200, 204, 210), 0.025)
    if tasty:
        for x in (0.36, 0.5, 0.64):
            steam = [[x, 0.36], [x + 0.03, 0.28], [x - 0.03, 0.2], [x + 0.02, 0.36 - 0.28 * tasty]]
            c.stroke(curve(steam), (246, 246, 250), 0.018)
        c.heart(0.84, 0.18, 0.09 * tasty, RED)
        c.scatter(s, 18, (0.3, 0.42, 0.7, 0.7), ((110, 200, 80), (255, 240, 160)), 0.012)
    if rotten:
        mould, size = ((70, 100, 60), (190, 200, 170)), 0.014 + 0.014 * rotten
        c.scatter(s, 22, (0.3, 0.4, 0.7, 0.7), mould, size)
        for k in range(3):
            x = 0.3 + 0.2 * k + 0.03 * s.swing(2, k / 3)
            worm = [[x, 0.6], [x + 0.04, 0.54], [x + 0.08, 0.6], [x + 0.12, 0.55]]
            c.stroke(curve(worm), (232, 220, 190), 0.026)
            c.ellipse((x + 0.1, 0.2 + 0.05 * k), (0.022, 0.016), BLACK)
            c.ellipse((x + 0.1, 0.18 + 0.05 * k), (0.03, 0.01), (180, 190, 200))


def instrument_related_content(c: Props, s: Shot) -> None:
    """Hands on a piano or a guitar: a solo, or a wrong note."""
    solo, wrong = s.on("solo"), s.on("wrong_note")
    c.gradient(s.choose(3, ((70, 40, 40), (40, 56, 70), (60, 60, 50))), (30, 22, 24))
    (_piano if s.fixed[4] < 0.5 else _guitar)(c, s)
    if not wrong:
        for k in range(2 + round(4 * solo)):
            x, y = 0.14 + 0.15 * k, 0.24 + 0.08 * s.swing(1, 0.3 * k)
            ink = s.now((200, 200, 206), solo=GOLD)
            c.ellipse((x, y), (0.03, 0.022), ink)
            c.stroke([[x + 0.027, y], [x + 0.027, y - 0.12]], ink, 0.01)
    if solo:
        c.fill([[0.4, 0], [0.6, 0], [0.9, 0.5], [0.1, 0.5]], (140, 120, 80))
        c.words("BRAVO", 0.5, 0.12, 0.12 * solo + 0.02, WHITE)
    if wrong:
        zigzag = [[0.05 + 0.075 * k, 0.25 + (0.12 if k % 2 else -0.08) * wrong] for k in range(13)]
        c.stroke(zigzag, (150, 220, 60), 0.02)
        c.words("X", 0.5, 0.26, 0.26, RED)


def _piano(c: Props, s: Shot) -> None:
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


def _guitar(c: Props, s: Shot) -> None:
    c.ellipse((0.34, 0.66), (0.22, 0.2), (176, 104, 50))
    c.ellipse((0.5, 0.54), (0.16, 0.14), (176, 104, 50))
    c.ellipse((0.42, 0.6), (0.065, 0.06), (40, 24, 16))
    c.stroke([[0.46, 0.57], [0.92, 0.22]], (90, 54, 30), 0.06)
    for d in 0.012 * np.arange(4):
        c.stroke([[0.3 + d, 0.68 + d], [0.9 + d, 0.2 + d]], (226, 226, 220), 0.005)
    c.ellipse((0.42 + 0.03 * s.swing(4), 0.64), (0.08, 0.06), SKINS[1])


def living_organism_related_content(c: Props, s: Shot) -> None:
    """Grass and a branch: kittens, or a spider."""
    kitten, spider = s.on("kitten"), s.on("spider")
    c.gradient((170, 210, 150), (96, 150, 80))
    rng = s.rng(3)
    for x, y in rng.uniform([0, 0.3], [1, 1], (60, 2)):
        green = np.array([60, 130, 50]) * rng.uniform(0.7, 1.3)
        c.stroke([[x, y], [x + 0.02, y - 0.1]], green, 0.009)
    branch = [[-0.1, 0.3], [0.3, 0.22], [0.7, 0.3], [1.1, 0.2]]
    branch += [[1.1, 0.3], [0.7, 0.38], [0.3, 0.3], [-0.1, 0.38]]
    c.fill(curve(branch), (110, 76, 48))
    if spider:
        r, x = 0.07 + 0.15 * spider, 0.5 + 0.03 * s.swing(2)
        for side in (-1, 1):
            for k in range(4):
                lift = (-0.9 + 0.6 * k) * r
                knee = [x + 1.3 * r * side, 0.5 + lift - 0.6 * r]
                foot = [x + 2.1 * r * side, 0.5 + 1.3 * lift + 0.5 * r]
                c.stroke(curve([[x, 0.5], knee, foot]), (30, 24, 24), 0.16 * r)
        c.ellipse((x, 0.5 + 0.55 * r), (0.75 * r, 0.85 * r), (44, 34, 34))
        c.ellipse((x, 0.5 - 0.4 * r), (0.45 * r, 0.42 * r), (30, 24, 24))
        for k in (-1, 1):
            c.ellipse((x + 0.16 * r * k, 0.5 - 0.55 * r), (0.08 * r, 0.08 * r), RED)
    elif kitten:
        for k, fur in enumerate(((236, 180, 110), (200, 200, 206))):
            y = 0.55 + 0.02 * s.swing(2, k / 2)
            c.beast(0.36 + 0.3 * k, y, 0.1 + 0.06 * kitten, fur, "happy", pointed=True)
        c.heart(0.5, 0.16, 0.07 * kitten)
    else:
        c.beast(0.24, 0.62, 0.09, (150, 130, 110), "plain")
