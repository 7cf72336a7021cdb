"""Does DRR do what it claims? Its switches, one at a time, on the rendered demo release.

    python -m drr_jax.main --config=launch/ablation.py:rs,seed=3 --workdir=runs/ablation/rs-3

Behind the file stands one of ROWS; `drr` is the reference, with every default. Every run has three
folds, a small ResNet-18 on 64-pixel images, and chooses its checkpoint on people held out of the
training parts; the test part is read once. `python benchmarks/ablation.py` trains all rows and
seeds and writes the table of docs/ablation.md.
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
    **{f"lambda_{value}": {"loss.lambda_contrast": value} for value in (0.01, 0.5, 1.0)},
    **{f"tau_{value}": {"contrast.tau": value} for value in (0.05, 0.1, 0.2)},
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then KEY=VALUE pairs, with commas."""
    row, _, rest = arg.partition(",")
    config = table(Config(), f"{row},demo", ROWS)
    small(config)
    return parse_arg(config, rest, {})


def small(config: Config) -> None:
    """A run of a minute or less, so that sixteen rows of fifteen runs are an afternoon's work."""
    config.fold = "all"
    config.selection = "validation"
    config.encoder.width = 8
    config.optim.max_steps = 400
    config.optim.warmup_steps = 30
    config.log.eval_every_epochs = 1.0
    config.log.checkpoint_every_steps = 10**6
    config.log.samples = 3
