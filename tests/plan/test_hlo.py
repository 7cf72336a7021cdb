"""FLOPs, bytes and collectives against programs whose counts are known, on text that XLA wrote."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from drr_jax.plan import collectives, hlo, operations, parts, tracing
from drr_jax.runs import distributed

BYTES = 4  # of a float32


@pytest.fixture(scope="module")
def mesh():
    return distributed.make_mesh(2)  # 4 x 2


def compiled(function, mesh, *arguments):
    """The program's text, and its traced form; an argument is (shape, sharded axes)."""
    given = [
        jax.ShapeDtypeStruct(shape, jnp.float32, sharding=NamedSharding(mesh, PartitionSpec(*axes)))
        for shape, axes in arguments
    ]
    traced = jax.jit(function).trace(*given)
    return hlo.parse(traced.lower().compile().as_text()), traced.jaxpr


def counted(program, count) -> float:
    return sum(times * count(program, here, one) for here, one, times in program.executed())


def test_a_gradient_is_summed_once_over_all_devices(mesh):
    def gradient(weight, x):
        return jax.grad(lambda w: jnp.square(x @ w).sum())(weight)

    program, traced = compiled(gradient, mesh, ((64, 32), ()), ((16, 64), (("data", "fsdp"),)))
    found = collectives.collectives(program, hosts=[0] * 4 + [1] * 4)
    assert [(one.kind, one.bytes, one.size, one.hosts) for one in found] == [
        ("all-reduce", 64 * 32 * BYTES, 8, 2)
    ]
    # x @ w, and its product with x on the way back
    assert sum(tracing.traced_flops(traced).values()) == 2 * (2 * 16 * 64 * 32)
    assert counted(program, operations.flops) == 2 * (2 * 2 * 64 * 32)  # two rows a device
    assert sum(one.seconds(link=1e9, network=1e6) for one in found) == pytest.approx(
        2 * 0.5 * 64 * 32 * BYTES / 4 / 1e6  # between two hosts, a quarter a device
    )


def test_parameters_of_an_axis_are_gathered(mesh):
    program, _ = compiled(
        lambda weight, x: x @ weight, mesh, ((64, 32), (None, "fsdp")), ((16, 64), ("data",))
    )
    kept = collectives.collectives(program, [0] * 8)
    assert kept == []  # the result stays split

    def gathered(weight):
        whole = NamedSharding(mesh, PartitionSpec())
        return jax.lax.with_sharding_constraint(weight, whole) * 2

    program, _ = compiled(gathered, mesh, ((64, 32), ("fsdp", None)))
    (one,) = collectives.collectives(program, [0, 1] * 4)
    assert (one.kind, one.bytes, one.size, one.hosts) == ("all-gather", 64 * 32 * BYTES, 2, 2)
    assert one.sent() == 64 * 32 * BYTES / 2


def test_a_loop_counts_as_often_as_it_runs(mesh):
    def powers(x):
        return jax.lax.scan(lambda carry, _: (carry @ x, None), x, length=7)[0]

    program, traced = compiled(powers, mesh, ((32, 32), ()))
    assert sum(tracing.traced_flops(traced).values()) == 7 * 2 * 32**3
    assert counted(program, operations.flops) == 7 * 2 * 32**3


def test_convolutions_and_their_gradients_count_alike(mesh):
    dimensions = ("NHWC", "HWIO", "NHWC")

    def convolve(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=dimensions)

    def both(x, kernel):
        return jax.grad(lambda *a: jnp.square(convolve(*a)).sum(), argnums=(0, 1))(x, kernel)

    shapes = ((2, 16, 16, 8), ()), ((3, 3, 8, 4), ())
    once = 2 * (2 * 8 * 8 * 4) * 3 * 3 * 8
    program, traced = compiled(convolve, mesh, *shapes)
    assert sum(tracing.traced_flops(traced).values()) == once
    assert counted(program, operations.flops) == once
    program, traced = compiled(both, mesh, *shapes)
    assert sum(tracing.traced_flops(traced).values()) == 3 * once
    # The gradient of the input is of a window with its zeros.
    assert counted(program, operations.flops) == pytest.approx(3 * once, rel=0.3)


