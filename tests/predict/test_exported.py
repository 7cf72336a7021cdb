"""What the export of a trained run carries: all that a prediction needs, and where it is from."""

import drr_jax
from drr_jax import facs, runs
from drr_jax.weights import load_folder


def test_an_export_carries_all_that_a_prediction_needs(trained, rendered, tmp_path):
    folder = drr_jax.export(trained, tmp_path / "model")
    described = load_folder(folder).described
    results = runs.read_file(trained, "results.json")
    record = runs.read_record(trained)
    assert described["classes"] == list(facs.REACTIONET_AUS_12)
    crop = described["crop"]
    assert (crop["kind"], crop["version"], crop["size"]) == ("face", 1, 48)
    assert crop["fit"] in ("letterbox", "centre") and len(crop["template"]) == 3
    assert crop["margin"] == 0.1
    assert described["config"]["data"]["image_size"] == 32
    for by in described["normalisation"].values():
        assert len(by["mean"]) == len(by["std"]) == 3
    assert "R" in described["normalisation"]
    # On a validation part, hence each class its own; which, is recorded.
    assert described["thresholds"] == results["validation_thresholds"]
    assert described["thresholds_from"] == "best F1 on the validation part"
    assert described["selection"] == "validation" and described["step"] == results["step"]
    for name in ("fingerprint", "dataset", "fold"):
        assert described[name] == record[name] == results.get(name, record[name])
    assert len(described["fingerprint"]) == 64 and described["test_parts"]
    single = results["people"].pop("subjects")  # of no person alone is anything handed on
    groups = results["people"]["groups"]
    for kind in groups:
        groups[kind] = {name: one for name, one in groups[kind].items() if one["subjects"] > 1}
    assert described["results"] == results and described["licence"] == "apache-2.0"
    written = (folder / "config.json").read_text() + (folder / "README.md").read_text()
    assert single and not any(person in written for person in single)
    assert described["tokenizer"] == "tokenizer.json" and (folder / "tokenizer.json").is_file()
    assert described["packages"]["drr-jax"] and described["inputs"] == ["reaction"]
    # Nothing of the machine that it was trained on.
    text = (folder / "config.json").read_text() + (folder / "README.md").read_text()
    assert str(rendered) not in text and str(trained) not in text
