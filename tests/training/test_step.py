"""The compiled step on eight devices: what crosses between them, what it needs, what comes out."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import small_run
import small_system
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from drr_jax import config_rules, main, models
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.models.encoders.batch_norm import BatchNorm
from drr_jax.models.encoders.resnet import ResNet
from drr_jax.runs import distributed, record
from drr_jax.training import abstract, experiment, step

DRR = {"domains": "RT", "text.encoder": "bert", "text.width": 96, "encoder.width": 16}
DRR |= {"graph.assumption": "heterophily", "contrast.group_size": 16, "conv": "lax"}
ROWS, SAME = PartitionSpec(distributed.AXES), PartitionSpec()
AUTO = (AxisType.Auto,) * 2


def mesh_of(devices=8, fsdp=1):
    there = jax.devices()[:devices]
    return jax.make_mesh((devices // fsdp, fsdp), distributed.AXES, AUTO, devices=there)


def built(rendered, devices=8, fsdp=1, **changes):
    config = small_run.config(rendered, **DRR | changes)
    made = small_run.experiment(main.parse(["main", f"--config={config}", "--workdir=x"]).config)
    return dataclasses.replace(made, mesh=mesh_of(devices, fsdp))


@functools.cache
def compiled(rendered, **changes):
    """A step, what it is of, and what it takes beside the state: a batch and constants."""
    made = built(rendered, **changes)
    jitted, arguments = step.jit_step(made)
    batches = made.train_batches(0)
    batch = next(batches)
    batches.close()
    return jitted.lower(made.abstract_state, batch, arguments).compile(), made, batch, arguments


def collectives(program):
    """Names and shapes of what crosses between devices: [("all-reduce", "f32[64]"), ...]."""
    pattern = r"= (.*?) (all-\w+|reduce-scatter|collective-permute)(?:-start)?\("
    return [(name, shape) for shape, name in re.findall(pattern, program.as_text())]


def peak(program):
    memory = program.memory_analysis()
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes


@functools.cache
def start(rendered):
    """The state that all meshes begin with, compiled once."""
    return jax.device_get(built(rendered, devices=1).init())


def steps_of(rendered, program, made, batch, arguments):
    """The terms of two steps on one batch, and the state after them."""
    state, terms = jax.device_put(start(rendered), made.shardings), []
    for _ in range(2):
        state, found = program(state, batch, arguments)
        terms.append({name: float(value) for name, value in found.items()})
    return terms, state


@pytest.mark.parametrize(
    "how", [{"fsdp": 8}, {"fsdp": 4, "encoder.remat": "true"}], ids=["fsdp8", "data2_fsdp4_remat"]
)
def test_split_parameters_train_as_one_device_does(rendered, how):
    """DRR with a ViT and a BERT; remat gives the same numbers, too."""
    expected, _ = steps_of(rendered, *compiled(rendered, devices=1))
    program, *rest = compiled(rendered, **how)
    found, state = steps_of(rendered, program, *rest)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    assert {"loss/R", "loss/T", "loss/graph", "loss/contrast"} < set(found[0])

    def large(tree):
        return [leaf for leaf in jax.tree.leaves(tree) if leaf.size >= distributed.FSDP_MIN_SIZE]

    split = large(state.params) + large(state.opt_state)
    assert {leaf.nbytes // leaf.addressable_shards[0].data.nbytes for leaf in split} == {
        how["fsdp"]
    }
    names = [name for name, _ in collectives(program)]
    assert not {"all-to-all", "collective-permute"} & set(names)
    assert names.count("reduce-scatter") == len(large(state.params)) >= 10


CLASSIFIER = {"model.name": "classifier", "domains": "R", "precision": "bfloat16"}


def test_split_parameters_need_less_memory(rendered):
    whole, split = (peak(compiled(rendered, fsdp=n, **CLASSIFIER)[0]) for n in (1, 8))
    assert split < 0.6 * whole


@pytest.mark.parametrize("fsdp", [1, 8])
def test_gradients_are_summed_in_float32_under_bfloat16(rendered, fsdp):
    """XLA:CPU cannot sum bfloat16 over devices, and calls what it puts in its place promoted."""
    program = compiled(rendered, fsdp=fsdp, **CLASSIFIER)[0]
    assert "bf16[" in program.as_text() and "promoted" not in program.as_text()
    sums = [
        shape for name, shape in collectives(program) if name in ("all-reduce", "reduce-scatter")
    ]
    assert sums and not any("bf16" in shape for shape in sums)


def test_a_batch_in_parts_is_the_mean_over_them(rendered):
    """Part k has the rows k, k + 2, ... on any number of devices; contrast is within a part."""
    changes = {"domains": "R", "graph.dropout": 0, "contrast.group_size": 8}
    program, made, batch, arguments = compiled(rendered, **changes, **{"optim.accumulate": 2})
    weights, prior, _ = arguments
    state = made.init()

    @jax.jit
    def reference(params, batch):
        def loss(params, part):
            inputs = {name: value[part::2] for name, value in batch.items()}
            outputs = made.model.apply({"params": params}, inputs, train=True)
            targets = models.Targets(inputs["labels"], weights, prior)
            return made.model.loss(outputs, inputs, targets)

        def both(params):
            (first, terms), (second, others) = loss(params, 0), loss(params, 1)
            return (first + second) / 2, jax.tree.map(lambda a, b: (a + b) / 2, terms, others)

        (total, terms), gradient = jax.value_and_grad(both, has_aux=True)(params)
        return {"loss": total, **terms, "grad_norm": optax.tree.norm(gradient)}

    alone = jax.device_get((state.params, batch))
    expected = {name: float(value) for name, value in reference(*alone).items()}
    state, terms = program(state, batch, arguments)
    found = {name: float(value) for name, value in terms.items() if name != "lr"}
    assert found == pytest.approx(expected, rel=1e-4)
    assert int(state.step) == 1


def test_what_is_shown_of_gradients_is_the_same_on_any_number_of_devices(rendered):
    changes = {"domains": "R", "encoder.width": 4, "model.name": "classifier"}
    made, rng = built(rendered, devices=1, **changes), np.random.default_rng(0)
    state = jax.tree.map(  # not compiled, which takes longer than all else
        lambda leaf: (rng.normal(size=leaf.shape) / 4).astype(leaf.dtype), made.abstract_state
    )
    batches = made.train_batches(0)
    batch = jax.device_get(next(batches))
    batches.close()
    rows = []
    for devices in (1, 8):
        made = built(rendered, devices=devices, fsdp=devices, **changes)
        jitted, arguments = step.jit_gradients(made)
        rows.append({name: float(x) for name, x in jitted(state, batch, arguments).items()})
    one, eight = rows
    assert eight == pytest.approx(one, rel=2e-4, abs=1e-5)
    names = {name.removeprefix("gradient/norm/") for name in one if "/norm/" in name}
    assert names == {"R", "total"} and min(one.values()) > -1
    assert one["gradient/cosine/R"] == pytest.approx(1)


def test_every_variant_of_the_loss_is_in_one_step(rendered):
    """And on a default the step has no more terms than it had."""
    context = {"domains": "RST", "text.encoder": "small", "text.width": 16}
    changes = {"loss.balance": 1, "loss.lambda_instance": 0.1, "contrast.warmup_steps": 5}
    changes |= {"model.drop_domains": 0.5, "data.permute_context": True, "graph.top_k": 2}
    changes |= {"graph.stop_gradient": True, "graph.normalise": "row", "optim.context_rate": 0.1}
    changes |= {"graph.residual": True, "optim.accumulate": 2, "data.batch_size": 32}
    names = []
    for more in ({}, changes):
        made = built(rendered, devices=8, fsdp=4, **context, **more)
        jitted, arguments = step.jit_step(made)
        batch = abstract.abstract_batch(made)
        state, terms = jax.eval_shape(jitted, made.abstract_state, batch, arguments)
        assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, made.abstract_state)
        names.append(set(terms))
    losses = {f"loss/{name}" for name in ("R", "S", "T", "graph", "contrast")}
    assert names[0] == losses | {"loss", "lr", "grad_norm"}
    assert names[1] == names[0] | {"loss/instance", "balance", "lr_context"}


def test_a_face_gets_the_stimulus_and_the_caption_of_one_other_tuple():
    values = {"stimulus": jnp.arange(6), "tokens": 10 * jnp.arange(6)}
    orders = set()
    for seed in range(20):
        found = step._of_another(values, jax.random.key(seed))
        assert not (found["stimulus"] == values["stimulus"]).any()
        np.testing.assert_array_equal(found["tokens"], 10 * found["stimulus"])
        assert sorted(found["stimulus"].tolist()) == list(range(6))
        orders.add(int(found["stimulus"][0]))
    assert orders == {1, 2, 3, 4, 5}


def test_parts_that_do_not_come_out_even_are_refused(rendered):
    config = Config()
    config.optim.accumulate = 3
    with pytest.raises(
        InputError, match=r"optim.accumulate=3: expected a divisor of data.batch_size=64"
    ):
        config_rules.validate(config)
    config.optim.accumulate, config.encoder.bn_group = 4, 12
    with pytest.raises(InputError, match=r"4 parts of 16: expected at most encoder.bn_group=12"):
        config_rules.validate(config)
    config.data.batch_size = 16
    with pytest.raises(
        InputError, match=r"accumulate=4: expected a divisor of 2, the tuples of .*16"
    ):
        experiment._check_parts(config, mesh_of())


@pytest.mark.parametrize(
    "name, domains, changes",
    [
        ("ugn_b", "R", {}),
        ("amf", "VD", {}),
        ("late_fusion", "RA", {"model.drop_domains": 0.5}),
    ],
)
def test_draws_are_the_same_on_any_number_of_devices(name, domains, changes):
    """What a system draws for its rows, and outputs whose rows are no first axis, or none."""
    made = small_system.config(name, domains, **changes)
    model = models.build(made, 12, small_system.PRIOR, names=small_system.facs.REACTIONET_AUS_12)
    batch = jax.tree.map(lambda x: jnp.concatenate([x, x, x, x]), small_system.tuples())
    variables = jax.jit(model.init)(jax.random.key(0), batch)
    params, mesh = variables["params"], mesh_of(8, 2)
    forward = step._forward(model)
    places = jax.tree.map(lambda _: NamedSharding(mesh, SAME), params)
    arguments = (params, {}, batch, jax.random.key(1))
    expected, _ = jax.jit(forward)(*arguments)
    found, _ = jax.jit(step._by_hand(forward, mesh, places))(*arguments)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), found, expected
    )


@pytest.mark.parametrize(("group", "messages"), [(0, 2), (2, 0), (8, 2), (4, 2)], ids=str)
def test_batch_norm_on_eight_devices(group, messages):
    """The statistics of the batch, of groups in a device, over some, and across their borders."""
    rng = np.random.default_rng(group)
    shape = (24 if group == 4 else 16, 2, 2, 3)
    x = jnp.asarray(100 + rng.standard_normal(shape), jnp.float32)
    weight, norm, mesh = (
        jnp.asarray(rng.standard_normal(shape), jnp.float32),
        BatchNorm(group),
        mesh_of(),
    )
    variables = {
        "params": {"scale": jnp.arange(1.0, 4), "bias": jnp.ones(3)},
        "batch_stats": {"mean": jnp.zeros(3), "var": jnp.ones(3)},
    }

    def apply(params, x):
        found = norm.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return found[0], found[1]["batch_stats"]

    def own(params, x):
        y, running = apply(params, x)
        return y, jax.lax.pmean(running, distributed.AXES)

    def gradients(function):
        def loss(params, x):
            y, running = function(params, x)
            return (y * weight).sum(), (y, running)

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))

    spread = jax.shard_map(
        own, mesh=mesh, in_specs=(SAME, ROWS), out_specs=(ROWS, SAME), check_vma=False
    )
    program = gradients(spread).lower(variables["params"], x).compile()
    found = program(variables["params"], x)
    expected = gradients(apply)(variables["params"], x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4), found, expected
    )
    gathered = [name for name, _ in collectives(program) if name == "all-gather"]
    assert len(gathered) == messages


def test_a_block_that_runs_again_keeps_less_and_gives_the_same():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((4, 32, 32, 3)), jnp.float32)
    plain, again = (
        ResNet(stage_sizes=(2,), width=4, stem="patch", remat=remat) for remat in (False, True)
    )
    variables = jax.jit(lambda: plain.init(jax.random.key(0), x, train=True))()

    def forward(model, params):
        found = model.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return jnp.square(found[0]).sum(), found[1]

    def kept(model):
        """Bytes that the forward pass leaves for the gradient."""
        pullback = jax.eval_shape(
            lambda p: jax.vjp(lambda p: forward(model, p)[0], p)[1], variables["params"]
        )
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(pullback))

    assert kept(again) < 0.7 * kept(plain)  # the stem is no block
    some, others = (
        jax.jit(jax.value_and_grad(functools.partial(forward, model), has_aux=True))(
            variables["params"]
        )
        for model in (plain, again)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), some, others)
    assert record.difference({"encoder.remat": False}, {"encoder.remat": True}) == ""


def test_every_device_cuts_its_regions_out_of_its_own_images():
    needs = config_rules.SYSTEM_NEEDS["au_gcn"]
    made = small_system.config("au_gcn", "R", **needs)
    model = models.build(made, 12, small_system.PRIOR, names=small_system.facs.REACTIONET_AUS_12)
    batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((16, *x.shape[1:]), x.dtype), small_system.faces()
    )
    variables = jax.eval_shape(model.init, jax.random.key(0), batch)
    rows, same = (NamedSharding(mesh_of(), spec) for spec in (ROWS, SAME))
    predict = functools.partial(model.apply, method="predict")
    program = jax.jit(predict, in_shardings=(same, rows), out_shardings=rows)
    assert collectives(program.lower(variables, batch).compile()) == []
