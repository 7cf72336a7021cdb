"""What every data set must have, whatever it is, and how options are read."""

import importlib
from pathlib import Path

import pytest

import tfds_reactionet
from drr_jax.errors import InputError
from drr_jax.facs import IMAGES
from tfds_reactionet.building import catalog
from tfds_reactionet.building.catalog import Option
from tfds_reactionet.building.face_builder import FaceBuilder
from tfds_reactionet.building.faces import Spec
from tfds_reactionet.reading.crop import LANDMARK_COUNTS

NAMES = catalog.data_set_names()
PACKAGES = Path(tfds_reactionet.__path__[0])


def builder(name: str) -> type:
    return importlib.import_module(f"tfds_reactionet.{name}.{name}_dataset_builder").Builder


@pytest.mark.parametrize("name", NAMES)
def test_builder_agrees_with_its_declaration(name: str) -> None:
    data_set, found = catalog.find_data_set(name), builder(name)
    assert found.name == name
    assert str(found.VERSION) == data_set.version
    assert [config.name for config in found.BUILDER_CONFIGS] == list(data_set.configs)
    assert all(config.description for config in found.BUILDER_CONFIGS)
    assert catalog.defaults(data_set) == found.OPTIONS
    assert found.MANUAL_DOWNLOAD_INSTRUCTIONS
    for option in data_set.options:
        assert option.help and "\n" not in option.help
        if option.default is not None:
            option.check(option.default)
            assert option.parse(str(option.default)) == option.default
    assert len({option.name for option in data_set.options}) == len(data_set.options)


@pytest.mark.parametrize("name", NAMES)
def test_package_describes_itself(name: str) -> None:
    readme = (PACKAGES / name / "README.md").read_text()
    assert f"python -m tfds_reactionet.build {name}" in readme and "**Access" in readme
    assert "@" in (PACKAGES / name / "CITATIONS.bib").read_text()
    assert (PACKAGES / name / "TAGS.txt").read_text().startswith("content.")


@pytest.mark.parametrize("name", NAMES)
def test_spec_is_consistent_for_every_config(name: str) -> None:
    found = builder(name)
    assert issubclass(found, FaceBuilder)
    for config in catalog.find_data_set(name).configs:
        spec: Spec = found.spec(config, found.OPTIONS)
        assert set(spec.evaluated_aus) <= set(spec.au_names)
        assert spec.evaluated_aus if spec.task == "au" else spec.expression_names
        assert spec.images[0] == "reaction" and set(spec.images) <= set(IMAGES)
        assert spec.landmarks in (0, *LANDMARK_COUNTS)
        protocol = spec.protocol
        assert len(protocol.train) == len(protocol.test) == len(protocol.validation) > 0
        for train, held, test in zip(
            protocol.train, protocol.validation, protocol.test, strict=True
        ):
            assert train and test and set(train) | set(held) | set(test) <= set(protocol.parts)
            assert not set(train) & set(test)
    with pytest.raises(InputError, match=r"manual_dir /nowhere does not exist; "):
        found.check_release(Path("/nowhere"), next(iter(catalog.find_data_set(name).configs)))


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (Option("size", 256, "h"), "64", 64),
        (Option("margin", 0.1, "h"), "1e-1", 0.1),
        (Option("flip", False, "h"), "True", True),
        (Option("crop", None, "h"), "face", "face"),
    ],
)
def test_option_has_the_type_of_its_default(option: Option, text: str, value: object) -> None:
    found = option.parse(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (Option("size", 256, "h"), "6.5", "size=6.5, expected a whole number"),
        (Option("margin", 0.1, "h"), "wide", "margin=wide, expected a number"),
        (Option("margin", 0.1, "h", low=0, high=2), "nan", "margin=nan, expected 0 to 2"),
        (Option("flip", False, "h"), "1", "flip=1, expected true or false"),
        (Option("crop", None, "h", choices=("face", "full")), "Face", "crop=Face, expected face"),
        (Option("n", 3, "h", low=1), "0", "n=0, expected at least 1"),
    ],
)
def test_wrong_option_is_one_line(option: Option, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        option.check(option.parse(text))
    assert str(caught.value).startswith(message)


def test_unknown_data_set_names_the_nearest() -> None:
    assert NAMES[0] == "reactionet"
    with pytest.raises(InputError, match=r"unknown data set 'bp4'; did you mean bp4d"):
        catalog.find_data_set("bp4")


def test_a_builder_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFDS makes a temporary folder for what its bucket might say of a set, at every start."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    builder("ck_plus")(config="expression", data_dir=tmp_path / "data")
    assert not list(temporary.iterdir())
