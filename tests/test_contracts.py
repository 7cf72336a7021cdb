"""What `make lint` proves of imports is written down for every module, new ones too."""

import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((HOME / "importlinter.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def modules(folder: str) -> set[str]:
    """The modules and wings right in a folder, by their whole names."""
    inside = (HOME / folder).iterdir()
    names = {
        path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return {f"{folder.replace('/', '.')}.{name}" for name in names - {"__init__"}}


@pytest.mark.parametrize(
    ("start", "folder", "open_to_all"),
    [
        (
            "of drr_jax,",
            "drr_jax",
            "arguments cells errors facs files json_text limits machine pages stops",
        ),
        ("of tfds_reactionet,", "tfds_reactionet", "build building reading"),
        # its wings have contracts of their own
        ("into drr_jax.models by", "drr_jax/models", "drr encoders systems"),
    ],
)
def test_a_contract_names_every_module_but_those_that_all_may_use(start, folder, open_to_all):
    (contract,) = (one for one in CONTRACTS if one["name"].startswith(start))
    free = {f"{folder.replace('/', '.')}.{name}" for name in open_to_all.split()}
    assert set(contract["protected_modules"]) == modules(folder) - free


@pytest.mark.parametrize("package", ["drr_jax", "tfds_reactionet"])
def test_every_wing_is_entered_by_its_door(package):
    wings = {name for name in modules(package) if (HOME / name.replace(".", "/")).is_dir()}
    sets = {path.parent.name for path in HOME.glob("tfds_reactionet/*/*_dataset_builder.py")}
    doors = {one["name"].split()[1] for one in CONTRACTS if one["name"].startswith("into ")}
    assert wings - {f"tfds_reactionet.{name}" for name in sets} <= doors
