"""The dials of a rendered release: what the worth of a stimulus beside a face depends on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from drr_jax.errors import InputError, nearest

SHORTEST_DELAY = 0.2  # seconds, of the quickest person


def _dial(default: float, low: float, high: float, text: str) -> Any:
    """A number with its range and what it is for, which the command's help says."""
    return field(default=default, metadata={"range": (low, high), "help": text})


@dataclass(frozen=True, kw_only=True)
class Dials:
    """A rendered world. The defaults are those of reactionet/world; DEMO is reactionet/demo.

    Raises InputError for a value out of its range.
    """

    dominance: float = _dial(
        0.95, 0.0, 1.0, "share of an event's viewers who feel its leading emotion"
    )
    events: int = _dial(48, 2, 48, "how many events occur, two a sub-scene; an even number")
    sequences: int = _dial(360, 0, 100_000, "sequences; 0: one for `frames` tuples, 72 soon")
    subjects: int = _dial(120, 0, 100_000, "people; 0: one for three sequences")
    frames: int = _dial(80, 1, 10_000, "frames of a sequence, on average")
    fps: float = _dial(25.0, 1.0, 120.0, "frames a second of both videos")
    face_quality: float = _dial(
        0.85, 0.0, 1.0, "what the camera kept of the face: size, focus, light, turn, nothing before"
    )
    label_noise: float = _dial(
        0.15, 0.0, 1.0, "error of the automatic coder in levels of intensity; it changes slowly"
    )
    delay: float = _dial(
        1.5, 0.0, 5.0, "longest delay of a person's reactions in seconds; the shortest is 0.2"
    )
    asymmetry: float = _dial(0.2, 0.0, 1.0, "share of reactions with AU12 and AU14 on one side")

    def __post_init__(self) -> None:
        for dial in fields(self):
            low, high = dial.metadata["range"]
            value = getattr(self, dial.name)
            if not low <= value <= high:
                raise InputError(f"--{dial.name}={value:g}: expected {low:g} to {high:g}")
        if self.events % 2:
            raise InputError(f"--events={self.events}: expected an even number, two a sub-scene")

    @property
    def delays(self) -> tuple[float, float]:
        """Shortest and longest delay of a person's reactions, in seconds."""
        return min(SHORTEST_DELAY, self.delay), self.delay

    def told(self) -> dict[str, float]:
        """Every dial by name, for a release's marker."""
        return asdict(self)

    def changed(self, values: Mapping[str, str | float | None]) -> "Dials":
        """With those of `values` that are not None, texts as on a command line.

        Raises InputError for one that is no number of its kind, or out of range.
        """
        known = {dial.name: type(dial.default) for dial in fields(self)}
        new: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise InputError(f"no dial {name!r}; {nearest(name, tuple(known))}")
            if value is None:
                continue
            try:
                new[name] = known[name](value)
            except ValueError:
                kind = "a whole number" if known[name] is int else "a number"
                raise InputError(f"--{name}={value}: expected {kind}") from None
        return replace(self, **new)


WORLD = Dials()
# Short sequences of few frames a second: neighbours differ, so that 3,600 tuples are enough.
DEMO = Dials(sequences=0, subjects=0, frames=9, fps=5.0, face_quality=1.0, delay=0.6)
PRESETS = {"demo": DEMO, "world": WORLD}
SIZES = {"demo": 256, "world": 48}  # pixels
