"""Where BU-3DFE's files lie (docs/datasets.md section 10).

    BU_3DFE/F0001/F0001_AN01WH_F2D.bmp, F0001_AN01WH_F3D.wrl

The folder of subjects is found at most three levels down.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.bu3dfe import names
from tfds_reactionet.bu3dfe.names import Scan
from tfds_reactionet.building import Frame, Skip, Unit

FOLDS = 10
PARTS = reading.round_robin(names.SUBJECTS, FOLDS)
NO_IMAGE = "mesh without its image (F2D)"
NO_MESH = "image without its mesh (F3D.wrl)"
OTHER_LEVEL = "level that was not asked for"
NOT_A_CLASS = "neutral, which is not among six classes"

_SUBJECT = re.compile("[FM][0-9]{4}", re.IGNORECASE)
_PACKED = re.compile(r"[FM][0-9]{4}\.(rar|zip|7z)", re.IGNORECASE)
_LEVELS = 3


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    subjects: Path  # holds F0001
    classes: int
    lowest_level: int
    depth: bool

    @classmethod
    def find(cls, root: Path, classes: int, levels: str, depth: bool) -> "Reader":
        """Raises InputError if there are no subjects' folders."""
        packed = None
        for folder in reading.folders(root, _LEVELS, lambda name: bool(_SUBJECT.fullmatch(name))):
            if any(_SUBJECT.fullmatch(name) for name in reading.folder_names(folder)):
                return cls(folder, classes, int(levels[0]), depth)
            for name in reading.file_names(folder):
                if _PACKED.fullmatch(name):
                    packed = packed or folder / name
        if packed:
            raise InputError(
                f"{packed}: not unpacked; unpack every archive of a subject, so that there is "
                f"{packed.stem}/{packed.stem}_AN01WH_F2D.bmp"
            )
        raise InputError(f"{root}: no subjects; expected F0001/F0001_AN01WH_F2D.bmp")

    def units(self) -> list[Unit]:
        units = []
        for folder in self._folders():
            subject = folder.name.upper()
            part = reading.part_of(PARTS, subject, "BU-3DFE's F0001 to F0056 and M0001 to M0044")
            units.append(Unit(subject, subject, "", part, folder))
        return units

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        found: dict[int, Scan] = {}
        files: dict[tuple[int, str], Path] = {}
        for name in reading.file_names(unit.source):
            path: Path = unit.source / name
            parsed = names.parse(path)
            if parsed is None:
                continue
            scan, kind = parsed
            if (scan.number, kind) in files or found.setdefault(scan.number, scan) != scan:
                raise InputError(
                    f"{path}: expression {name[6:8].upper()} of level {scan.level} is there twice"
                )
            files[scan.number, kind] = path
        frames, skips = [], []
        for number, scan in sorted(found.items()):
            image, mesh = files.get((number, "F2D")), files.get((number, "F3D"))
            reason = self._left_out(scan, image is not None, mesh is not None)
            if reason or image is None:
                file = str(image or mesh)
                skips.append(Skip(f"{unit.sequence}/{number}", reason or NO_IMAGE, file))
                continue
            frames.append(
                Frame(
                    number,
                    reading.ImageFile(image),
                    expression=scan.expression,
                    depth=reading.FrontalMesh(mesh) if self.depth and mesh else None,
                    extra={"level": scan.level, "race": scan.race},
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        return [self.subjects, *self._folders()]

    def _folders(self) -> list[Path]:
        return [
            self.subjects / name
            for name in reading.folder_names(self.subjects)
            if _SUBJECT.fullmatch(name)
        ]

    def _left_out(self, scan: Scan, image: bool, mesh: bool) -> str | None:
        """Why a scan yields no record, the protocol's reasons first."""
        if scan.expression == names.NEUTRAL:
            if self.classes == names.NEUTRAL:
                return NOT_A_CLASS
        elif scan.level < self.lowest_level:
            return OTHER_LEVEL
        if not image:
            return NO_IMAGE
        return NO_MESH if self.depth and not mesh else None
