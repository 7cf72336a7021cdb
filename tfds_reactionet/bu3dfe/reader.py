"""Where BU-3DFE's files lie (docs/datasets.md section 10).

    BU_3DFE/F0001/F0001_AN01WH_F2D.bmp, F0001_AN01WH_F3D.wrl

The folder of subjects is found at most three levels down.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet import building, reading
from tfds_reactionet.bu3dfe import names
from tfds_reactionet.building import Frame, Options, Skip, Spec, Unit

NO_IMAGE = "mesh without its image (F2D)"
NO_MESH = "image without its mesh (F3D.wrl)"
OTHER_LEVEL = "level that was not asked for"
NOT_A_CLASS = "neutral, which is not among six classes"

_SUBJECT = re.compile("[FM][0-9]{4}", re.IGNORECASE)
_PACKED = re.compile(r"[FM][0-9]{4}\.(rar|zip|7z)", re.IGNORECASE)
_LEVELS = 3


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (OTHER_LEVEL, NOT_A_CLASS)
    folds = reading.FoldChoice(reading.NUMBERED, names.part)

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Reader.folds.protocol(options["folds"]),
            expression_names=EXPRESSIONS[: options["classes"]],
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            extra={"level": ((), np.int64), "race": ((), str)},
        )

    def find(self) -> None:
        """Raises InputError if there are no subjects' folders."""
        packed = None
        for folder in reading.folders(self.root, _LEVELS, lambda n: bool(_SUBJECT.fullmatch(n))):
            found = [name for name in reading.folder_names(folder) if _SUBJECT.fullmatch(name)]
            if found:
                self.subjects = [folder / name for name in found]
                return
            packed = packed or next((path for path, _ in reading.matching(folder, _PACKED)), None)
        if packed:
            raise InputError(
                f"{packed}: not unpacked; unpack every archive of a subject, so that there is "
                f"{packed.stem}/{packed.stem}_AN01WH_F2D.bmp"
            )
        raise InputError(f"{self.root}: no subjects; expected F0001/F0001_AN01WH_F2D.bmp")

    def units(self) -> list[Unit]:
        part = self.folds.parts(self.options["folds"])
        found = ((folder.name.upper(), folder) for folder in self.subjects)
        return [Unit(name, name, "", part(name), folder) for name, folder in found]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        scans: dict[int, names.Scan] = {}
        files: dict[tuple[int, str], Path] = {}
        for name in reading.file_names(unit.source):
            path: Path = unit.source / name
            parsed = names.parse(path)
            if parsed is None:
                continue
            scan, kind = parsed
            if (scan.number, kind) in files or scans.setdefault(scan.number, scan) != scan:
                raise InputError(
                    f"{path}: expression {name[6:8].upper()} of level {scan.level} is there twice"
                )
            files[scan.number, kind] = path
        depth = self.config == "rgb_depth"
        for number, scan in sorted(scans.items()):
            image, mesh = files.get((number, "F2D")), files.get((number, "F3D"))
            reason = self._left_out(scan)
            if reason or image is None or (depth and mesh is None):
                reason = reason or (NO_IMAGE if image is None else NO_MESH)
                yield unit.skip(number, reason, str(image or mesh))
                continue
            yield Frame(
                number,
                reading.ImageFile(image),
                expression=scan.expression,
                depth=reading.FrontalMesh(mesh) if depth and mesh else None,
                extra={"level": scan.level, "race": scan.race},
            )

    def notes(self, unit: Unit) -> list[str]:
        """How many scans a subject lacks with all their files, which nothing else tells of."""
        parsed = (names.parse(unit.source / name) for name in reading.file_names(unit.source))
        there = {found[0].number for found in parsed if found}
        wanted = {scan.number for scan in names.every_scan() if not self._left_out(scan)}
        lost = len(wanted - there)
        return [f"{lost} of the subject's {len(wanted)} scans are not there"] if lost else []

    def stamped(self) -> list[Path]:
        return [self.subjects[0].parent, *self.subjects]

    def _left_out(self, scan: names.Scan) -> str | None:
        """Why the protocol has no place for a scan."""
        if scan.expression == names.NEUTRAL:
            return NOT_A_CLASS if self.options["classes"] == names.NEUTRAL else None
        return OTHER_LEVEL if scan.level < int(self.options["levels"][0]) else None
