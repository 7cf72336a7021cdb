"""Meshes of a release as depth images: OBJ and VRML readers and an orthographic z-buffer.

A depth image is 8-bit grey: 255 where the mesh is nearest to the viewer (largest z), 1 where it is
farthest, 0 where there is no mesh. The range is the mesh's own, between its 1st and 99th
percentile of visible depth, since the units of the releases' meshes differ.
Defects of a mesh are BadImageErrors: they concern one frame.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.archive import open_archive
from tfds_reactionet.reading.images import BadImageError

_BLOCK = 1 << 20  # samples that are tested at a time
_FRAME_MARGIN = 0.05  # room around an orthographic view
_COMMENT = re.compile(rb"#[^\n]*")
# Beginnings of blocks of numbers, each of which ends with "]".
_POINTS = rb"\bCoordinate\s*\{\s*point\s*\["
_TEXTURE = rb"\bTextureCoordinate\s*\{\s*point\s*\["
_FACES = rb"\bcoordIndex\s*\["
_TEXTURE_FACES = rb"\btexCoordIndex\s*\["


@dataclass(frozen=True)
class Mesh:
    """Triangles of a surface, with the places of their corners in a texture image, if known."""

    vertices: Float[np.ndarray, "vertices 3"]  # x to the right, y up, z towards the viewer
    faces: Int[np.ndarray, "triangles 3"]
    texture: Float[np.ndarray, "triangles 3 2"] | None  # u to the right, v up, 0 to 1


def read_obj(path: Path, member: str = "") -> Mesh:
    """A Wavefront OBJ file, or a member of a zip file; polygons become triangles.

    Raises BadImageError for a defect, and InputError for one of the zip file.
    """
    content = open_archive(path).read(member, limits.MESH_BYTES) if member else _content(path)
    path /= member
    groups: dict[bytes, list[bytes]] = {b"v": [], b"vt": [], b"f": []}
    for line in content.splitlines():
        kind, _, rest = line.partition(b" ")
        if kind in groups:
            groups[kind].append(rest)
    vertices = _rows(groups[b"v"], 3, path)
    texture = _rows(groups[b"vt"], 2, path)
    corners = _obj_corners(groups[b"f"], path)
    faces = _checked(_from_one(corners[..., 0], len(vertices)), len(vertices), path)
    if not len(texture) or not corners[..., 1].all():
        return Mesh(vertices, faces, None)
    places = _checked(_from_one(corners[..., 1], len(texture)), len(texture), path)
    return Mesh(vertices, faces, texture[places])


def read_vrml(path: Path) -> Mesh:
    """The first IndexedFaceSet of a VRML 2.0 file. Raises BadImageError for a defect."""
    text = _COMMENT.sub(b"", _content(path))
    vertices = _block(text, _POINTS, float, path)
    faces = _block(text, _FACES, int, path)
    if not len(vertices) or len(vertices) % 3 or not len(faces):
        raise BadImageError(f"{path}: no points and faces of an IndexedFaceSet")
    vertices = vertices.reshape(-1, 3)
    corners = _checked(_triangles(faces, path), len(vertices), path)
    places, texture = _block(text, _TEXTURE_FACES, int, path), _block(text, _TEXTURE, float, path)
    if not len(places) or not len(texture) or len(texture) % 2:
        return Mesh(vertices, corners, None)
    used = _checked(_triangles(places, path), len(texture) // 2, path)
    matched = used.shape == corners.shape
    return Mesh(vertices, corners, texture.reshape(-1, 2)[used] if matched else None)


def z_buffer(
    corners: Float[np.ndarray, "triangles 3 2"], depth: Float[np.ndarray, "triangles 3"], size: int
) -> Float[np.ndarray, "size size"]:
    """Largest depth at each pixel centre (whole numbers; y down), -inf where there is no triangle.

    Raises BadImageError for a mesh of far more or larger triangles than a face has.
    """
    low = np.maximum(np.ceil(corners.min(axis=1)), 0)
    extent = np.minimum(np.floor(corners.max(axis=1)), size - 1) - low + 1
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    seen = (extent > 0).all(axis=1) & (np.abs(area) > 1e-12)
    sides = 2 ** np.ceil(np.log2(np.maximum(extent.max(axis=1), 1))).astype(int)
    if np.sum(sides[seen].astype(float) ** 2) > limits.MESH_WORK:
        raise BadImageError("a mesh of too many large triangles")
    buffer = np.full(size * size, -np.inf)
    for side in np.unique(sides[seen]):
        y, x = np.divmod(np.arange(side * side), side)
        every = np.flatnonzero(seen & (sides == side))
        for block in np.array_split(every, -(-len(every) * side * side // _BLOCK)):
            px, py = low[block, :1] + x, low[block, 1:] + y
            dx, dy = px - a[block, :1], py - a[block, 1:]
            s = (dx * c[block, 1:] - dy * c[block, :1]) / area[block, None]
            t = (dy * b[block, :1] - dx * b[block, 1:]) / area[block, None]
            inside = (s >= -1e-9) & (t >= -1e-9) & (s + t <= 1 + 1e-9)
            inside &= (x < extent[block, :1]) & (y < extent[block, 1:])
            z0, z1, z2 = (depth[block, n, None] for n in range(3))
            z = z0 + s * (z1 - z0) + t * (z2 - z0)
            place = (py * size + px)[inside].astype(np.int64)
            np.maximum.at(buffer, place, z[inside])
    return buffer.reshape(size, size)


def grey(buffer: Float[np.ndarray, "size size"]) -> UInt8[np.ndarray, "size size"]:
    """Depths as 1 (far) to 255 (near), 0 for none. Raises BadImageError if nothing is seen."""
    seen = np.isfinite(buffer)
    if not seen.any():
        raise BadImageError("no triangle of the mesh lies in the image")
    far, near = np.percentile(buffer[seen], [1, 99])
    share = np.clip((buffer[seen] - far) / max(near - far, 1e-9), 0, 1)
    image = np.zeros(buffer.shape, np.uint8)
    image[seen] = np.round(1 + 254 * share)
    return image


@dataclass(frozen=True)
class TexturedMesh:
    """Depth of a BP4D frame: its .obj has the frame's image as texture, so depth lies on it."""

    path: Path
    member: str = ""  # of a zip file

    @property
    def file(self) -> str:
        """As `Pixels.file`; the two make a building.Depth."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def render(
        self, shape: tuple[int, int], transform: Float[np.ndarray, "2 3"], size: int
    ) -> UInt8[np.ndarray, "size size"]:
        """Depth in the geometry of the image of `shape` (height, width) under `transform`.

        A mesh without texture coordinates is seen from the front instead.
        """
        mesh = read_obj(self.path, self.member)
        if mesh.texture is None:
            return frontal(mesh, size)
        height, width = shape
        pixels = mesh.texture * (width, -height) + (-0.5, height - 0.5)
        stored = pixels @ transform[:, :2].T + transform[:, 2]
        return grey(z_buffer(stored, mesh.vertices[mesh.faces, 2], size))


@dataclass(frozen=True)
class FrontalMesh:
    """Depth of a BU-3DFE scan: orthographic, along z, with the whole face in the image."""

    path: Path

    @property
    def file(self) -> str:
        return str(self.path)

    def render(
        self, shape: tuple[int, int], transform: Float[np.ndarray, "2 3"], size: int
    ) -> UInt8[np.ndarray, "size size"]:
        """Depth of the mesh seen from the front; the image's own geometry is not known."""
        del shape, transform
        return frontal(read_vrml(self.path), size)


