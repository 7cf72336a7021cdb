"""An exported folder to a stand-in of the hub and back: the same numbers, and no file too many."""

import os
import subprocess
import sys
from pathlib import Path

import hub_stand_in
import numpy as np
import pytest
import small_export
from huggingface_hub import constants

import drr_jax
from drr_jax.errors import InputError
from drr_jax.weights import sources
from drr_jax.weights.export import Exported
from drr_jax.weights.push import _warn, push

NAME = "someone/drr-demo"
# huggingface_hub 2.4 uploads with it
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = small_export.write(tmp_path_factory.mktemp("export") / "model")
    (folder / "model.stablehlo").write_bytes(b"a program")
    (folder / "predictions.csv").write_text("somebody's\n")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02 a pickle")
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in that huggingface_hub takes for the hub, with an empty cache and a token."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_TOKEN", hub_stand_in.TOKEN)
    sources.download.cache_clear()
    with hub_stand_in.running() as hub:
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        yield hub
    sources.download.cache_clear()


def test_the_commands_take_a_model_there_and_back(exported, tmp_path):
    """As a user has it, whose empty cache and token stand in the environment."""
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    np.save(tmp_path / "images.npy", images)
    script = (
        "import sys, numpy as np, drr_jax; m = drr_jax.load(sys.argv[1]); print(m.name);"
        "np.save(sys.argv[3], m.probabilities({'reaction': np.load(sys.argv[2])}))"
    )
    with hub_stand_in.running() as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": hub_stand_in.TOKEN,
            "HF_HUB_DISABLE_XET": "1",
        }

        def python(*arguments: object) -> str:
            done = subprocess.run(
                [sys.executable, *map(str, arguments)],
                capture_output=True,
                text=True,
                check=False,
                env=environment,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        name = python("-m", "drr_jax.weights", "push", exported, f"hf:{NAME}")
        commit = hub.repositories[NAME].branches["main"]
        assert name == f"hf:{NAME}@{commit}"
        out = tmp_path / "out.npy"
        assert python("-c", script, name, tmp_path / "images.npy", out) == name
    expected = drr_jax.load(exported).probabilities({"reaction": images})
    np.testing.assert_array_equal(np.load(out), expected)


def test_the_files_of_an_export_alone_go_there_and_come_back(hub, exported):
    name = push(exported, f"hf:{NAME}")
    repository = hub.repositories[NAME]
    wanted = {"model.safetensors", "config.json", "README.md", "tokenizer.json", "model.stablehlo"}
    assert repository.commits[repository.branches["main"]].keys() == wanted | {".gitattributes"}
    assert not repository.private
    assert push(exported, f"hf:{NAME}") == name  # nothing new: no empty commit
    pickles = {"pytorch_model.bin": b"\x80\x02.", "model.pkl": b"\x80\x02.", "code.py": b"1 / 0"}
    later = repository.commit(pickles)
    model = drr_jax.load(f"hf:{NAME}@main")
    assert model.name == f"hf:{NAME}@{later}" and later != name.partition("@")[2]
    assert hub.fetched() == wanted
    assert drr_jax.load(name).name == name
    assert hub.fetched() == wanted
    # What an encoder starts from needs neither card nor program.
    sources.download.cache_clear()
    hub.repositories["a/b"] = hub_stand_in.Repository()
    files = {path.name: path.read_bytes() for path in exported.iterdir()}
    hub.repositories["a/b"].commit(files)
    hub.asked.clear()
    place = sources.locate("hf:a/b", "model.encoders.R.weights")
    assert hub.fetched() == wanted - {"README.md", "model.stablehlo"}
    assert sources.commit_of("hf:a/b", place) == hub.repositories["a/b"].branches["main"]


def test_private_stays_private(hub, exported):
    push(exported, f"hf:{NAME}", private=True)
    assert hub.repositories[NAME].private
    hub.repositories["a/open"] = hub_stand_in.Repository()
    before = hub.repositories["a/open"].commit({"README.md": b"hello"})
    with pytest.raises(InputError, match="everyone can read this repository, and --private"):
        push(exported, "hf:a/open", private=True)
    assert hub.repositories["a/open"].branches["main"] == before


def test_gated_data_are_not_published_without_a_word(hub, exported, tmp_path, capsys):
    push(exported, f"hf:{NAME}")
    assert not capsys.readouterr().err.startswith("warning")
    folder = small_export.write(tmp_path / "gated", "classifier", "R")
    said = (folder / "config.json").read_text().replace('"rendered": true', '"rendered": false')
    (folder / "config.json").write_text(said)
    push(folder, "hf:someone/gated")
    said = capsys.readouterr().err
    assert "warning: everyone will be able to read hf:someone/gated" in said
    assert "single people" not in said
    people = {"subjects": {"Maria": {"value": 0.3}}}  # as earlier versions wrote them
    earlier = {"results": {"people": people}, "rendered": True}
    _warn(Exported({}, earlier, None), "hf:someone/earlier")
    assert "scores of single people of the test part" in capsys.readouterr().err


def test_what_goes_wrong_is_one_line(hub, exported, tmp_path, monkeypatch):
    def said(folder: Path, target: str) -> str:
        with pytest.raises(InputError) as error:
            push(folder, target)
        assert "\n" not in str(error.value)
        return str(error.value)

    for target in ("someone/x", "hf:someone", "hf:someone/x@main", "hf:../x", "hf:a/b/c"):
        assert "expected hf:ORG/NAME" in said(exported, target)
    assert "expected an exported folder" in said(tmp_path, f"hf:{NAME}")
    monkeypatch.setenv("HF_TOKEN", hub_stand_in.READ_ONLY)
    assert "nothing was uploaded (" in said(exported, f"hf:{NAME}")
    monkeypatch.delenv("HF_TOKEN")
    assert "nobody is logged in" in said(exported, f"hf:{NAME}") and not hub.repositories
    monkeypatch.setenv("HF_TOKEN", hub_stand_in.TOKEN)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "nothing was uploaded (" in said(exported, f"hf:{NAME}")
    with pytest.raises(InputError, match="neither in the cache nor to be downloaded"):
        drr_jax.load(f"hf:{NAME}")


def test_a_repository_that_is_not_there_or_not_for_everyone(hub, monkeypatch):
    for token in (hub_stand_in.TOKEN, ""):  # the hub says 401 of both
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(InputError, match=r"does not exist .* or it is private or gated"):
            drr_jax.load("hf:nobody/nothing")


def test_a_run_is_to_be_exported_first(tmp_path):
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(InputError, match=r"export it first: python -m drr_jax\.weights export"):
        push(tmp_path, f"hf:{NAME}")


def test_a_revision_that_is_not_there(hub, exported):
    push(exported, f"hf:{NAME}")
    with pytest.raises(InputError, match="neither in the cache nor to be downloaded"):
        drr_jax.load(f"hf:{NAME}@v9")
    done = subprocess.run(
        [sys.executable, "-m", "drr_jax.weights", "push", str(exported), "someone/x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
