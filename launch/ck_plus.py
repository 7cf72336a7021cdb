"""AU detection on CK+: 12 action units of 309 posed sequences, three subject folds.

    python -m drr_jax.main --config=launch/ck_plus.py --workdir=runs/ck_plus \
        --config.data.manual_dir=/data/CK+ --config.fold=all

The supplement's protocol (3.1, 3.2): 309 sequences of 106 subjects; the split is not stated, so
subject-exclusive folds are drawn. The face is the only domain, so the graph relates classes
alone. 20 epochs are a reconstruction (docs/method.md 9.6).
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "ck_plus/au"
    config.domains = "R"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