def frontal(mesh: Mesh, size: int) -> UInt8[np.ndarray, "size size"]:
    """Orthographic depth along z; the mesh's box fills the image but for 5 % on each side."""
    used = mesh.vertices[np.unique(mesh.faces)][:, :2]
    low, high = used.min(axis=0), used.max(axis=0)
    scale = size * (1 - 2 * _FRAME_MARGIN) / max(float((high - low).max()), 1e-9)
    centred = (mesh.vertices[:, :2] - (low + high) / 2) * (scale, -scale) + (size - 1) / 2
    return grey(z_buffer(centred[mesh.faces], mesh.vertices[mesh.faces, 2], size))


def _content(path: Path) -> bytes:
    try:
        return files.read_at_most(path, limits.MESH_BYTES)
    except (OSError, InputError) as error:
        raise BadImageError(str(error)) from error


def _cells(content: bytes, path: Path) -> list[bytes]:
    """What blanks separate. Raises BadImageError, before it is cut, for more than a face has."""
    if len(content) > 2 * limits.MESH_NUMBERS:  # less, and there cannot be too many
        count = sum(1 for _ in re.finditer(rb"\S+", content))
        if count > limits.MESH_NUMBERS:
            raise BadImageError(f"{path}: {count} numbers, more than {limits.MESH_NUMBERS}")
    return content.split()


