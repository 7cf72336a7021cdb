"""The supplement's Table 5, AU detection on BP4D from colour images and depth: one row a run.

    python -m drr_jax.main --config=launch/table5.py:mft --workdir=runs/table5/mft \
        --config.data.manual_dir=/data/BP4D --config.fold=all

`launch/table5.py:mft,demo` is the same system on rendered faces with depth, in minutes on a laptop
CPU. 12 AUs, the three published subject folds, the optimiser of supplement 3.2 for every system but
those with a recipe of their own, 20 epochs (reconstruction, docs/method.md 9.6). docs/method.md 2.5
says which printed numbers of the table are in doubt.
"""

from drr_jax.config import Config
from drr_jax.recipes import ONE_MODALITY, Settings, several_modalities, table

ROWS: dict[str, Settings] = {
    **ONE_MODALITY,
    "temt_net": {"model.name": "temt_net", "domains": "VD"},  # D in training alone
    **several_modalities("VD"),
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then demo and KEY=VALUE pairs, with commas."""
    common: Settings = {"data.name": "bp4d/rgb_depth", "optim.epochs": 20.0}
    return table(arg, ROWS, common, "reactionet/demo_multimodal")
