"""Draws docs/architecture.svg, the wings and what they import: python docs/draw_architecture.py

The floors are the layers of importlinter.toml, the arrows the imports of the code, those inside
functions included. An arrow that follows from others is left out: main imports config, too, but
gets there over training. Modules found by their names alone (the data sets, by build) have none.
"""

import ast
import itertools
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp

HOME = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("architecture.svg")
WIDTH, HEIGHT, GAP = 180, 62, 38  # of a box, and between boxes one above the other
LINE, LETTERS, LINES = 11, 36, 3  # of a box's text: height, letters a line, lines
COLOURS = {"drr_jax": ("#e8f1fb", "#1f6fb5"), "tfds_reactionet": ("#e9f5ea", "#2e8540")}
LANE = 14  # between an arrow and the next arrow or box that it passes
STEP, MARGIN = WIDTH + 3 * LANE, 46  # between the middles of neighbours, around the picture

Point = tuple[float, float]


class Box(NamedTuple):
    """A wing, a module that stands alone, or all data sets together."""

    package: str
    name: str
    text: str
    members: frozenset[str]  # modules, as in drr_jax.data


def read_floors() -> list[list[Box]]:
    """The boxes of every floor, from the ground up, with no arrow between two of one floor."""
    document = tomllib.loads((HOME / "importlinter.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    (data_sets,) = (one["modules"] for one in contracts if one["type"] == "independence")
    floors = {}
    for package in COLOURS:
        (layers,) = (one["layers"] for one in contracts if one.get("containers") == [package])
        names = [layer.replace("|", ":").split(":") for layer in reversed(layers)]
        floors[package] = [
            list(_boxes(package, [name.strip() for name in layer], data_sets)) for layer in names
        ]
    return _stack(floors)


def _boxes(package: str, names: Iterable[str], data_sets: list[str]) -> Iterator[Box]:
    together = [name for name in names if f"{package}.{name}" in data_sets]
    for name in names:
        if name not in together:
            module = f"{package}.{name}"
            path = HOME / package / name
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            title = f"{name}/" if path.is_dir() else f"{name}.py"
            sentence = " ".join(said.split("\n\n")[0].split()).split(". ")[0]
            yield Box(package, title, sentence, frozenset([module]))
    if together:
        title = f"{len(together)} data sets"
        yield Box(package, title, ", ".join(together), frozenset(data_sets))


def _stack(floors: dict[str, list[list[Box]]]) -> list[list[Box]]:
    """Both packages' floors in one house, where each stands above all that it imports."""
    every = [floor for package in floors.values() for floor in package]
    imports = read_imports(itertools.chain.from_iterable(every))
    height: dict[Box, int] = {}
    while True:  # at most as often as there are floors
        before = dict(height)
        for package in floors.values():
            lowest = 0
            for floor in package:
                below = (height.get(to, -1) for box in floor for to in imports[box])
                lowest = max([lowest, *(level + 1 for level in below)])
                height |= dict.fromkeys(floor, lowest)
                lowest += 1
        if height == before:
            levels = range(max(height.values()) + 1)
            return [[box for box in height if height[box] == level] for level in levels]


def read_imports(boxes: Iterable[Box]) -> dict[Box, set[Box]]:
    """What each box imports directly."""
    graph = grimp.build_graph(*COLOURS, cache_dir=None)
    owner = {member: box for box in boxes for member in box.members}
    imports: dict[Box, set[Box]] = {box: set() for box in owner.values()}
    for module in graph.modules:
        importer = owner.get(".".join(module.split(".")[:2]))
        for imported in graph.find_modules_directly_imported_by(module):
            to = owner.get(".".join(imported.split(".")[:2]))
            if importer and to and importer != to:
                imports[importer].add(to)
    return imports


def arrows(imports: dict[Box, set[Box]]) -> list[tuple[Box, Box]]:
    """The imports that do not follow from others."""

    def reached(box: Box) -> set[Box]:
        return imports[box].union(*(reached(to) for to in imports[box]))

    return [
        (box, to)
        for box in sorted(imports)
        for to in sorted(imports[box])
        if not any(to in reached(other) for other in imports[box])
    ]


def columns(floors: list[list[Box]]) -> dict[str, float]:
    """Middle of each package's boxes, from left to right."""
    middles, left = {}, LANE
    for package in COLOURS:
        width = STEP * max(sum(box.package == package for box in floor) for floor in floors)
        middles[package] = left + width / 2
        left += width
    return middles


def place(floors: list[list[Box]]) -> dict[Box, Point]:
    """Middle of every box; the ground is at the bottom."""
    places = {}
    for level, floor in enumerate(reversed(floors)):
        y = MARGIN + HEIGHT / 2 + level * (HEIGHT + GAP)
        for package, middle in columns(floors).items():
            row = [box for box in floor if box.package == package]
            first = middle - (len(row) - 1) * STEP / 2
            places |= {box: (first + number * STEP, y) for number, box in enumerate(row)}
    return places


def routes(places: dict[Box, Point], links: list[tuple[Box, Box]]) -> list[list[Point]]:
    """Points of every arrow, past the boxes of the floors between its ends."""
    taken: dict[float, list[tuple[float, float]]] = {}  # by height, what no arrow may cross
    for x, y in places.values():
        taken.setdefault(y, []).append((x - WIDTH / 2 - LANE, x + WIDTH / 2 + LANE))
    leaving = _spread(places, links, 0)
    arriving = _spread(places, links, 1)
    found = []
    for link in links:
        (x, y), (to_x, to_y) = leaving[link], arriving[link]
        points = [(x, y)]
        for middle in sorted(level for level in taken if y < level < to_y):
            lane = _free(taken[middle], points[-1][0], to_x)
            taken[middle].append((lane - LANE, lane + LANE))
            points += [(lane, middle - HEIGHT / 2), (lane, middle + HEIGHT / 2)]
        found.append([*points, (to_x, to_y)])
    return found


def _free(taken: list[tuple[float, float]], x: float, to_x: float) -> float:
    """The free place that is the least way round from one to another, the nearest of these."""
    ends = [x, to_x, *itertools.chain.from_iterable(taken)]
    free = [lane for lane in ends if not any(low < lane < high for low, high in taken)]
    return min(free, key=lambda lane: (abs(lane - x) + abs(lane - to_x), abs(lane - x), lane))


def _spread(
    places: dict[Box, Point], links: list[tuple[Box, Box]], end: int
) -> dict[tuple[Box, Box], Point]:
    """Where arrows leave (end 0) or reach (end 1) their boxes, side by side without a crossing."""
    points = {}
    for box, (x, y) in places.items():
        own = [link for link in links if link[end] == box]
        own.sort(key=lambda link: places[link[1 - end]])
        side = y + HEIGHT / 2 if end == 0 else y - HEIGHT / 2
        step = min(24, (WIDTH - 20) / max(1, len(own)))
        for number, link in enumerate(own):
            points[link] = (x + (number - (len(own) - 1) / 2) * step, side)
    return points


def draw() -> str:
    """The picture, the same for the same imports."""
    floors = read_floors()
    places = place(floors)
    links = arrows(read_imports(places))
    middles = columns(floors)
    width = max(x for x, _ in places.values()) + WIDTH / 2 + 2 * LANE
    height = max(y for _, y in places.values()) + HEIGHT / 2 + 2 * LANE
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="Helvetica, Arial, sans-serif">',
        "<title>The wings of both packages, from the command down to the ground</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for package, (_, ink) in COLOURS.items():
        drawn.append(
            f'<marker id="{package}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="{ink}"/></marker>'
            f'<text x="{middles[package]:g}" y="26" text-anchor="middle" font-size="17" '
            f'font-weight="bold" fill="{ink}">{package}</text>'
        )
    for (box, _), points in zip(links, routes(places, links), strict=True):
        drawn.append(_arrow(points, box.package))
    for box, (x, y) in places.items():
        drawn += _box(box, x, y)
    return "\n".join([*drawn, "</svg>", ""])


def _arrow(points: list[Point], package: str) -> str:
    (x, y), *rest = points
    path = f"M{x:g} {y:g}"
    for to_x, to_y in rest:
        bend = (to_y - y) / 2
        path += f"C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
        x, y = to_x, to_y
    ink = COLOURS[package][1]
    return f'<path d="{path}" fill="none" stroke="{ink}" marker-end="url(#{package})"/>'


def _box(box: Box, x: float, y: float) -> Iterator[str]:
    fill, ink = COLOURS[box.package]
    left, top = x - WIDTH / 2, y - HEIGHT / 2
    yield (
        f'<rect x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" '
        f'stroke="{ink}"/><text x="{x:g}" y="{top + 17:g}" text-anchor="middle" font-size="13" '
        f'font-weight="bold">{box.name}</text>'
    )
    lines = textwrap.wrap(box.text, LETTERS, max_lines=LINES, placeholder=" ...")
    for number, line in enumerate(lines):
        yield (
            f'<text x="{x:g}" y="{top + 31 + number * LINE:g}" text-anchor="middle" '
            f'font-size="9.5" fill="#333">{escape(line)}</text>'
        )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
