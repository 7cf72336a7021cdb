"""A workdir as a run leaves it, to be exported, and models that take the export's weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from drr_jax import config as configs
from drr_jax import files, metrics
from drr_jax.data import tokenizer
from drr_jax.models.encoders import build as encoders
from drr_jax.runs import record
from drr_jax.runs.checkpoint import Checkpoints
from drr_jax.training.experiment import State
from drr_jax.weights import load as weights

AUS = ("AU01", "AU02", "AU12")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "person"]
R, T = "model.encoders.R.weights", "model.encoders.T.weights"


def config_of(**changes):
    config = configs.Config()
    sizes = {"encoder.width": 4, "text.width": 8, "text.layers": 1, "text.heads": 2}
    for key, value in {**sizes, "text.vocabulary": 6, "domains": "RT", **changes}.items():
        configs.set_key(config, key, str(value))
    return config


def shapes(config):
    """What a model of R and T has, its heads left small."""
    image, tokens = jnp.zeros((1, 32, 32, 3)), jnp.ones((1, config.text.max_tokens), jnp.int32)
    key, face = jax.random.key(0), encoders.build_image_encoder(config)
    face = jax.eval_shape(partial(face.init, train=False), key, image)
    text = jax.eval_shape(encoders.build_text_encoder(config).init, key, tokens)
    head = {"kernel": jax.ShapeDtypeStruct((8, 3), jnp.float32)}
    params = {"encoder_R": face["params"], "encoder_T": text["params"], "head_R": head}
    return {"params": params, "batch_stats": {"encoder_R": face.get("batch_stats", {})}}


def variables_of(config, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: rng.standard_normal(leaf.shape).astype(leaf.dtype), shapes(config)
    )


def write_run(workdir, config, steps=(3, 7), best=3):
    """A workdir as training and evaluation leave it."""
    identity = {**configs.flatten(config), "fold": 0, "dataset": "reactionet/demo"}
    identity |= {"version": "1.0.0", "fingerprint": "0123456789abcdef" * 4, "classes": AUS}
    record.check_record(workdir, identity, False)
    optimiser = optax.adam(0.1)
    with Checkpoints(workdir) as checkpoints:
        for step in steps:
            variables = variables_of(config, step)
            state = State(jnp.asarray(step), **variables, opt_state=optimiser.init(variables))
            checkpoints.save(step, state)
            if step == best:
                checkpoints.save_best(step, state, 0.5)
    about = {"rendered": True, "test_parts": ["part1"], "commit": "abc1234", "class_prior": [[1]]}
    files.write_json(workdir / "run.json", about | {"weights": {"R": "random initialisation"}})
    counts = np.arange(12).reshape(3, 4) + 1
    for selection, step, name in (("last", steps[-1], ""), ("best", best, "-best")):
        results = {"selection": selection, "step": step, **metrics.summary(counts, AUS)}
        files.write_json(workdir / f"results{name}.json", results)
    tokenizer.save_tokenizer(tokenizer.tokenizer_of(WORDS), workdir / tokenizer.TOKENIZER_FILE)
    return workdir


def fill(config, domain):
    """Puts the weights a config names into a model of ones."""
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes(config))
    plans = weights.plan_all(config, (domain,), ones)
    weights.place(plans, ones)
    return ones, plans[domain]