def _rows(lines: list[bytes], columns: int, path: Path) -> np.ndarray:
    """The first `columns` numbers of each line (colours or w may follow)."""
    if not lines:
        return np.zeros((0, columns))
    try:
        width = len(lines[0].split())
        table = np.array(_cells(b" ".join(lines), path), np.float64).reshape(len(lines), width)
    except ValueError as error:
        raise BadImageError(f"{path}: {error}") from error
    if width < columns:
        raise BadImageError(f"{path}: {width} numbers in a row, expected {columns}")
    _finite(table, path)
    return table[:, :columns]


def _obj_corners(lines: list[bytes], path: Path) -> np.ndarray:
    """Corners [triangles, 3, 2] of OBJ faces: indices of vertex and texture, 0 for no texture."""
    by_shape: dict[tuple[int, int], list[bytes]] = {}
    for line in lines:
        cells = line.split()
        parts = cells[0].count(b"/") + 1 if cells else 0
        by_shape.setdefault((len(cells), parts), []).append(line.replace(b"//", b"/0/"))
    triangles = []
    for (corners, parts), rows in by_shape.items():
        if not 3 <= corners <= limits.MESH_CORNERS or parts > 3:
            raise BadImageError(f"{path}: a face of {corners} corners")
        try:
            flat = np.array(_cells(b" ".join(rows).replace(b"/", b" "), path), np.int64)
            table = flat.reshape(len(rows), corners, parts)
        except (ValueError, OverflowError) as error:
            raise BadImageError(f"{path}: {error}") from error
        pairs = np.zeros((len(rows), corners, 2), np.int64)
        pairs[..., : min(parts, 2)] = table[..., :2]
        triangles += [pairs[:, [0, at, at + 1]] for at in range(1, corners - 1)]
    if not triangles:
        raise BadImageError(f"{path}: no face in it")
    return np.concatenate(triangles)


def _from_one(indices: np.ndarray, count: int) -> np.ndarray:
    """OBJ counts from 1, and from the end with negative numbers."""
    return np.where(indices < 0, indices + count, indices - 1)


def _checked(indices: np.ndarray, count: int, path: Path) -> np.ndarray:
    if not indices.size or indices.min() < 0 or indices.max() >= count:
        raise BadImageError(f"{path}: a face names a point that is not there")
    return indices


def _finite(values: np.ndarray, path: Path) -> None:
    if not np.isfinite(values).all():
        raise BadImageError(f"{path}: a coordinate is not finite")


def _block(text: bytes, pattern: bytes, kind: type, path: Path) -> np.ndarray:
    """Numbers of the block whose beginning a pattern finds first; empty if there is none."""
    found = re.search(pattern, text)
    end = text.find(b"]", found.end()) if found else -1
    content = text[found.end() : end] if found and end >= 0 else b""
    try:
        numbers = np.array(_cells(content.replace(b",", b" "), path), kind)
    except (ValueError, OverflowError) as error:
        raise BadImageError(f"{path}: {error}") from error
    _finite(numbers, path)
    return numbers


def _triangles(indices: np.ndarray, path: Path) -> np.ndarray:
    """Triangles [n, 3] of VRML polygons, each ended by -1."""
    ends = np.flatnonzero(indices == -1)
    if not len(ends) or ends[-1] != len(indices) - 1:
        indices = np.append(indices, -1)
        ends = np.append(ends, len(indices) - 1)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    if (lengths < 3).any() or lengths.max() > limits.MESH_CORNERS:
        raise BadImageError(f"{path}: a face of fewer than 3 corners or too many")
    pieces = []
    for length in np.unique(lengths):
        rows = indices[starts[lengths == length, None] + np.arange(length)]
        pieces += [rows[:, [0, at, at + 1]] for at in range(1, length - 1)]
    return np.concatenate(pieces)
