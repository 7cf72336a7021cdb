"""The supplement's Table 6, AU detection on BP4D+ from colour, depth and thermal images.

    python -m drr_jax.main --config=launch/table6.py:mft --workdir=runs/table6/mft \
        --config.data.manual_dir=/data/BP4D+ --config.fold=all

`launch/table6.py:mft,demo` is the same system on rendered faces with depth and thermal images, in
minutes on a laptop CPU. 12 AUs, three subject folds (the paper's lists are not public, see the
builder's README), the optimiser of supplement 3.2 for every system but those with a recipe of their
own, 20 epochs (reconstruction, docs/method.md 9.6). docs/method.md 2.5 says which printed numbers
of the table are in doubt; TEMT-Net, UGN-B and AU-GCN have no row there.
"""

from drr_jax.config import Config
from drr_jax.recipes import ONE_MODALITY, Settings, several_modalities, table

ROWS: dict[str, Settings] = {
    **ONE_MODALITY,
    "resnet18_th": {"model.name": "classifier", "domains": "Th"},
    "temt_net": {"model.name": "temt_net", "domains": "VTh"},  # Th in training alone
    **several_modalities("VDTh"),
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then demo and KEY=VALUE pairs, with commas."""
    common: Settings = {"data.name": "bp4d_plus/rgb_depth_thermal", "optim.epochs": 20.0}
    return table(arg, ROWS, common, "reactionet/demo_multimodal")
