"""MMI's XML files: any bytes, several tracks."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drr_jax.errors import InputError
from tfds_reactionet.mmi import metadata, turns

XML = st.lists(
    st.sampled_from(
        [
            '<?xml version="1.0" encoding="',
            'utf-8"?>',
            'utf-16"?>',
            "<x>",
            "</x>",
            '<Metatag Name="Emotion" Value="',
            '1,6"/>',
            '\u06611"/>',
            '<track view="',
            '2"/>',
            "<!DOCTYPE x>",
            '<!ENTITY a "b">',
            "&a;",
            "&amp;",
            "\0",
            "\n",
        ]
    ),
    max_size=10,
).map(lambda pieces: "".join(pieces).encode())


@settings(max_examples=200, deadline=None)
@given(data=st.one_of(st.binary(max_size=60), XML))
@example(data=b'<x><Metatag Name="Emotion" Value="1"/></x>')
@example(data="<x view='1'/>".encode("utf-16"))
@example(data=b"<x" + b" a='1'" * 2 + b"/>")
@example(data=b"<a>" * 20000)
@example(data=b'<?xml version="1.0" encoding="utf-7"?><x/>')
@example(data=b'<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><x/>')
def test_any_bytes_give_labels_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("xml") / "S001-101.xml"
    path.write_bytes(data)
    for parse in (metadata.emotions, metadata.is_unclear, metadata.read_session):
        try:
            found = parse(path)
            if isinstance(found, frozenset):
                assert all(0 <= code <= 99 for code in found)
            elif not isinstance(found, bool):
                assert found.view("S001-101.avi") in (None, 0, 1, 2)
        except InputError as error:
            assert f"{path}: line " in str(error) and "\n" not in str(error)


def test_metadata_of_several_tracks(tmp_path: Path) -> None:
    path = tmp_path / "session.xml"
    path.write_text('<s><Track FileName="A.AVI" View="0"/><t filename="b.avi" view="1"/></s>')
    session = metadata.read_session(path)
    assert [session.view(name) for name in ("a.avi", "b.avi", "c.avi")] == [0, 1, None]
    assert turns.usual("S006", 1, False) == 90 and turns.usual("S021", 2, False) == 0
