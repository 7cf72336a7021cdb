"""A trained model, and a folder of two photos."""

import shutil
from pathlib import Path

import pytest

import drr_jax
from drr_jax.predict import model


@pytest.fixture(scope="module")
def asked(trained) -> model.Model:
    return drr_jax.load(trained)


@pytest.fixture
def photos(people, tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(people[0], folder / name)
    return folder
