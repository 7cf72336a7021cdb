"""Meshes: what the readers see in OBJ and VRML text, and what the z-buffer makes of triangles."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bp4d import write_obj

from tfds_reactionet.reading.images import BadImageError
from tfds_reactionet.reading.mesh import (
    FrontalMesh,
    Mesh,
    TexturedMesh,
    frontal,
    grey,
    read_obj,
    read_vrml,
    z_buffer,
)
from tfds_reactionet.reading.placing import full_transform

VRML = """#VRML V2.0 utf8
# Tricorder Technology plc - 2000
Shape { appearance Appearance { texture ImageTexture { url "F0001_AN01WH_F3D.bmp" } }
  geometry IndexedFaceSet {
    coord Coordinate { point [
      -50.0 -60.0 0.0, 50.0 -60.0 0.0, # a comment inside
      50.0 60.0 1.5e1, -50 60 0 ] }
    coordIndex [ 0, 1, 2, -1,
      0, 2, 3, -1 ]
    texCoord TextureCoordinate { point [ 0 0, 1 0, 1 1, 0 1 ] }
    texCoordIndex [ 0, 1, 2, -1, 0, 2, 3, -1 ]
  } }
Viewpoint { position 0 0 500 }
"""


def reference(corners: np.ndarray, depth: np.ndarray, size: int) -> np.ndarray:
    """The largest depth at each pixel centre, by solving every triangle at every pixel."""
    buffer = np.full((size, size), -np.inf)
    for triangle, z in zip(corners, depth, strict=True):
        matrix = np.vstack([triangle.T, np.ones(3)])
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        for y in range(size):
            for x in range(size):
                weights = np.linalg.solve(matrix, [x, y, 1])
                if weights.min() >= -1e-9:
                    buffer[y, x] = max(buffer[y, x], weights @ z)
    return buffer


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 6))
def test_z_buffer_agrees_with_a_slow_one(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-6, 18, (count, 3, 2))  # also outside of the image
    depth = rng.uniform(-5, 5, (count, 3))
    found, expected = z_buffer(corners, depth, 12), reference(corners, depth, 12)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nearest_triangle_hides_the_others_whatever_their_order() -> None:
    near = np.array([[0.0, 0], [8, 0], [0, 8]])
    far = np.array([[-9.0, -9], [30, -9], [-9, 30]])
    depth = np.array([[5.0] * 3, [1.0] * 3])
    one = z_buffer(np.stack([near, far]), depth, 10)
    two = z_buffer(np.stack([far, near]), depth[::-1], 10)
    np.testing.assert_array_equal(one, two)
    assert one[0, 0] == one[2, 2] == 5 and one[9, 9] == 1


def test_grey_levels_are_near_far_and_none() -> None:
    buffer = np.full((4, 4), -np.inf)
    buffer[0], buffer[1] = 30.0, 10.0
    image = grey(buffer)
    assert image.dtype == np.uint8 and set(image[0]) == {255} and set(image[1]) == {1}
    assert not image[2:].any()
    with pytest.raises(BadImageError, match="no triangle"):
        grey(np.full((4, 4), -np.inf))


def test_obj_values(tmp_path: Path) -> None:
    write_obj(tmp_path / "0000.obj")
    mesh = read_obj(tmp_path / "0000.obj")
    np.testing.assert_array_equal(mesh.vertices[4], [0, 0, 50])
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    assert mesh.texture is not None
    np.testing.assert_array_equal(mesh.texture[0], [[0.1, 0.1], [0.9, 0.1], [0.5, 0.5]])


@pytest.mark.parametrize(
    "faces", ["f 1 2 3 4", "f 1//9 2//9 3//9 4//9", "f -4 -3 -2\nf 1 3 4", "f 1 2 3\r\nf 1 3 4\r"]
)
def test_obj_faces_may_be_written_in_many_ways(tmp_path: Path, faces: str) -> None:
    path = tmp_path / "a.obj"
    path.write_text(f"v 0 0 0 0.5 0.5 0.5\nv 1 0 0 1 1 1\nv 1 1 0 0 0 0\nv 0 1 0 0 0 0\n{faces}\n")
    mesh = read_obj(path)
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3]])
    assert mesh.texture is None and mesh.vertices.shape == (4, 3)


def test_vrml_values(tmp_path: Path) -> None:
    path = tmp_path / "F0001_AN01WH_F3D.wrl"
    path.write_text(VRML)
    mesh = read_vrml(path)
    expected = [[-50, -60, 0], [50, -60, 0], [50, 60, 15], [-50, 60, 0]]
    np.testing.assert_array_equal(mesh.vertices, expected)
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3]])
    assert mesh.texture is not None
    np.testing.assert_array_equal(mesh.texture[1], [[0, 0], [1, 1], [0, 1]])
    path.write_text(
        VRML.replace("0, 1, 2, -1,\n      0, 2, 3, -1", "0 1 2 3")
    )  # a last -1 may lack
    np.testing.assert_array_equal(read_vrml(path).faces, [[0, 1, 2], [0, 2, 3]])
    image = FrontalMesh(path).render((9, 9), np.eye(2, 3), 120)
    seen = np.argwhere(image)
    np.testing.assert_array_equal(seen.min(axis=0), [6, 15])  # 5 % room above, y up
    assert image[6, 104] == 255 and image[113, 15] < 20  # the raised corner is above, right


def test_depth_of_a_textured_mesh_lies_on_its_image(tmp_path: Path) -> None:
    write_obj(tmp_path / "0000.obj")
    depth = TexturedMesh(tmp_path / "0000.obj").render((140, 100), full_transform(140, 100, 40), 40)
    tip = np.argwhere(depth == depth.max()).mean(axis=0)
    np.testing.assert_allclose(tip, [19.5, 19.5], atol=0.6)
    rows, columns = np.nonzero(depth)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 35, 8, 30)  # 0.1 to 0.9
    # moved with the image: a crop of its upper left quarter has the tip in its lower right corner
    quarter = np.array([[0.8, 0, 0.3], [0, 0.8 * 50 / 70, 0.0]])
    depth = TexturedMesh(tmp_path / "0000.obj").render((140, 100), quarter, 40)
    assert depth[39, 39] == 255 and depth[24, 24] < 200 and not depth[2, 2]


def test_a_surface_of_twenty_thousand_triangles_has_no_holes() -> None:
    side = 101
    y, x = np.mgrid[:side, :side]
    z = 60 * np.exp(-((x - 50) ** 2 + (y - 50) ** 2) / 900)
    vertices = np.stack([x, side - y, z], axis=-1).reshape(-1, 3).astype(float)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    squares = np.stack([corner, corner + 1, corner + side + 1, corner + side], axis=1)
    faces = np.concatenate([squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]])
    image = frontal(Mesh(vertices, faces, None), 256)
    assert len(faces) == 20_000
    rows, columns = np.nonzero(image)
    box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert box.size > 0.75 * 256 * 256 and box.all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no face"),
        ("v 0 0 0\nf 1 2 3\n", "a face names a point"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 nan\nf 1 2 3\n", "not finite"),
        ("v 0 0\nv 1 0\nf 1 1 1\n", "2 numbers in a row"),
        ("v 0 0 0\nv 1 0\nf 1 1 1\n", "0000.obj"),
        ("v 0 0 0\nf 1 1\n", "a face of 2 corners"),
        ("v 0 0 0\nf 1/a 1/b 1/c\n", "0000.obj"),
        ("v 0 0 0\nf 1 1 99999999999999999999\n", "0000.obj"),
    ],
)
def test_defects_of_a_mesh_are_bad_images(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "0000.obj"
    path.write_text(text)
    with pytest.raises(BadImageError, match=message):
        read_obj(path)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["obj", "wrl"]))
def test_damaged_meshes_never_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    path = tmp_path_factory.mktemp("mesh") / f"m.{kind}"
    write_obj(path)
    content = bytearray(path.read_bytes() if kind == "obj" else VRML.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.sampled_from(b"0919-.e/ \n#[]{}\xff\x00"))
    path.write_bytes(content)
    source = TexturedMesh(path) if kind == "obj" else FrontalMesh(path)
    try:
        image = source.render((50, 50), full_transform(50, 50, 16), 16)
        assert image.shape == (16, 16) and image.any()
    except BadImageError as error:
        assert str(error)
