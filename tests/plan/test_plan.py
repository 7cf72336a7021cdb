"""Plans of a tiny DRR by the real command: virtual devices, and TPUs and GPUs that are not here."""

import json
import os
import sys

import pytest
import small_run

from drr_jax import main, stops
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.plan import asking, devices, topologies

ALONE = {"data.name": "reactionet/full", "domains": "R", "optim.max_steps": 0}


def plan(folder, topology, *flags, **changes):
    config = small_run.config("/nowhere", variant="", **ALONE | changes)
    arguments = [f"--config={config}", f"--topology={topology}", f"--workdir={folder}", *flags]
    assert main.run(main.parse(["main", "plan", *arguments])) == 0
    return json.loads((folder / "plan.json").read_text())


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    return plan(tmp_path_factory.mktemp("plan"), "cpu:2x4")


def test_a_plan_needs_neither_data_nor_devices(virtual):
    facts = virtual["facts"]
    assert (facts["devices"], facts["hosts"], facts["classes"]) == (8, 2, 12)
    assert (facts["precision"], facts["augment_on"]) == ("float32", "host")
    assert virtual["topology"] == "cpu:2x4" and virtual["system"] == "DRR (R)"
    assert virtual["feeding"]["how"] == "documented" and virtual["roofline"] == {}


def test_the_compiled_program_multiplies_what_was_traced(virtual):
    facts = virtual["facts"]
    traced = sum(facts["traced_flops_global"].values())
    assert facts["program"]["flops"] == pytest.approx(traced / 8, rel=0.02)
    known = {"encoder R (reaction)", "heads", "graph", "contrast"}
    assert known == set(facts["traced_flops_global"])
    assert known | {"optimiser"} <= set(facts["program"]["parts"])
    assert sum(row["bytes"] for row in virtual["shares"]) == pytest.approx(1)


def test_memory_holds_the_state_and_gradients_are_exchanged(virtual):
    facts = virtual["facts"]
    state = 2 * 4 * facts["parameters"]  # SGD's momentum beside
    batch = 2 * (32 * 32 * 3 + 12 + 4 + 4)  # two tuples a device
    assert facts["memory"]["arguments"] == pytest.approx(state + batch, rel=0.01)
    memory = facts["memory"]
    assert memory["arguments"] < memory["peak"] <= memory["total"]
    sums = [row for row in virtual["collectives"] if row["kind"] == "all-reduce"]
    assert max(row["bytes"] for row in sums) == pytest.approx(4 * facts["parameters"], rel=0.05)
    assert sums[0]["devices"] == 8 and sums[0]["hosts"] == 2


def test_what_the_process_finds_wrong_is_one_line(tmp_path):
    with pytest.raises(InputError, match="config key fsdp=3: expected a divisor of the number"):
        plan(tmp_path / "new", "cpu:1x8", fsdp=3)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--topology is missing"),
        (["--topology=h200:8"], "as in h200:2x8"),
        (["--topology=cpu:1x8", "--variants=remat,fdsp"], "did you mean fsdp"),
        (["--mode=train", "--topology=h100:1x8"], "--topology is for --mode=plan"),
        (["--mode=all", "--search"], "--search is for --mode=plan"),
        (["--topology=cpu:1x1", "--search"], "no chip's memory is known to fill"),
    ],
)
def test_wrong_flags_are_one_line(arguments, said, tmp_path):
    mode = [] if any(one.startswith("--mode") for one in arguments) else ["--mode=plan"]
    config = f"--config={small_run.config('/nowhere', variant='', **ALONE)}"
    with pytest.raises(InputError) as error:
        main.run(main.parse(["main", config, f"--workdir={tmp_path}", *mode, *arguments]))
    assert said in str(error.value)


DYING = """#!/bin/sh
{answers}
echo 'F0101 stream.cc:1] Check failed: no such thing' >&2
kill -ABRT $$
"""


def test_a_compiler_may_end_its_process(tmp_path, monkeypatch):
    script = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(script))
    topology = topologies.parse("v5p:2x2x4")
    known = json.dumps({"memory": {"peak": 1}})
    script.write_text(DYING.format(answers=f"echo '{known}' > $4"))
    script.chmod(0o755)
    found = asking.ask(Config(), topology)
    assert found["memory"] == {"peak": 1} and found["program"] == {"missing": asking.UNREADABLE}
    assert "program" not in asking.ask(Config(), topology, detailed=False)
    script.write_text(DYING.format(answers=""))
    with pytest.raises(InputError, match=r"ended \(SIGABRT\): F0101 stream.cc:1\] Check failed"):
        asking.ask(Config(), topology)


def test_a_signal_ends_the_process_that_compiles(tmp_path, monkeypatch):
    script, started = tmp_path / "python", tmp_path / "started"
    script.write_text(
        f"#!/bin/sh\necho $$ > {started}.part && mv {started}.part {started}\nread x\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    monkeypatch.setattr(stops, "asked", started.exists)
    with pytest.raises(stops.Stopped):
        asking.ask(Config(), topologies.parse("cpu:1x1"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


@pytest.mark.parametrize("text", ["v5e:2x2", "h100:1x2"])
def test_compilers_of_accelerators_that_are_not_here(tmp_path, text):
    topology = topologies.parse(text)
    try:
        devices.check_installed(topology)
    except InputError as error:
        pytest.skip(str(error))
    found = plan(tmp_path, text)
    facts, count = found["facts"], topology.devices
    where = {"v5e:2x2": "host", "h100:1x2": "device"}[text]  # a TPU's warp gathers pixels
    assert facts["precision"] == "bfloat16" and facts["augment_on"] == where
    assert facts["conv"] == "lax" and facts["devices"] == count
    traced = sum(facts["traced_flops_global"].values()) / count
    assert facts["program"]["flops"] == pytest.approx(traced, rel=0.2)
    parts = facts["program"]["parts"]
    assert {"encoder R (reaction)", "heads", "graph", "contrast"} <= parts.keys()
    assert ("augmentation" in parts) == (where == "device")
    assert found["roofline"]["holds"] in ("arithmetic", "memory", "network")
    assert found["fits"] and 0 < found["roofline"]["step"] < 1e-3
    assert sum(row["bytes"] for row in found["collectives"]) > 2 * facts["parameters"]
