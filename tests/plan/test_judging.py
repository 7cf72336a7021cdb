"""Roofline, shares, the search for a batch, variants and feeding, of facts made up by hand."""

import pytest
import small_run

from drr_jax import config_rules, main
from drr_jax.config import Config, set_key
from drr_jax.errors import InputError
from drr_jax.plan import (
    chips,
    compiling,
    feeding,
    page,
    planning,
    roofline,
    search,
    topologies,
    variants,
)

H100 = chips.chips()["h100"]
FACTS = {
    "device": "NVIDIA H100 80GB HBM3",
    "devices": 16,
    "hosts": 2,
    "precision": "bfloat16",
    "augment_on": "device",
    "batch": 1024,
    "images": 2,
    "traced_flops_global": {"heads": 8e12, "encoder R (reaction)": 24e12},
    "seconds": {"trace": 9.0, "compile": 95.0},
    "memory": {
        "arguments": 1e9,
        "temporaries": 1e9,
        "outputs": 0,
        "code": 0,
        "peak": 1.9e9,
        "total": 2e9,
    },
    "xla": {},
    "program": {
        "parts": {
            "heads": {"flops": 0.5e12, "bytes": 3.35e9, "seconds": 0.001},
            "encoder R (reaction)": {"flops": 1.478e12, "bytes": 6.7e9, "seconds": 0.003},
        },
        "flops": 1.978e12,
        "bytes": 10.05e9,
        "collectives": [
            {
                "kind": "all-reduce",
                "bytes": 80e6,
                "size": 16,
                "hosts": 2,
                "times": 1,
                "op_name": "",
            }
        ],
    },
}


def config_of(**changes):
    config = Config()
    for key, value in changes.items():
        set_key(config, key.replace("__", "."), str(value))
    config_rules.validate(config)
    return config


def test_the_longest_bound_holds():
    found = roofline.roofline(H100, FACTS)
    assert found["seconds"]["arithmetic"] == pytest.approx(0.002)
    assert found["seconds"]["memory"] == pytest.approx(0.003)
    # between the hosts, of an eighth each: 2 * 1/2 * 80 MB / 8 at 50 GB/s
    inside = 2 * 7 / 8 * 80e6 / 450e9
    assert found["seconds"]["network"] == pytest.approx(max(inside, 80e6 / 8 / 50e9))
    assert (found["holds"], found["step"]) == ("memory", found["seconds"]["memory"])
    assert found["one_by_one"] == pytest.approx(0.004)
    counted = {**FACTS, "xla": {"flops": 9.89e12, "bytes": 3.35e9}}  # which counts, where it is
    assert roofline.roofline(H100, counted)["holds"] == "arithmetic"
    assert "XLA" in roofline.counted(counted, "flops")["counted"]
    assert "text" in roofline.counted(FACTS, "flops")["counted"]
    # XLA counts what stays in a TPU's fast memory, too: no bound below all operations in a row.
    more = {**FACTS, "xla": {"flops": 1.978e12, "bytes": 160e9}}
    assert roofline.roofline(H100, more) == found
    gathers = {**more, "program": {**FACTS["program"], "priced": 150e9}}
    assert roofline.roofline(H100, gathers)["seconds"]["memory"] == 160e9 / H100.bandwidth
    assert roofline.roofline(chips.chips()["cpu"], FACTS) == {}


def test_shares_add_up_and_the_largest_comes_first():
    rows = roofline.shares(FACTS)
    assert [row["part"] for row in rows] == ["encoder R (reaction)", "heads"]
    assert [row["seconds"] for row in rows] == pytest.approx([0.75, 0.25])
    assert [row["traced_flops"] for row in rows] == [0.75, 0.25]
    assert sum(row["bytes"] for row in rows) == pytest.approx(1)


def test_what_xla_counts_for_gathers_is_their_parts():
    parts = {
        "augmentation": {"bytes": 1e9, "seconds": 0.0, "slices": 3e6},
        "encoder T (caption)": {"bytes": 4e9, "seconds": 0.0, "slices": 1e6},
        "heads": {"bytes": 1e9, "seconds": 0.0, "slices": 0},
    }
    assert compiling.price_gathers(parts, 5e9, 6e9, H100) == 0  # it may as well be of all
    assert compiling.price_gathers(parts, 40e9, 6e9, H100) == 40e9
    assert [part["bytes"] for part in parts.values()] == [31e9, 14e9, 1e9]
    assert parts["augmentation"]["seconds"] == 30e9 / H100.bandwidth


