"""Does DRR do what it claims? Its switches, one at a time, on the rendered demo release.

    python -m drr_jax.main --config=launch/ablation.py:rs,seed=3 --workdir=runs/ablation/rs-3

Behind the file stands one of ROWS; `drr` is the reference, with every default. Every run has three
folds, a narrow ResNet-18 on 64-pixel images, and chooses its checkpoint on people held out of the
training parts; the test part is read once. `python benchmarks/rows.py` makes the weights that all
rows start from and trains them with five seeds, for docs/ablation.md.
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import Settings, table

ROWS: dict[str, Settings] = {
    "drr": {},
    **{name.lower(): {"domains": name} for name in ("R", "RS", "RT")},
    "graph_off": {"graph.enabled": False},
    "homophily": {"graph.assumption": "homophily"},
    "heterophily": {"graph.assumption": "heterophily"},
    "contrast_off": {"contrast.enabled": False},
    "c1": {"contrast.scope": "tuple"},
    "c3": {"contrast.scope": "tuple_batchneg"},
    "lambda_1.0": {"loss.lambda_contrast": 1.0},
    "tau_0.2": {"contrast.tau": 0.2},
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then KEY=VALUE pairs, with commas."""
    row, _, rest = arg.partition(",")
    config = table(Config(), f"{row},demo", ROWS)
    small(config)
    return parse_arg(config, rest, {})


def small(config: Config) -> None:
    """A fold in half a minute on one core, so that all rows and seeds are an hour's work."""
    config.fold = "all"
    config.selection = "validation"
    config.encoder.stem = "patch"
    config.encoder.width = 8
    config.text.layers = 1
    config.head.embedding = config.head.projection = config.graph.width = 32
    config.optim.lr = 0.005
    config.optim.max_steps = 180
    config.optim.warmup_steps = 20
    config.log.eval_every_epochs = 1.0
    config.log.checkpoint_every_steps = 10**6
    config.log.samples = 3
