"""Every row of the tables' launch files, at full size and at the demo's."""

import collections
import contextlib
import dataclasses
import importlib.util
from functools import partial

import jax
import numpy as np
import prepared_faces
import pytest
import raw_bp4d
import raw_bp4d_plus
import small_run

from drr_jax import config as configs
from drr_jax import config_rules, main
from drr_jax.config import flatten, letters
from drr_jax.errors import InputError
from drr_jax.models import catalog as systems
from drr_jax.models.losses import domain_pairs
from drr_jax.recipes import ONE_MODALITY
from drr_jax.runs import distributed
from drr_jax.training import abstract
from drr_jax.training import evaluation as evaluate
from drr_jax.training import loop as train
from drr_jax.training import shown as shown_tuples
from tfds_reactionet import build

LAUNCH = small_run.LAUNCH
DATA = {
    "table4": "reactionet/full",
    "table5": "bp4d/rgb_depth",
    "table6": "bp4d_plus/rgb_depth_thermal",
}
DOMAINS = {"table4": {"R", "S", "T"}, "table5": {"V", "D"}, "table6": {"V", "D", "Th"}}


def parse(table, arg):
    config = main.parse(["m", f"--config={LAUNCH}/{table}.py:{arg}", "--workdir=x"]).config
    config_rules.validate(config)
    return config


