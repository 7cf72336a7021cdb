"""FLOPs against a count by hand, times of steps in turns, costs.json and the tables it reaches."""

import pytest
import small_run
from finished_runs import config_of, read, write_run

from drr_jax.errors import InputError
from drr_jax.runs import devices
from drr_jax.tables import costs
from drr_jax.tables import write as tables

LAUNCH = small_run.LAUNCH / "reactionet.py"
# A ViT's products are counted by hand below.
ALONE = {"domains": "R", "graph.enabled": False, "contrast.enabled": False}


@pytest.fixture(scope="module")
def data_dir(rendered):
    return rendered


def launch(data_dir, **changes):
    return small_run.config(data_dir, **ALONE | changes)


@pytest.fixture(scope="module")
def programs(data_dir):
    (subject,) = costs.subjects(launch(data_dir))
    return costs.compiled(subject)


def test_flops_are_those_of_the_products_counted_by_hand(programs):
    """Two FLOPs a multiply-add of every product of a one-layer ViT and its head, and some more."""
    pieces, tokens, width, classes, k = 4, 5, 24, 12, 8
    encoder = pieces * 768 * width + tokens * width * (3 * width + width + 4 * width + 4 * width)
    attention = 2 * tokens * tokens * width
    head = pieces * (width * k + k * classes + classes * k) + classes * k * (k + 1)
    products = 2 * (encoder + attention + head)
    # Normalisation, GELU and softmax add to the products; nothing is counted twice.
    assert products < programs.prediction_flops < 1.35 * products
    # Forward, and back to inputs and kernels, of 16 tuples; the first layer's inputs need none.
    assert 2.2 < programs.step_flops / (16 * programs.prediction_flops) < 4.5
    assert programs.batch_size == 16


def test_programs_can_run_again_and_again(programs):
    for _ in range(2):
        programs.step()
        programs.predict()


def test_calls_take_turns_and_the_first_round_does_not_count(monkeypatch):
    now, order = 0.0, []

    def call(name, seconds):
        def run():
            nonlocal now
            order.append(name)
            now += next(seconds)

        return run

    monkeypatch.setattr(costs.time, "perf_counter", lambda: now)
    ours = call("ours", iter([99.0, 2.0, 6.0, 3.0]))
    reference = call("reference", iter([1.0, 1.0, 4.0, 2.0]))
    taken = costs.in_turns([ours, reference], rounds=3)
    assert order == ["ours", "reference"] * 4
    assert taken == [[2.0, 6.0, 3.0], [1.0, 4.0, 2.0]]
    assert costs.ratio(*taken) == 1.5  # the median of 2, 1.5 and 1.5


def test_costs_of_a_finished_run_reach_its_folder_and_the_tables(
    data_dir, tmp_path, monkeypatch, capsys
):
    changes = {key.replace(".", "__"): value for key, value in (small_run.TINY | ALONE).items()}
    folder = write_run(tmp_path / "runs" / "a", [50] * 12, data__data_dir=data_dir, **changes)
    monkeypatch.setattr(devices, "start_devices", lambda data_dir: None)  # conftest did
    arguments = [f"--config={folder}", f"--reference={launch(data_dir)}", "--rounds=2"]
    assert costs.measure_costs(arguments) == 0
    found = read(folder / "costs.json")
    assert found["reference"] == "DRR (R) on ViT-S/16" and found["rounds"] == 2
    assert min(found["step_ratio"], found["prediction_ratio"], found["step_seconds"]) > 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "reference: DRR (R) on ViT-S/16" and out[2].startswith("DRR (R) on ViT-S/16 ")
    tables.write_tables([str(folder)], "", tmp_path)
    text = (tmp_path / "tables.md").read_text()
    for column in ("GFLOP/step", "GFLOP/tuple", "Step time", "Prediction time"):
        assert f"| {column} |" in text
    assert "Times are those of DRR (R) on ViT-S/16, measured in turns with it." in text


def test_the_config_of_a_run_is_read_back_whole(tmp_path):
    changes = {
        "graph__enabled": False,
        "optim__lr": 3e-5,
        "domains": "RT",
        "loss__au_weights": "off",
    }
    write_run(tmp_path / "a", [50] * 12, fold=2, seed=7, **changes)
    (subject,) = costs.subjects(str(tmp_path / "*"))
    expected = config_of(fold=2, seed=7, data__name="reactionet/demo", **changes)
    assert subject.config == expected and subject.runs == (tmp_path / "a",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reference=launch/nothing.py:drr"], "no such file"),
        (["--reference=FOLDER/empty.py"], "has no get_config"),
        (["--reference=FOLDER/*"], "no folder matches"),
        ([f"--reference={LAUNCH}:dmeo"], "did you mean demo"),
        ([f"--reference={LAUNCH}", "--rounds=0"], "--rounds=0"),
    ],
)
def test_wrong_input_is_one_line(arguments, said, tmp_path):
    (tmp_path / "empty.py").write_text("")
    arguments = [argument.replace("FOLDER", str(tmp_path)) for argument in arguments]
    with pytest.raises(InputError) as error:
        costs.measure_costs(["--config=x", *arguments])
    assert said in str(error.value) and "\n" not in str(error.value)
