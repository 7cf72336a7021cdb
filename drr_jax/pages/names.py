"""How classes are called on a page and in a chart."""

from collections.abc import Sequence

# Facial Action Coding System (Ekman, Friesen and Hager 2002).
MEANING = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU05": "upper lid raiser",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU20": "lip stretcher",
    "AU23": "lip tightener",
    "AU24": "lip pressor",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU28": "lip suck",
    "AU43": "eyes closed",
    "AU45": "blink",
}


def title_of(task: str) -> str:
    """What a page about a task's classes is called."""
    return {
        "au": "Action units",
        "intensity": "Action units' intensities",
        "expression": "Expressions",
        "scene": "Scenes",
    }[task]


def plain(name: str) -> str:
    """A class in words: "sport/talk_show" -> "sport / talk show"; an AU as it is."""
    return name.replace("_", " ").replace("/", " / ")


def named(name: str) -> str:
    """A class with its meaning: "AU12" -> "AU12 lip corner puller"."""
    return f"{plain(name)} {MEANING.get(name, '')}".strip()


def short(name: str) -> str:
    """A class where little room is: "AU12" -> "12", "sport/talk_show" -> "talk show"."""
    return plain(name.removeprefix("AU").split("/")[-1])


def listed(names: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plural(number: int, one: str) -> str:
    """Several of `one`, unless the number is 1: "face" -> "faces"."""
    return one if number == 1 else f"{one}s"
