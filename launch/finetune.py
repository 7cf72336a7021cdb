"""A set of faces, from an encoder that learnt ReactioNet's reactions (supplement 3.2).

    python -m drr_jax.weights export --workdir=runs/reactionet --out=models/reactionet
    python -m drr_jax.main --workdir=runs/finetune/disfa --config.fold=all \
        --config=launch/finetune.py:disfa,model.encoders.R.weights=models/reactionet

Behind the file stands one of ROWS, the sets' launch files, and where the weights are. DRR of all
domains is trained on ReactioNet first; then the reaction's encoder goes on with the faces of
another set, whose heads and graph start anew. That and the rates, a tenth of those that random
numbers need, for half the epochs, are a reconstruction: the supplement says that "some of the
implementation details varied slightly when training and applying finetuning on different datasets".
"""

from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.recipes import Settings, table

RATES: Settings = {"optim.lr": 0.001, "optim.lr_late": 0.0001}


def row(data: str, task: str, epochs: float) -> Settings:
    """One set's data and training."""
    told = {"data.name": data, "task": task, "domains": "R", **RATES}
    return {**told, "optim.epochs": epochs, "optim.lr_epochs": epochs / 5}


ROWS: dict[str, Settings] = {
    "bp4d": row("bp4d/rgb", "au", 10.0),
    "bp4d_plus": row("bp4d_plus/rgb", "au", 10.0),
    "disfa": row("disfa/left", "au", 10.0),
    "disfa_plus": row("disfa_plus/trials", "au", 10.0),
    "ck_plus": row("ck_plus/au", "au", 100.0),
    "ck_plus_expression": row("ck_plus/expression", "expression", 100.0),
    "emotionet": row("emotionet", "au", 10.0),
    "ck_plus_contempt": row("ck_plus/contempt", "expression", 100.0),
    "ck_plus_eight": row("ck_plus/eight", "expression", 100.0),
    "fer_plus": row("fer_plus/majority", "expression", 10.0),
    "fer2013": row("fer_plus/fer2013", "expression", 10.0),
    "raf_db": row("raf_db", "expression", 10.0),
    "affectnet": row("affectnet", "expression", 10.0),
    "affectnet_eight": row("affectnet/eight", "expression", 10.0),
    "mmi": row("mmi", "expression", 100.0),
    "bu3dfe": row("bu3dfe/rgb", "expression", 30.0),
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then KEY=VALUE pairs, with commas.

    Raises InputError if no weights are named there.
    """
    config = table(arg, ROWS)
    if config.model.encoders.R.weights == "none":
        raise InputError(
            f"config argument {arg!r}: fine-tuning starts from weights, as in "
            f"{arg},model.encoders.R.weights=models/reactionet, which python -m drr_jax.weights "
            "export --workdir=RUN --out=models/reactionet makes of a run"
        )
    return config
