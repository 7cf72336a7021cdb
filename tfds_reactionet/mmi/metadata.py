"""MMI's XML files (docs/datasets.md section 9), read as a stream that refuses document types.

    session.xml        <track filename="S001-117.avi" view="0"/>, <annotation filename="..."/>
    S001-117.xml       <Metatag Name="Emotion" Value="1"/>

Without a document type there are no entities of its own, so none that expand or name a file.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet.reading import readable

_EMOTION = "emotion"
VIEWS = ("0", "1", "2")
_CODES = re.compile(r"[0-9]{1,2}([,;\s]+[0-9]{1,2})*")


def read_elements(path: Path) -> list[tuple[str, dict[str, str], int]]:
    """Name, attributes and line of the start tags of an XML file, in order.

    Names of tags and attributes are in lower case.

    Raises InputError naming the line of a defect, or of a document type.
    """
    with readable(path):
        content = files.read_at_most(path, limits.DOCUMENT_BYTES)
    elements = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        lower = {name.lower(): value for name, value in attributes.items()}
        elements.append((name.lower(), lower, parser.CurrentLineNumber))

    def document_type(*_: object) -> None:
        raise InputError(
            f"{path}: line {parser.CurrentLineNumber}: a document type (<!DOCTYPE ...>); "
            "MMI's files have none, and it is not read"
        )

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise InputError(f"{path}: line {error.lineno}: {what}; expected XML") from error
    except (LookupError, ValueError) as error:  # the encoding that it declares
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: line 1: {' '.join(str(error).split())}") from error
    return elements


def emotions(path: Path) -> frozenset[int]:
    """Codes of the emotions of a clip; empty if it has none. Raises InputError."""
    found: set[int] = set()
    for name, attributes, line in read_elements(path):
        if name != "metatag" or attributes.get("name", "").strip().lower() != _EMOTION:
            continue
        text = attributes.get("value", "").strip()
        if text and not _CODES.fullmatch(text):
            raise InputError(
                f"{path}: line {line}: Emotion {text[:40]!r}, expected a number, or some"
            )
        found.update(int(code) for code in re.findall("[0-9]+", text))
    return frozenset(found)


def is_unclear(path: Path) -> bool:
    """Whether a file without an emotion may have one under a name that is nearly right.

    Metatags whose name is empty or almost Emotion, those of that name without a Value, and other
    tags of that name. Raises InputError.
    """
    for tag, attributes, _ in read_elements(path):
        name = attributes.get("name", "").strip().lower()
        if tag == "metatag" and name == _EMOTION:
            almost = "value" not in attributes
        elif tag == "metatag":
            almost = not name or "emot" in name or _is_near_emotion(name)
        else:
            almost = name == _EMOTION
        if almost:
            return True
    return False


def _is_near_emotion(name: str) -> bool:
    return bool(difflib.get_close_matches(name[:40], (_EMOTION,), cutoff=0.7))


_CLIP = re.compile(r"(S[0-9]{2,4}-[0-9]{1,6})([-_.].*)?")


@dataclass(frozen=True)
class Session:
    """What a session.xml says."""

    views: Sequence[tuple[str, int]]  # (file name in upper case, view) of the tracks
    annotations: frozenset[str]  # file names in lower case
    subject: str = ""  # its number as it is written, "" if there is none

    def view(self, file: str) -> int | None:
        """View of a file: its track's, or that of all tracks; None if that is not one."""
        own = {view for name, view in self.views if name == file.upper()}
        every = own or {view for _, view in self.views}
        return every.pop() if len(every) == 1 else None

    def is_of(self, clip: str) -> bool:
        """Whether it may be the session of a clip, S001-117: it names none, or this one."""
        named = {match[1] for name, _ in self.views if (match := _CLIP.fullmatch(name))}
        return not named or clip in named


def read_session(path: Path) -> Session:
    """A session.xml. Raises InputError naming the line of a view that is not 0, 1 or 2."""
    views, annotations, subject = [], set(), ""
    for tag, attributes, line in read_elements(path):
        name = attributes.get("filename", "").strip()
        if "view" in attributes:
            view = attributes["view"].strip()
            if view not in VIEWS:
                raise InputError(f"{path}: line {line}: view {view[:40]!r}, expected 0, 1 or 2")
            views.append((name.upper(), int(view)))
        if tag == "subject" and not subject:
            subject = attributes.get("id", "").strip()[:20]
        if tag == "annotation" and name:
            annotations.add(name.lower())
    return Session(tuple(views), frozenset(annotations), subject)
