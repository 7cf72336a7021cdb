"""What may not be asked of stimulus, caption and neighbouring frames; see config_rules."""

from collections.abc import Iterator, Mapping

from drr_jax.config import Config, flatten, letters
from drr_jax.facs import PREDICT_DOMAINS, SOUND

# Systems that relate or fuse domains, of which some may be left out of a tuple.
DROP_DOMAINS = ("drr", "cross_domain_gcn", "multimodal_gcn", "late_fusion")


def conflicts(config: Config) -> Iterator[str]:
    """What needs a face and something beside it, a graph, a contrast or a validation part."""
    model, graph, loss, optim = config.model, config.graph, config.loss, config.optim
    first, *others = letters(config.domains)
    beside = first in PREDICT_DOMAINS["reaction"] and others
    domains = f"domains={config.domains}"
    asked = {
        f"model.drop_domains={model.drop_domains}": model.drop_domains > 0,
        "graph.stop_gradient=true": graph.stop_gradient,
        f"loss.lambda_instance={loss.lambda_instance}": loss.lambda_instance > 0,
    }
    for key in (key for key, wanted in asked.items() if wanted and not beside):
        yield f"{key}: expected a face and another domain beside it; {domains}"
    if config.data.permute_context and not (first == "R" and others):
        yield f"data.permute_context=true: expected R and S, T or A beside it; {domains}"
    if optim.context_rate != 1 and not {"S", "T", SOUND} & {first, *others}:
        yield f"optim.context_rate={optim.context_rate}: expected S, T or A; {domains}"
    if model.drop_domains and model.name not in DROP_DOMAINS:
        yield (
            f"model.drop_domains={model.drop_domains}: model.name={model.name} relates no domains; "
            f"expected {', '.join(DROP_DOMAINS)}"
        )
    if model.drop_domains and model.name == "late_fusion" and config.fusion.level != "features":
        yield (
            f"model.drop_domains={model.drop_domains}: fusion.level={config.fusion.level} fuses "
            "nothing in training; expected fusion.level=features"
        )
    if graph.top_k and config.task != "au":
        yield f"graph.top_k={graph.top_k}: needs classes that occur together; task={config.task}"
    if graph.normalise == "row" and graph.conv == "cpgnn":
        yield "graph.normalise=row: graph.conv=cpgnn normalises nothing"
    if graph.residual and graph.conv != "gcn":
        yield (
            f"graph.residual=true: graph.conv={graph.conv} brings a way past its layers of its "
            "own; expected graph.conv=gcn"
        )
    if graph.residual and graph.width != config.head.embedding:
        yield (
            f"graph.residual=true: a layer adds to what comes in; expected graph.width="
            f"{graph.width} to be head.embedding={config.head.embedding}"
        )
    contrasts = config.contrast.enabled and model.name == "drr"
    for key in ("lambda_instance", "balance"):
        value = getattr(loss, key)
        if value and not contrasts:
            yield f"loss.{key}={value}: expected model.name=drr and contrast.enabled=true"
    if loss.balance and first not in PREDICT_DOMAINS["reaction"]:
        yield f"loss.balance={loss.balance}: expected a face; {domains}"
    if config.log.gradients_every and first not in PREDICT_DOMAINS["reaction"]:
        yield f"log.gradients_every={config.log.gradients_every}: expected a face; {domains}"
    if loss.lambda_distill and not (
        model.name == "drr" and graph.enabled and first in PREDICT_DOMAINS["reaction"]
    ):
        yield (
            f"loss.lambda_distill={loss.lambda_distill}: expected model.name=drr, "
            f"graph.enabled=true and a face to teach; {domains}"
        )
    if optim.patience and config.selection != "validation":
        yield (
            f"optim.patience={optim.patience}: expected selection=validation, since a test part "
            f"must not decide when training ends; selection={config.selection}"
        )


def delay_conflicts(config: Config) -> Iterator[str]:
    """What neighbouring frames cannot work with: each value beside those that it needs."""
    data, model, clips = config.data, config.model, config.data.clips
    has, flat = set(letters(config.domains)), flatten(config)
    if data.stimulus_lag and not has & {"S", "T"}:
        yield f"data.stimulus_lag={data.stimulus_lag}: expected S or T; domains={config.domains}"
    if clips and data.batch_size % clips:
        yield f"data.clips={clips}: expected a divisor of data.batch_size={data.batch_size}"
    needs: dict[str, Mapping[str, object]] = {
        f"data.clips={clips}": {"data.balance": 0, "data.records": 0} if clips else {},
        "model.delay_by=person": {"model.delay": "window"} if model.delay_by == "person" else {},
    }
    if model.delay == "window":
        if not {"R", "S"} <= has:
            yield f"model.delay=window: expected R and S; domains={config.domains}"
        parts = {"optim.accumulate": 1} if clips > 1 else {}
        other = {"data.permute_context": False, "data.stimulus_lag": 0, "encoder.bn_group": 0}
        needs["model.delay=window"] = {"model.name": "drr", "predict": "reaction"} | other | parts
    for key, wanted in needs.items():
        for other, value in wanted.items():
            if flat[other] != value:
                said = str(value).lower() if isinstance(value, bool) else value
                yield f"{other}={flat[other]}: {key} needs {other}={said}"
