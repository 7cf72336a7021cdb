"""The keyword pool of the searches: complete, read back, and clean errors for damaged files."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drr_jax.errors import InputError, run
from drr_jax.facs.labels import SCENES
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.reactionet import queries as command
from tfds_reactionet.reactionet.scenes import POOL, queries, read_pool

# Keyword groups that supplement 1.8 lists, by scene.
GROUPS = {
    "sport": 19,
    "film": 9,
    "show": 10,
    "object": 6,
    "self_made": 6,
    "animation": 7,
    "game": 7,
    "interview_public_speech": 2,
}


def test_every_scene_has_the_groups_of_the_supplement() -> None:
    pool = read_pool()
    assert {scene: len(subs) for scene, subs in pool.items()} == GROUPS
    assert set(pool) == set(SCENES)
    for scene, subs in pool.items():
        assert all(sub.scene == scene and sub.title and sub.keywords for sub in subs)
        assert len({sub.name for sub in subs}) == len(subs)


def test_the_demo_release_takes_its_sub_scenes_from_the_pool() -> None:
    names = {(sub.scene, sub.name) for subs in read_pool().values() for sub in subs}
    # "debate" is a keyword of the sub-scene speech, which the demo shows as a scene of its own
    assert set(SUB_SCENES) - names == {("interview_public_speech", "debate")}


@pytest.mark.parametrize(
    ("scene", "sub_scene", "count", "first", "last"),
    [
        ("sport", "soccerball", 15, "Man City", "UEFA"),
        ("film", "fantasy", 8, "fantasy movie", "monster movie"),
        ("object", "living_organism_related_content", 23, "animal", "whale"),
        ("game", "action", 18, "HALO INFINITE", "Monster Hunter World"),
        ("game", "sports", 9, "FOOTBALL MANAGER", "UFC4"),
        ("animation", "drama", 11, "Mulan", "lady and the tramp"),
    ],
)
def test_keywords_of_a_sub_scene(
    scene: str, sub_scene: str, count: int, first: str, last: str
) -> None:
    sub = next(sub for sub in read_pool()[scene] if sub.name == sub_scene)
    assert (len(sub.keywords), sub.keywords[0], sub.keywords[-1]) == (count, first, last)


def test_queries_are_unique_and_in_order() -> None:
    pool = read_pool()
    assert queries(pool, "film", "western") == ["Reaction to western", "Reaction to cowboy"]
    speech = queries(pool, "interview_public_speech", "speech")
    assert speech.count("Reaction to best") == 1  # printed twice in the supplement
    everything = queries(pool)
    assert len(everything) == len(set(everything))
    by_scene = {query for scene in pool for query in queries(pool, scene)}
    assert by_scene == set(everything)


def test_the_command_prints_one_query_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["queries", "--scene=show", "--sub_scene=magic_show"])
    assert command.main() == 0
    assert capsys.readouterr().out == "Reaction to magic show\nReaction to magician\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scene=sprot"], "unknown scene 'sprot'; did you mean sport?"),
        (["--scene=film", "--sub_scene=horor"], "unknown sub_scene 'horor'; did you mean horror"),
    ],
)
def test_an_unknown_name_is_one_line_and_code_2(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["queries", *arguments])
    with pytest.raises(SystemExit) as caught:
        run(command.main)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1), what=st.binary(max_size=4))
def test_a_damaged_pool_is_read_or_refused(tmp_path: Path, at: float, what: bytes) -> None:
    data = POOL.read_bytes()
    cut = int(at * len(data))
    path = tmp_path / "scenes.toml"
    path.write_bytes(data[:cut] + what + data[cut + len(what) :] if what else data[:cut])
    try:
        pool = read_pool(path)
    except InputError as error:
        assert str(path) in str(error)
        return
    assert set(pool) <= set(SCENES)
    assert all(sub.keywords for subs in pool.values() for sub in subs)
