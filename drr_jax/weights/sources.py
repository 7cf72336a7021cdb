"""Where weights are: a file, a folder or the Hugging Face hub; and what a text encoder's says."""

import dataclasses
import functools
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from drr_jax import data, files
from drr_jax.config import Config, Text
from drr_jax.errors import InputError
from drr_jax.models import encoders
from drr_jax.runs import CONFIG_FILE, RUN_FILE, Checkpoints, read_file
from drr_jax.weights import tensor_file
from drr_jax.weights.tensor_file import Tensors

NONE, HUB = "none", "hf:"
EXPORT = "drr_jax export"  # the format of our own folders
TOKENIZER_DIGEST = "tokenizer_digest"  # in what an export, or run.json, says
STABLEHLO = "model.stablehlo"  # what `drr_jax.weights stablehlo` adds to them
FILES = (  # what is downloaded
    tensor_file.FILE,
    tensor_file.INDEX,
    "model-*-of-*.safetensors",
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
WHOLE = (*FILES, "README.md", STABLEHLO)  # of a model that is to be used as it is
SIZES = ("vocabulary", "width", "layers", "heads", "hidden")  # of an exported text encoder


def locate(source: str, key: str) -> Path:
    """The file or folder of a config's weights; a hub's name is downloaded or found in the cache.

    Raises InputError if there is none.
    """
    if source.startswith(HUB):
        return download(source.removeprefix(HUB), f"config key {key}={source}")
    path = files.named(source)
    if not path.exists():
        raise InputError(
            f"config key {key}={source}: no such file or folder; expected a safetensors file, a "
            "folder with model.safetensors, hf:ORG/NAME, hf:ORG/NAME@REVISION or none"
        )
    return path


@functools.cache
def download(name: str, what: str, patterns: tuple[str, ...] = FILES) -> Path:
    """The folder of a hub's repository, ORG/NAME or ORG/NAME@REVISION, in the local cache.

    Files of `patterns` alone are fetched, so no pickle is. Raises InputError, which begins with
    `what`.
    """
    repository, revision = repository_of(name, what)
    try:
        get = hub_client().snapshot_download
        return Path(get(repository, revision=revision or None, allow_patterns=list(patterns)))
    except Exception as error:  # the hub's, the HTTP library's and the disk's errors alike
        if _is_refused(error):
            raise InputError(
                f"{what}: the hub has no {repository} that you may read: it does not exist (look "
                "at the spelling), or it is private or gated (`hf auth login`, or HF_TOKEN of an "
                "account that may read it)"
            ) from None
        raise InputError(
            f"{what}: neither in the cache nor to be downloaded ({reason_of(error)}); get its "
            f"safetensors and JSON files from https://huggingface.co/{repository} by hand and name "
            "their folder instead"
        ) from None


def hub_client() -> ModuleType:
    """huggingface_hub, imported when it is needed; it tells of its retries, once each.

    A root logger, which absl makes, would say everything again.
    """
    import huggingface_hub

    logging.getLogger(huggingface_hub.__name__).propagate = False
    return huggingface_hub


def repository_of(name: str, what: str) -> tuple[str, str]:
    """(ORG/NAME, revision or "") of ORG/NAME@REVISION. Raises InputError, begun with `what`."""
    parts = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w.-]+(?:/[\w.-]+)*))?", name)
    if not parts or ".." in name:
        raise InputError(
            f"{what}: expected hf:ORG/NAME, or hf:ORG/NAME@REVISION with a branch, tag or commit"
        )
    return parts[1], parts[2] or ""


def _is_refused(error: BaseException | None) -> bool:
    """Whether the hub says 401 or 404 of a repository: which of the two, it does not tell all."""
    from huggingface_hub.errors import RepositoryNotFoundError

    while error is not None:
        if isinstance(error, RepositoryNotFoundError):
            return True
        error = error.__cause__
    return False


def reason_of(error: Exception) -> str:
    """The first line of what the hub's client says, and of what it was caused by."""
    cause = error.__cause__
    said = str(error).strip().split("\n")[0] or type(error).__name__
    return f"{said} {reason_of(cause)}" if isinstance(cause, Exception) else said


def commit_of(source: str, place: Path) -> str:
    """The commit of the hub's repository that lies at `place`, "" for what is no hub's."""
    return place.name if source.startswith(HUB) else ""


def key_of(domain: str) -> str:
    """The config key of a domain's weights."""
    return f"model.encoders.{domain}.weights"


def source_of(config: Config, domain: str) -> str:
    """What the config lets a domain's encoder start from."""
    return getattr(config.model.encoders, domain).weights