def rows(table, name="ROWS"):
    spec = importlib.util.spec_from_file_location(table, LAUNCH / f"{table}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(getattr(module, name))


ROWS = [(table, row) for table in DATA for row in rows(table)]


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_row_is_a_system_that_its_data_set_has_the_inputs_of(table, row):
    full, small = parse(table, row), parse(table, f"{row},demo,fold=2")
    for config in (full, small):
        assert config.model.name in systems.SYSTEMS
        assert set(letters(config.domains)) <= DOMAINS[table]
    assert full.data.name == DATA[table] and full.data.image_size == 256
    _, config = build.resolve(full.data.name)
    assert config == full.data.name.split("/")[1]
    rendered = "reactionet/demo" if table == "table4" else "reactionet/demo_multimodal"
    assert (small.data.name, small.fold) == (rendered, "2")
    # The demo changes sizes and training, not what the system is.
    sizes = {key for key in flatten(full) if key.split(".")[0] in ("data", "optim", "log", "text")}
    sizes |= {"fold", "encoder.stem", "encoder.width", "head.embedding", "head.projection"}
    changed = {k for k, v in flatten(full).items() if v != flatten(small)[k]} - sizes
    assert all(key.startswith("augment.") or key == "graph.width" for key in changed)
    if row not in ("jaa_net", "vit"):
        epochs = 12 if table == "table4" else 20
        protocol = (full.data.batch_size, full.optim.schedule, full.optim.epochs)
        assert protocol == (64, "step", epochs)


def test_table_4_has_every_system_of_the_paper_and_the_ones_it_is_compared_with():
    titles = [systems.system_title(parse("table4", r)) for r in rows("table4") if r != "gcn_full"]
    assert len(set(titles)) == len(titles)
    # The baseline of Figure 8 answers by its face's own head, as DRR does (supplement 3.5).
    assert flatten(parse("table4", "gcn_full")) == flatten(parse("table4", "drr_r"))
    assert {"ResNet-18 (R)", "ResNet-50 (R)", "ViT-B/16 (R)", "GCN (R)", "DRR (R, graph)"} < {
        *titles
    }
    assert {"Late fusion (RST)", "UDA (RST)", "Cross-domain GCN (RST)", "DRR (RST)"} < {*titles}
    assert {"DRR (R)", "DRR (RS)", "DRR (RT)"} < {*titles}
    assert flatten(parse("table4", "drr")) == flatten(configs.Config())  # launch/reactionet.py's


def test_the_vit_has_its_own_optimiser_at_the_supplements_batch():
    optim = parse("table4", "vit").optim
    assert (optim.name, optim.weight_decay, optim.decay_all) == ("adamw", 0.05, False)
    assert optim.lr == pytest.approx(5e-4 * 64 / 512)
    assert parse("table4", "vit,demo").encoder.backbone == "vit_b16"


@pytest.mark.parametrize("table", ["table5", "table6"])
def test_drr_of_modalities_contrasts_all_and_fuses(table):
    config = parse(table, "drr_mm")
    domains = letters(config.domains)
    assert len(domain_pairs(domains, config.contrast.pairs)) == len(domains) * (len(domains) - 1)
    assert config.predict == "fuse" and config.graph.enabled and config.graph.assumption == "both"


@pytest.mark.parametrize("table", ["table5", "table6"])
def test_a_row_has_to_be_named(table):
    for arg in ("", "mtf", "demo", "amf,mft"):
        with pytest.raises(InputError, match=f"'{arg}': expected one row of the table, .*amf.*mft"):
            parse(table, arg)
    with pytest.raises(InputError, match=r"'dem' is unknown: did you mean demo"):
        parse(table, "mft,dem")
    assert parse(table, "demo,seed=3,mft") == parse(table, "mft,demo,seed=3")


def test_every_comparator_is_tuned_by_as_many_settings():
    tried = [parse("tuning", f"{row},optim.epochs=6") for row in rows("tuning")]
    assert len({str(config) for config in tried}) == len(tried)
    counts = collections.Counter(config.model.name for config in tried)
    assert counts == dict.fromkeys(("temt_net", "amf", "ugn_b", "uda"), 8)
    assert {(config.selection, config.optim.epochs) for config in tried} == {("validation", 6.0)}
    assert len({config.optim.lr for config in tried}) == 4


@pytest.mark.parametrize("row", rows("ablation"))
def test_a_row_of_the_ablation_changes_one_switch(row):
    reference, config = flatten(parse("ablation", "drr")), flatten(parse("ablation", row))
    changed = [key for key, value in config.items() if value != reference[key]]
    assert len(changed) == (row != "drr")
    assert config["selection"] == "validation" and config["fold"] == "all"
    assert flatten(parse("ablation", f"{row},seed=3"))["seed"] == 3


def test_every_suspect_is_a_row_of_its_own_on_any_release():
    found = {}
    for row in rows("ablation", "SUSPECTS"):
        config = parse("ablation", f"{row},data.name=reactionet/keyframes,optim.patience=4")
        assert (config.data.name, config.optim.patience) == ("reactionet/keyframes", 4)
        config_rules.validate(config)
        found[row] = tuple(flatten(config).values())
    assert len(set(found.values())) == len(found) > 30
    rates = {row: parse("ablation", row).optim.lr for row in ("r", "face", "face_lr_0.02")}
    assert rates == {"r": 0.005, "face": 0.005, "face_lr_0.02": 0.02}


TINY = small_run.TINY | {"data.batch_size": 8, "optim.max_steps": 2, "log.samples": 4}
AUTO = (jax.sharding.AxisType.Auto,) * 2
GRAPHS = ("drr", "gcn", "cross_domain_gcn", "multimodal_gcn", "au_gcn")


@pytest.fixture(scope="module")
def prepared(shared, rendered):
    """Table -> a data set of its kind, built when it is first asked for."""
    raw = {
        "table5": lambda root: raw_bp4d.write_bp4d(root / "BP4D"),
        "table6": lambda root: raw_bp4d_plus.write_bp4d_plus(root / "BP4D+"),
    }

    def make(table, root):
        raw[table](root / "raw")
        prepared_faces.build(DATA[table], root / "raw", root / "data")

    def of(table):
        if table == "table4":
            return build.prepared_path("reactionet/demo", rendered)
        root = shared(table, partial(make, table))
        return build.prepared_path(DATA[table], root / "data")

    return of


OWN_BACKBONE = {  # the other rows have TINY's
    "resnet50": {"encoder.backbone": "resnet50", "encoder.depth": 0},
    "vit": {"encoder.backbone": "vit_b16"},
}
# Table 6's systems of one visible face, and what they train on, are Table 5's.
ALIKE = {("table5", row) for row, settings in ONE_MODALITY.items() if settings["domains"] == "V"}
ALIKE.add(("table4", "gcn_full"))  # drr_r by another name


DISTINCT = [each for each in ROWS if each not in ALIKE]
# Of the systems that tests/models/test_baselines.py does not train, the first row is trained here.
PLAIN = ("classifier", "gcn", "late_fusion", "cross_domain_gcn", "early_fusion")
FIRST = {parse(*each).model.name: each for each in reversed(DISTINCT)}
TRAINED = [each for name, each in FIRST.items() if name not in PLAIN]


def experiment(table, row, prepared):
    sizes = TINY | OWN_BACKBONE.get(row, {})
    config = parse(table, ",".join([row, *(f"{k}={v}" for k, v in sizes.items())]))
    if row == "multimodal_gcn":
        config.graph.conv = "cpgnn"  # whose compatibility of classes the report keeps
    run = small_run.experiment(config, 0, prepared(table))
    one = jax.make_mesh((1, 1), distributed.AXES, devices=jax.devices()[:1], axis_types=AUTO)
    return dataclasses.replace(run, mesh=one)  # compiles in half the time of all eight


@pytest.mark.parametrize(("table", "row"), [each for each in DISTINCT if each not in TRAINED])
def test_row_has_a_step_on_its_data(table, row, prepared):
    run = experiment(table, row, prepared)
    shapes = partial(jax.tree.map, lambda leaf: (leaf.shape, leaf.dtype))
    with contextlib.closing(run.train_batches(0)) as batches:
        assert shapes(next(batches)) == shapes(abstract.abstract_batch(run))
    state, terms = abstract.trace_step(run).out_info
    assert shapes(state.params) == shapes(run.abstract_state.params)
    assert "loss" in terms and len(terms) > 1


@pytest.mark.parametrize(("table", "row"), TRAINED)
def test_row_trains_and_is_evaluated(table, row, prepared):
    run = experiment(table, row, prepared)
    config = run.config
    state = run.init()
    before = jax.device_get(state.params)  # the step takes the state itself
    batches, step = run.train_batches(0), train.make_step(run)
    for _ in range(2):
        state, terms = step(state, next(batches))
        assert all(np.isfinite(value) for value in terms.values())
    batches.close()
    # No parameter is left out of the training.
    same = [
        "/".join(str(key.key) for key in path)
        for (path, old), new in zip(
            jax.tree_util.tree_leaves_with_path(before),
            jax.tree.leaves(state.params),
            strict=True,
        )
        if np.array_equal(old, new)
    ]
    assert not same
    result = evaluate.make_evaluation(run, "test")(state)
    records = run.fold.prepared.records(run.fold.test_parts)
    assert result.probability.shape == (records, 12)
    assert ((result.probability > 0) & (result.probability < 1)).all()
    shown = shown_tuples.collect_samples(run, state, result)
    assert shown["reaction"].shape[1:] == (32, 32, 3)
    assert "relation_heterophily" in shown or config.model.name not in GRAPHS
    assert ("compatibility_heterophily" in shown) == (config.graph.conv == "cpgnn")