def test_a_host_needs_the_cores_that_its_chips_ask_for(monkeypatch):
    found = feeding.feeding(FACTS, 0.01)
    assert found["wanted"] == 1024 * 2 / 0.01 / 2 and found["how"] == "documented"
    assert found["cores"] == found["wanted"] / 830
    measured = feeding.feeding({**FACTS, "here": {"images": 5000.0, "cores": 4}}, 0.01)
    assert measured["per_core"] == 1250 and measured["how"] == "measured"
    assert "wanted" not in feeding.feeding(FACTS, None)


def test_the_pipeline_is_measured_where_data_are(rendered, monkeypatch):
    monkeypatch.setattr(feeding, "SECONDS", 0.1)
    command = ["main", f"--config={small_run.config(rendered)}", "--workdir=x"]
    found = feeding.measure(small_run.experiment(main.parse(command).config))
    assert found["images"] > 10 and found["cores"] >= 1


def needs(per_tuple, fixed=1e9, gives_up_above=None):
    """A compiler that counts what it was asked: memory grows with a device's tuples."""
    asked = []

    def ask(config, topology=None, detailed=True):
        size = config.data.batch_size
        asked.append(size)
        if gives_up_above and size > gives_up_above:
            return {**FACTS, "too_large": "RESOURCE_EXHAUSTED", "batch": size}
        return {
            **FACTS,
            "batch": size,
            "memory": {**FACTS["memory"], "total": fixed + per_tuple * size},
        }

    return ask, asked


@pytest.mark.parametrize("gives_up_above", [None, 8000])
def test_the_search_ends_at_the_largest_batch_that_fits(gives_up_above):
    config = config_of(data__batch_size=1024, contrast__group_size=64)
    ask, asked = needs(10e6, gives_up_above=gives_up_above)
    found = search.largest_batch(config, H100, ask(config), ask)
    assert found["fits"] == 7872  # 79 GB of 10 MB each, in groups of 64
    assert found["too_large"] is None or found["too_large"] == 7936
    assert len(asked) <= search.MOST and len(found["tried"]) == len(asked)
    ask, asked = needs(10e9)
    assert search.largest_batch(config, H100, ask(config), ask)["fits"] is None
    assert min(asked) == 64


def test_variants_change_one_key_or_say_that_there_is_nothing_to_change():
    config = config_of(data__batch_size=1024)
    assert variants.changed("precision", config, FACTS)[0] == "precision=float32"
    said, other = variants.changed("fsdp", config, FACTS)
    assert said == "fsdp=8" and (other.fsdp, config.fsdp) == (8, 1)
    assert variants.changed("augment", config, FACTS)[0] == "data.augment_on=host"
    assert variants.changed("fsdp", config_of(fsdp=8, data__batch_size=1024), FACTS) is None
    assert variants.chosen("all") == variants.NAMES and variants.chosen("") == ()
    with pytest.raises(InputError, match="did you mean remat"):
        variants.chosen("fsdp,remaat")


def test_a_plan_is_told_in_lines_and_on_a_page():
    topology, config = topologies.parse("h100:2x8"), config_of(data__batch_size=1024)
    ask, _ = needs(50e6)
    plan = planning.make(config, topology, ("fsdp", "precision"), searches=True, ask=ask)
    said = page.text(plan)
    assert "DRR (RST) on h100:2x8: 16 x NVIDIA H100 80GB HBM3 on 2 hosts" in said
    assert "52.2 GB of 80 GB" in said and "at least 3 ms, held by memory" in said
    assert "1 all-reduce of 16 devices on 2 hosts, 80 MB" in said
    assert "largest batch" in said and "1,536 fits" in said and "fsdp=8" in said
    assert said.count("[compiled]") > 3 and page.NOT_MEASURED in said
    html = page.page(plan)
    assert "encoder R (reaction)" in html and "NVIDIA H100 datasheet" in html
    assert html.count("<h2>") == 4 and "http" not in html.replace("docs.cloud", "")
    ask, _ = needs(50e6, gives_up_above=1)
    plan = planning.make(config, topology, ask=ask)
    assert plan["fits"] is False and "no, it does not fit" in page.text(plan)
    assert page.page(plan)
    ask, _ = needs(50e6)
    plan = planning.make(config, topologies.parse("cpu:2x4"), ask=ask)  # of no known peak
    html = page.page(plan)
    assert "no datasheet has peaks" in html and "<img" not in html and "at least; " not in html