def text_of(config: Config) -> tuple[Text, Any]:
    """The caption encoder's sizes and tokenizer as its weights have them; (text, None) without.

    Raises InputError if the weights' folder lacks config.json or tokenizer, or holds another kind
    of encoder than `text.encoder`.
    """
    source, key, text = source_of(config, "T"), key_of("T"), config.text
    if source == NONE:
        return text, None
    path = locate(source, key)
    folder = path if path.is_dir() else path.parent
    exported = exported_config(folder)
    if exported is not None:
        theirs = exported.get("text", {})
        if theirs.get("encoder") != text.encoder:
            raise InputError(
                f"config key {key}={source}: its text.encoder is {theirs.get('encoder')!r}, the "
                f"config's {text.encoder!r}"
            )
        sizes = {name: theirs[name] for name in SIZES if isinstance(theirs.get(name), int)}
        text = dataclasses.replace(text, **sizes)
    elif text.encoder != "bert":
        raise InputError(
            f"config key {key}={source}: text.encoder={text.encoder} starts from an exported run "
            "or none; set text.encoder=bert for a BERT-family model"
        )
    else:
        text = encoders.read_sizes(folder / CONFIG_FILE, text)
    check_tokenizer(folder, read_export(folder) or {})
    pieces = data.load_tokenizer_folder(folder)
    if pieces.get_vocab_size() > text.vocabulary:
        raise InputError(
            f"config key {key}={source}: its tokenizer has {pieces.get_vocab_size()} pieces, its "
            f"model {text.vocabulary}"
        )
    return text, pieces


def kept_text(config: Config, workdir: Path | None) -> tuple[Text, Any] | None:
    """As `text_of`, but of a run that began in `workdir` from weights; None if there is none."""
    if workdir is None or source_of(config, "T") == NONE:
        return None
    file, theirs = workdir / data.TOKENIZER_FILE, (kept_config(workdir) or {}).get("text")
    if not (theirs and file.is_file()):
        return None
    check_tokenizer(workdir, read_file(workdir, RUN_FILE))
    sizes = {name: theirs[name] for name in SIZES}
    return dataclasses.replace(config.text, **sizes), data.load_tokenizer(file)


def kept_config(workdir: Path | None) -> dict[str, Any] | None:
    """The config of a run that goes on in `workdir`, which weights had their say in; else None."""
    if workdir is None or not Checkpoints(workdir).steps():
        return None
    return read_file(workdir, CONFIG_FILE) or None


def exported_config(folder: Path) -> dict[str, Any] | None:
    """The config of the run that a folder was exported from, None if another program made it."""
    described = read_export(folder)
    return None if described is None else described.get("config", {})


def read_export(folder: Path) -> dict[str, Any] | None:
    """What an exported folder says of itself, None if another program made it.

    Raises InputError if it says something else than was written.
    """
    path = folder / CONFIG_FILE
    try:
        found = files.read_json(path)
    except (OSError, ValueError):
        return None
    if found.get("format") != EXPORT:
        return None
    try:
        return files.unsealed(found)
    except ValueError as error:
        raise InputError(f"{path}: {error}; copy the folder or export it again") from None


def open_weights(path: Path) -> Tensors:
    """As `tensor_file.open_weights`; those of an exported folder are checked when they are read.

    Raises InputError, too, if its files are of different exports.
    """
    tensors = tensor_file.open_weights(path)
    described = read_export(path if path.is_dir() else path.parent)
    if described is None or not (path.is_dir() or path.name == tensor_file.FILE):
        return tensors
    stored = described.get("arrays", {})
    for name in [*stored, *tensors]:
        said = {key: value for key, value in stored.get(name, {}).items() if key != "crc32"}
        found = tensors.get(name)
        held = {"shape": list(found.shape), "dtype": str(found.dtype)} if found else {}
        if said != held:
            raise InputError(
                f"{path}: {tensor_file.shown(name)} is {said or None} in {CONFIG_FILE} and "
                f"{held or None} in {tensor_file.FILE}: the files are of different exports"
            )
    return {
        name: dataclasses.replace(tensor, crc32=stored[name].get("crc32", ""))
        for name, tensor in tensors.items()
    }


def check_tokenizer(folder: Path, described: Mapping[str, Any]) -> None:
    """Raises InputError if the word pieces in `folder` are not those that `described` is of."""
    file, said = folder / data.TOKENIZER_FILE, described.get(TOKENIZER_DIGEST)
    if said and file.is_file() and files.digest(file) != said:
        raise InputError(f"tokenizer {file}: it is not what was written; put back a copy")
