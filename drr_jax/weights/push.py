"""An exported folder to the Hugging Face hub: `python -m drr_jax.weights push`."""

import sys
from pathlib import Path

from drr_jax.data import TOKENIZER_FILE
from drr_jax.errors import InputError
from drr_jax.runs import CONFIG_FILE
from drr_jax.weights import tensor_file
from drr_jax.weights.export import CARD, Exported, load_folder
from drr_jax.weights.rebuild import system_of
from drr_jax.weights.sources import HUB, STABLEHLO, hub_client, reason_of, repository_of

FILES = (CONFIG_FILE, tensor_file.FILE, CARD, TOKENIZER_FILE, STABLEHLO)


def push(folder: Path, target: str, private: bool = False) -> str:
    """Uploads the files of an exported folder, and no others; returns hf:ORG/NAME@COMMIT.

    `target` is hf:ORG/NAME; a repository that is not there is made, `private` or for everyone.
    Raises InputError if the folder is not whole, if nobody is logged in or may not write there,
    and for a repository that everyone can read although `private` is asked for.
    """
    said = f"push {target}"
    repository, revision = repository_of(target.removeprefix(HUB), said)
    if not target.startswith(HUB) or revision:
        raise InputError(f"{said}: expected hf:ORG/NAME, without a revision")
    exported = load_folder(folder)
    system_of(exported, str(folder))
    client = hub_client()
    if not client.get_token():
        raise InputError(
            f"{said}: nobody is logged in to the Hugging Face hub; give `hf auth login`, or set "
            "HF_TOKEN to a token that may write"
        )
    if not private:
        _warn(exported, target)
    try:
        hub = client.HfApi(library_name="drr-jax")
        hub.create_repo(repository, private=private, exist_ok=True)
        if private and not hub.model_info(repository).private:
            raise InputError(
                f"{said}: everyone can read this repository, and --private was given; make it "
                "private in its settings on the hub, or leave --private out"
            )
        made = hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(FILES),
            commit_message=f"{exported.described['dataset']}, step {exported.described['step']}",
        )
    except InputError:
        raise
    except Exception as error:  # the hub's, the HTTP library's and the disk's errors alike
        raise InputError(f"{said}: nothing was uploaded ({reason_of(error)})") from None
    return f"{HUB}{repository}@{made.oid}"


def _warn(exported: Exported, target: str) -> None:
    """What a data set's licence, or its people, may forbid is said before it happens."""
    if ((exported.described["results"] or {}).get("people") or {}).get("subjects"):
        print(
            "warning: config.json has scores of single people of the test part, with their ids, as "
            "exports of earlier versions do; export the run again to leave them out",
            file=sys.stderr,
        )
    if not exported.described.get("rendered"):
        print(
            f"warning: everyone will be able to read {target}, trained on "
            f"{exported.described['dataset']}: its owners may not allow that; --private keeps it "
            "to you",
            file=sys.stderr,
        )
