"""Does DRR do what it claims? Its switches, one at a time, on the rendered demo release.

    python -m drr_jax.main --config=launch/ablation.py:rs,seed=3 --workdir=runs/ablation/rs-3

Behind the file stands one of ROWS; `drr` is the reference, with every default. CLAIMS are what the
paper says that it gains by, and the grids of docs/method.md 9.5 and 6.2; SWITCHES the other choices
of docs/method.md 11; RECIPE trains as the supplement does. Every run has three folds, a narrow
ResNet-18 on 64-pixel images, and chooses its checkpoint on people held out of the training parts;
the test part is read once. `python benchmarks/rows.py` makes the weights that all rows start from
and trains them with several seeds, for docs/ablation.md. SUSPECTS are what may keep stimulus and
caption from helping the face; keys behind a row change all of that, as in

    python benchmarks/rows.py launch/ablation.py --of=SUSPECTS --out=runs/suspects --seeds=3 \
        --with=data.name=reactionet/demo,log.gradients_every=20
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import Settings, apply, table

CLAIMS: dict[str, Settings] = {
    "drr": {},
    **{name.lower(): {"domains": name} for name in ("R", "RS", "RT")},
    "graph_off": {"graph.enabled": False},
    "homophily": {"graph.assumption": "homophily"},
    "heterophily": {"graph.assumption": "heterophily"},
    "contrast_off": {"contrast.enabled": False},
    "c1": {"contrast.scope": "tuple"},
    "c3": {"contrast.scope": "tuple_batchneg"},
    **{f"lambda_c_{value}": {"loss.lambda_contrast": value} for value in (0.01, 0.5, 1.0)},
    **{f"tau_{value}": {"contrast.tau": value} for value in (0.05, 0.1, 0.2)},
}
PRIORS = ("identity", "all_ones", "soft")
SWITCHES: dict[str, Settings] = {
    **{form: {"graph.het_form": form} for form in ("full", "cross_only")},
    **{meaning: {"graph.semantics": meaning} for meaning in ("similarity", "filter")},
    **{conv: {"graph.conv": conv} for conv in ("h2gcn", "fagcn", "acm", "gprgnn", "cpgnn")},
    **{f"layers_{count}": {"graph.layers": count} for count in (1, 3)},
    "concat_fc": {"graph.readout": "concat_fc"},
    **{f"graph_{prior}": {"graph.prior": prior} for prior in (*PRIORS, "learned")},
    **{f"contrast_{prior}": {"contrast.prior": prior} for prior in PRIORS},
    "all_pairs": {"contrast.pairs": "all"},
    "omega_s_0.1": {"loss.omega_stimulus": 0.1},
    "unweighted": {"loss.au_weights": False},
    **{f"predict_{by}": {"predict": by} for by in ("fuse", "graph")},
}
_BOTH = (("", "RST"), ("_r", "R"))  # the end of a row's name, and its domains
# What the graph's loss weighs, for all domains and for the face alone (docs/method.md 9.5).
LAMBDA_GRAPH: dict[str, Settings] = {
    f"lambda_g_{value}{suffix}": {"loss.lambda_graph": value, "domains": domains}
    for suffix, domains in _BOTH
    for value in (0.03, 0.1, 0.3, 1.0)
}
# The supplement's own training (3.2) on small images: 450 steps, and three times as many.
RECIPE: dict[str, Settings] = {
    f"recipe_{epochs}{suffix}": {
        "domains": domains,
        "data.batch_size": 64,
        **{"augment.rotation": 45.0, "augment.flip": 0.5},
        **{f"augment.{name}": 0.4 for name in ("brightness", "contrast", "saturation")},
        **{"optim.name": "sgd", "optim.lr": 0.01, "optim.schedule": "step"},
        **{"optim.weight_decay": 1e-4, "optim.warmup_steps": 0},
        **{"optim.epochs": float(epochs), "optim.max_steps": 0},
    }
    for suffix, domains in _BOTH
    for epochs in (12, 36)
}
# How many tuples share BatchNorm's statistics, of batches of 64: all, or parts (docs/results.md).
BN_GROUP: dict[str, Settings] = {
    f"bn_group_{group}": {"encoder.bn_group": group, "domains": "R"} for group in (0, 32, 16)
}
ROWS = CLAIMS | SWITCHES

FACE: Settings = {"domains": "R", "graph.enabled": False, "contrast.enabled": False}
SUSPECTS: dict[str, Settings] = {
    "drr": {},
    "r": {"domains": "R"},
    "face": FACE,
    # What they are held against: the encoder alone, and one that sees all three at test.
    "resnet18": {"model.name": "classifier", "domains": "R"},
    "late_fusion": {"model.name": "late_fusion"},
    # The graph's term drowns the face's own.
    **{f"lambda_g_0.0{end}": {"loss.lambda_graph": 0.0, "domains": on} for end, on in _BOTH},
    **{row: settings for row, settings in LAMBDA_GRAPH.items() if "_0.1" not in row},
    **{f"dropped_{share}": {"model.drop_domains": share} for share in (0.25, 0.5, 1.0)},
    # Memorised stimuli and captions absorb the loss.
    "permuted": {"data.permute_context": True},
    "stop_gradient": {"graph.stop_gradient": True},
    "context_rate_0.1": {"optim.context_rate": 0.1},
    # A dense relation merges the classes.
    **{f"top_{count}": {"graph.top_k": count} for count in (1, 2, 3)},
    "graph_identity": {"graph.prior": "identity"},
    "row_normalised": {"graph.normalise": "row"},
    "residual": {"graph.residual": True},
    # The contrast outweighs the classification.
    "contrast_off": {"contrast.enabled": False},
    "lambda_c_1.0": {"loss.lambda_contrast": 1.0},
    **{
        f"balanced_{limit}_lambda_c_{value}": {"loss.balance": limit, "loss.lambda_contrast": value}
        for limit in (0.3, 1.0)
        for value in (0.1, 1.0)
    },
    "contrast_warmup": {"contrast.warmup_steps": 60, "loss.lambda_contrast": 1.0},
    "instance": {"loss.lambda_instance": 0.1},
    "instance_only": {"loss.lambda_instance": 0.1, "loss.lambda_contrast": 0.0},
    # What S and T know reaches the face by losses that its own labels do not need.
    **{
        f"distill_{weight}{end}": {"loss.lambda_distill": weight, "domains": on}
        for end, on in _BOTH
        for weight in (0.3, 1.0)
    },
    # On the face alone the graph only makes steps longer; `face` has 0.005.
    **{f"face_lr_{rate}": {**FACE, "optim.lr": rate} for rate in (0.0075, 0.01, 0.02)},
}


# A fold in half a minute on one core, so that all rows and seeds are an hour's work.
SMALL: Settings = {
    "fold": "all",
    "selection": "validation",
    "encoder.stem": "patch",
    "encoder.width": 8,
    "text.layers": 1,
    **dict.fromkeys(("head.embedding", "head.projection", "graph.width"), 32),
    "optim.lr": 0.005,
    "optim.max_steps": 180,
    "optim.warmup_steps": 20,
    "log.eval_every_epochs": 1.0,
    "log.checkpoint_every_steps": 10**6,
    "log.samples": 3,
}


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: a row, then KEY=VALUE pairs, with commas."""
    row, _, rest = arg.partition(",")
    config = table(f"{row},demo", SUSPECTS | ROWS | LAMBDA_GRAPH | RECIPE | BN_GROUP)
    apply(config, {**SMALL, **(RECIPE | SUSPECTS).get(row, {})})
    return parse_arg(config, rest, {})
