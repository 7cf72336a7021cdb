"""Eight settings for each comparator of Tables 4 to 6 to be tuned by, on the rendered demo.

    python benchmarks/rows.py launch/tuning.py --out=runs/tuning \
        --with=optim.epochs=6,encoder.width=8

Behind the file stands one of ROWS: a system, what of its own is changed, and a learning rate.
People held out of the training parts say which is best (validation_score of runs/tuning/rows.csv);
the test part has no say. What is chosen belongs into drr_jax/recipes.py and docs/results.md.
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import Settings, apply, table

VD, RST = "reactionet/demo_multimodal", "reactionet/demo"
# System: its data and domains, the learning rates, and what else is tried with each of them.
_RATES = (0.0015, 0.003, 0.006, 0.012)
_WEIGHTS = ("loss.lambda_landmarks", "loss.lambda_reconstruction")
_TRIED: dict[str, tuple[str, str, tuple[float, ...], dict[str, Settings]]] = {
    "temt_net": (VD, "VD", _RATES, {f"{x}": dict.fromkeys(_WEIGHTS, x) for x in (1.0, 0.1)}),
    "amf": (VD, "VD", _RATES, {f"k{x}": {"head.embedding": x} for x in (64, 128)}),
    "ugn_b": (VD, "V", _RATES, {f"layers{x}": {"graph.layers": x} for x in (1, 2)}),
    "uda": (
        RST,
        "RST",
        _RATES[1:3],
        {f"{x}": {"loss.lambda_domain": x} for x in (0.03, 0.1, 0.3, 1.0)},
    ),
}
ROWS: dict[str, Settings] = {
    f"{system}_{name}_lr{rate}": {
        **{"model.name": system, "domains": domains, "data.name": data},
        **{**changes, "optim.lr": rate},
    }
    for system, (data, domains, rates, own) in _TRIED.items()
    for name, changes in own.items()
    for rate in rates
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then KEY=VALUE pairs, with commas."""
    row, _, rest = arg.partition(",")
    config = table(f"{row},demo", ROWS)
    apply(config, {"selection": "validation", **ROWS[row]})
    return parse_arg(config, rest, {})
