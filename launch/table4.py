"""Table 4: AU detection on ReactioNet, a config for every system and set of domains.

    python -m drr_jax.main --config=launch/table4.py:late_fusion --workdir=runs/table4/late_fusion \
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

Behind the file stands one of ROWS. Each is trained as launch/reactionet.py trains DRR (supplement
3.2), the ViT by AdamW; `launch/table4.py:late_fusion,demo` is the same system at the demo's size on
the rendered demo release. `gcn_full` is the GCN that Figure 8 holds DRR against: contrast, both
assumptions, graph and non-graph modules, on the reaction alone (supplement 3.5), so it is `drr_r`.
`drr_r_graph` is the same network predicting by its graph (reconstruction).
"""

from drr_jax.config import Config
from drr_jax.recipes import HETEROPHILY, VIT, Settings, table

ROWS: dict[str, Settings] = {
    "resnet18": {"model.name": "classifier", "domains": "R"},
    "resnet50": {"model.name": "classifier", "domains": "R", "encoder.backbone": "resnet50"},
    "vit": {"model.name": "classifier", "domains": "R", **VIT},
    "gcn": {"model.name": "gcn", "domains": "R", **HETEROPHILY},
    "gcn_full": {"model.name": "drr", "domains": "R"},
    "late_fusion": {"model.name": "late_fusion", "domains": "RST"},
    "uda": {"model.name": "uda", "domains": "RST"},
    "cross_domain_gcn": {"model.name": "cross_domain_gcn", "domains": "RST", **HETEROPHILY},
    "sev_net": {"model.name": "sev_net", "domains": "RST"},
    "sev_net_r": {"model.name": "sev_net", "domains": "R"},
    "drr": {"model.name": "drr", "domains": "RST"},
    "drr_r": {"model.name": "drr", "domains": "R"},
    "drr_r_graph": {"model.name": "drr", "domains": "R", "predict": "graph"},
    "drr_rs": {"model.name": "drr", "domains": "RS"},
    "drr_rt": {"model.name": "drr", "domains": "RT"},
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then demo and KEY=VALUE pairs, with commas."""
    return table(arg, ROWS)