def test_bytes_are_those_of_operands_and_results(mesh):
    program, _ = compiled(lambda x: jnp.exp(x) + 1, mesh, ((256, 128), ()))
    assert counted(program, operations.moved) == 2 * 256 * 128 * BYTES
    program, _ = compiled(
        lambda x: jax.lax.dynamic_slice(x, (3, 0), (2, 128)), mesh, ((256, 128), ())
    )
    assert counted(program, operations.moved) < 4 * 2 * 128 * BYTES  # not the 256 rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("replica_groups={{0,1},{2,3}}, x=1", [[0, 1], [2, 3]]),
        ("replica_groups=[2,2]<=[4]", [[0, 1], [2, 3]]),
        ("replica_groups=[2,2]<=[2,2]T(1,0), x", [[0, 2], [1, 3]]),
        ("replica_groups=mesh['axis_0'=2,'axis_1'=2] {'axis_0'}, x", [[0, 2], [1, 3]]),
        ("replica_groups=mesh['a'=2,'b'=2,'c'=1] {'a','b'}", [[0, 1, 2, 3]]),
        ("replica_groups=mesh['a'=2,'b'=2], device_ids=([2,2]T(1,0)) {'a'}, x", [[0, 1], [2, 3]]),
        ("replica_groups=mesh['a'=2,'b'=2], device_ids=(0,2,1,3) {'b'}, x", [[0, 2], [1, 3]]),
        ("replica_groups={}", [[0, 1, 2, 3]]),
        ("channel_id=1", [[0, 1, 2, 3]]),
    ],
)
def test_groups_of_devices_in_every_notation(text, expected):
    assert collectives.groups(text, 4) == expected


# As the compilers of jaxlib 0.10.2 for CUDA and TPU wrote it.
OTHERS = Path(__file__).parents[1] / "fixtures" / "other_compilers.hlo"


def test_programs_of_other_compilers_are_read():
    program = hlo.parse(OTHERS.read_text())
    here = program.computations[program.entry]
    names = parts.Parts(program)
    product = here["custom-call.6"]
    assert operations.flops(program, here, product) == 2 * 64 * 512 * 512
    both = (64 * 512 + 512 * 512 + 64 * 512) * 2
    assert operations.moved(program, here, product) == both  # without its scratch space
    assert operations.moved(program, here, here["copy-start"]) == 64 * 512 * 2
    assert operations.moved(program, here, here["add.6"]) == 0  # which never leaves the chip
    (one,) = collectives.collectives(program, [0] * 8 + [1] * 8)
    assert (one.kind, one.bytes, one.size, one.hosts) == ("all-reduce", 64 * 512 * 2, 16, 2)
    said = {name: names.of(here, here[name]) for name in here}
    assert said["custom-call.6"] == said["wrapped_convert"] == "encoder R (reaction)"
    assert said["all-reduce-start"] == "encoder R (reaction)"  # of what it sums
    assert said["add.6"] == parts.OPTIMISER
    with pytest.raises(ValueError, match="ENTRY"):
        hlo.parse("HloModule nothing")


@pytest.mark.parametrize(
    ("scopes", "part"),
    [
        ("jit(step)/augmentation/vmap()/gather", parts.AUGMENTATION),
        (
            "jit(step)/transpose(jvp(DRR))/DRR.class_wise/DRR.features/encoder_Th/x",
            "encoder Th (thermal)",
        ),
        ("jit(step)/jvp(DRR)/DRR.class_wise/head_R/dot_general", parts.HEADS),
        ("jit(step)/jvp(DRR)/graph_module/gcn_homophily/w1/dot_general", parts.GRAPH),
        ("jit(step)/transpose(jvp(contrast))/gif,gjf->gij/dot_general", parts.CONTRAST),
        ("jit(step)/jvp(DRR)/projection/out/dot_general", parts.CONTRAST),
        ("jit(step)/jvp(JAANet)/JAANet.regions/refine/conv", "module refine"),
        ("jit(step)/jvp()/reduce_sum", parts.LOSS),
        ("jit(step)/sqrt", parts.OPTIMISER),
        ("broadcast.462", ""),
    ],
)
def test_scopes_tell_the_part(scopes, part):
    assert parts.part_of(scopes) == part


def test_the_shape_of_a_type():
    (first, second) = hlo.shapes_in("(bf16[2,<=3]{1,0:T(8,128)(2,1)S(1)}, u32[]{:S(2)})")
    assert (first.dims, first.bytes, first.on_chip) == ((2, 3), 12, True)
    assert (second.dims, second.bytes) == ((), 4)
    stored = "u8[64,256,256,3]{3,2,1,0:T(8,128)(4,1)} f32[8]{0:T(128)} f32[3,9]{0,1:T(8,128)}"
    sizes = [shape.stored for shape in hlo.shapes_in(stored)]
    assert sizes == [64 * 256 * 256 * 128, 128 * BYTES, 16 * 128 * BYTES]  # the tiles filled up
    assert [shape.bytes for shape in hlo.shapes_in("pred[9] s4[3] f8e4m3fn[5] c64[2]")] == [
        9,
        2,
        5,
        16,
    ]
