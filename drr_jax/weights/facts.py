"""What the files beside an image encoder's weights say of it: every key is honoured or refused.

Tensors that fit by their shapes may still be of another model: of other heads, another activation,
images normalised otherwise. The keys are those of the configurations of transformers
(`ResNetConfig`, `ViTConfig`, image processors) and of timm's `pretrained_cfg`; docs/weights.md
lists them.
"""

import contextlib
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drr_jax import files
from drr_jax.config import Config, letters
from drr_jax.config_model import ImageEncoder
from drr_jax.errors import InputError
from drr_jax.facs import SOUND
from drr_jax.models import encoders
from drr_jax.runs import CONFIG_FILE
from drr_jax.weights.fact_keys import (
    HUGGING_FACE_DEFAULTS,
    HUGGING_FACE_FREE,
    PREPROCESSOR_FREE,
    PROCESSORS,
    TIMM_ARCHITECTURES,
    TIMM_ARGUMENTS,
    TIMM_ARGUMENTS_FREE,
    TIMM_FREE,
    TIMM_PRETRAINED_FREE,
)
from drr_jax.weights.load import format_of, own_encoder
from drr_jax.weights.sources import (
    NONE,
    kept_config,
    key_of,
    locate,
    open_weights,
    read_export,
    source_of,
)
from drr_jax.weights.tensor_file import shown

PREPROCESSOR = "preprocessor_config.json"
HUGGING_FACE_EPSILON = 1e-12  # ViTConfig's own; timm's ViTs have 1e-6
_RESCALE = 1 / 255
_KINDS = ("image_processor_type", "feature_extractor_type")
Facts = dict[str, Any]  # those of ImageEncoder's mean, std and epsilon that are known


def with_facts(config: Config, workdir: Path | None = None) -> Config:
    """`config` with the mean, deviation and epsilon that its image encoders' weights ask for.

    A run that goes on in `workdir` has those that it began with, wherever the weights are now.
    Raises InputError for a fact that our encoders cannot honour, and where a key of the config
    says otherwise than the weights.
    """
    known, kept = config.model.encoders, kept_config(workdir)
    found = {}
    for field in dataclasses.fields(known):
        mine, source = getattr(known, field.name), source_of(config, field.name)
        if source == NONE or not isinstance(mine, ImageEncoder):
            continue
        if kept is None:
            facts = read(config, field.name)
        else:
            theirs = kept.get("model", {}).get("encoders", {}).get(field.name, {})
            facts = {name: theirs[name] for name in _FIELDS if theirs.get(name)}
        for name, value in facts.items():
            if (said := getattr(mine, name)) not in (_FIELDS[name], value):
                key = f"model.encoders.{field.name}.{name}"
                raise InputError(
                    f"config key {key}={said}: the weights {source} were made with {value}; leave "
                    "the key out"
                )
        found[field.name] = dataclasses.replace(mine, **facts)
    model = dataclasses.replace(config.model, encoders=dataclasses.replace(known, **found))
    return dataclasses.replace(config, model=model)


_FIELDS = {"mean": "", "std": "", "epsilon": 0.0}  # with what stands for "not said"


def normalisations(config: Config) -> dict[str, dict[str, list[float]]]:
    """Mean and deviation of every image domain that the config trains on, for run.json."""
    domains = [domain for domain in letters(config.domains) if domain not in ("T", SOUND)]
    pairs = {d: encoders.normalisation(getattr(config.model.encoders, d)) for d in domains}
    return {d: {"mean": list(mean), "std": list(std)} for d, (mean, std) in pairs.items()}


def assumptions(config: Config) -> list[str]:
    """What is taken for granted where nothing beside an encoder's weights says it."""
    known = dataclasses.asdict(config.model.encoders)
    return [
        f"nothing beside {encoder['weights']} says what its images are normalised by: ImageNet's "
        f"mean and deviation are taken; model.encoders.{domain}.mean and .std set others"
        for domain, encoder in known.items()
        if domain != "T" and encoder["weights"] != NONE and not encoder["mean"]
    ]


def read(config: Config, domain: str) -> Facts:
    """What is said beside the weights of a domain's image encoder; {} where nothing is.

    Raises InputError for a fact that our encoders cannot honour.
    """
    source, key = source_of(config, domain), key_of(domain)
    path = locate(source, key)
    folder = path if path.is_dir() else path.parent
    tensors = open_weights(path)
    own = own_encoder(tensors, domain, f"config key {key}={source}")
    file = folder / CONFIG_FILE
    with named(file):
        if own:
            return _of_export(config, read_export(folder), own.removeprefix("encoder_"), file)
        found, _ = format_of(tensors, config, domain)
        theirs = found.name == "Hugging Face ViT"
        facts: Facts = {"epsilon": HUGGING_FACE_EPSILON} if theirs else {}
        described = _read(file)
        if described is None:
            return facts | _of_processor(folder / PREPROCESSOR, _read(folder / PREPROCESSOR))
        if "architecture" in described:
            facts = _of_timm(config, described, file)
            other = _of_processor(folder / PREPROCESSOR, _read(folder / PREPROCESSOR))
            if facts and other and facts != other:
                theirs = f"{file.name} has {facts}; remove the wrong one"
                raise _refuse(folder / PREPROCESSOR, "its normalisation", other, theirs)
            return facts or other
        facts |= _of_hugging_face(config, described, file)
        return facts | _of_hugging_face_images(config, domain, folder)


@contextlib.contextmanager
def named(file: Path) -> Iterator[None]:
    """Turns what comes of values of other types than a configuration has into an InputError."""
    try:
        yield
    except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{file}: not a model's configuration ({error!r})") from None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        return files.read_json(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{file}: not a model's configuration ({error})") from None


def _refuse(file: Path, key: str, value: Any, expected: str) -> InputError:
    return InputError(f"{file}: {key} is {shown(repr(value))}, {expected}")


def _check(
    file: Path, said: Mapping[str, Any], expected: Mapping[str, Any], free: frozenset[str]
) -> None:
    """Raises InputError for a key that is not as expected, or that nobody knows."""
    for key, value in said.items():
        if key in expected:
            if value != expected[key]:
                raise _refuse(file, key, value, f"our encoder has {expected[key]!r}")
        elif key not in free and value is not None:
            raise _refuse(file, key, value, "a key that no encoder here can honour")


def _shape(config: Config) -> dict[str, Any]:
    """The encoder that the config makes, in the words of Hugging Face's configurations."""
    encoder = config.encoder
    if encoder.backbone in encoders.VITS:
        heads = encoders.VITS[encoder.backbone].keywords["heads"]
        width = heads * encoder.width
        return {
            "model_type": "vit",
            "hidden_size": width,
            "num_hidden_layers": encoder.depth or encoders.DEPTH,
            "num_attention_heads": heads,
            "intermediate_size": 4 * width,
            "hidden_act": "gelu",
            "patch_size": encoders.PATCH,
            "num_channels": 3,
            "qkv_bias": True,
        }
    network = encoders.RESNETS[encoder.backbone](width=encoder.width)
    block = network.block.keywords
    stages = [encoder.width * 2**stage for stage in range(len(network.stage_sizes))]
    return {
        "model_type": "resnet",
        "num_channels": 3,
        "embedding_size": encoder.width,
        "hidden_sizes": [block.get("expansion", 1) * width for width in stages],
        "depths": list(network.stage_sizes),
        "layer_type": "basic" if len(block["sizes"]) == 2 else "bottleneck",
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
        "downsample_in_bottleneck": False,
    }


def _of_hugging_face(config: Config, said: Mapping[str, Any], file: Path) -> Facts:
    expected = _shape(config)
    if said.get("model_type") != expected["model_type"]:
        wanted = f"encoder.backbone={config.encoder.backbone} expects {expected['model_type']!r}"
        raise _refuse(file, "model_type", said.get("model_type"), wanted)
    for key, default in HUGGING_FACE_DEFAULTS[expected["model_type"]].items():
        if key not in said and default != expected[key]:
            raise InputError(
                f"{file}: no {key}, which means {default!r}; our encoder has {expected[key]!r}"
            )
    said, facts = dict(said), {}
    if (patch := said.get("patch_size")) in ([encoders.PATCH] * 2, (encoders.PATCH,) * 2):
        said["patch_size"] = patch[0]
    epsilon = said.pop("layer_norm_eps", None)
    if epsilon is not None and expected["model_type"] == "vit":
        if not (isinstance(epsilon, float) and 0 < epsilon < 1):
            raise _refuse(file, "layer_norm_eps", epsilon, "expected a small number")
        facts["epsilon"] = epsilon
    _check(file, said, expected, HUGGING_FACE_FREE)
    return facts


def _of_hugging_face_images(config: Config, domain: str, folder: Path) -> Facts:
    file, mine = folder / PREPROCESSOR, getattr(config.model.encoders, domain)
    said = _read(file)
    if said is None:
        if mine.mean and mine.std:
            return {}
        raise InputError(
            f"{file}: no such file, and {CONFIG_FILE} beside it does not say what images are "
            f"normalised by; put it there, or set model.encoders.{domain}.mean and .std"
        )
    return _of_processor(file, said)


def _of_processor(file: Path, said: Mapping[str, Any] | None) -> Facts:
    """Normalisation of grey levels of 0 to 1 by what an image processor does to those of 0 to 255.

    It multiplies them by a factor, subtracts a mean and divides by a deviation, or leaves some out.
    """
    if said is None:
        return {}
    keys = ("do_normalize", "do_rescale", "rescale_factor", "image_mean", "image_std")
    _check(
        file,
        {key: value for key, value in said.items() if key not in (*keys, *_KINDS)},
        {"do_flip_channel_order": False, "do_pad": False},
        PREPROCESSOR_FREE,
    )
    for key in _KINDS:
        kind = re.sub(
            "(ImageProcessor|FeatureExtractor)(Fast|Pil)?$", "", str(said.get(key) or "ViT")
        )
        if kind not in PROCESSORS:
            raise _refuse(file, key, said[key], "whose defaults are not known; set a ViT's")
    for key in ("do_normalize", "do_rescale"):
        if type(said.get(key, True)) is not bool:
            raise _refuse(file, key, said[key], "expected true or false")
    normalises, rescales = said.get("do_normalize", True), said.get("do_rescale", True)
    factor = said.get("rescale_factor") if rescales else 1
    factor = _RESCALE if factor is None else factor
    if type(factor) not in (int, float) or not 0 < factor < math.inf:
        raise _refuse(file, "rescale_factor", factor, "expected a number above 0")
    mean = said.get("image_mean") if normalises else 0.0
    std = said.get("image_std") if normalises else 1.0
    return _normalisation(file, ("image_mean", mean), ("image_std", std), 255 * factor)


def _normalisation(
    file: Path, mean: tuple[str, Any], std: tuple[str, Any], scale: float = 1.0
) -> Facts:
    """Facts of a named mean and deviation, of grey levels of 0 to `scale`."""
    facts: Facts = {}
    for field, (key, value) in (("mean", mean), ("std", std)):
        numbers = [value] * 3 if isinstance(value, float | int) else value
        if not (
            isinstance(numbers, list)
            and len(numbers) == 3
            and all(type(n) in (int, float) and math.isfinite(n / scale) for n in numbers)
            and (field == "mean" or min(numbers) / scale > 0)
        ):
            raise _refuse(file, key, value, "expected three numbers")
        facts[field] = "+".join(f"{number / scale:.9g}" for number in numbers)
    return facts


def _of_timm(config: Config, said: Mapping[str, Any], file: Path) -> Facts:
    backbone, shape = config.encoder.backbone, _shape(config)
    vit = shape["model_type"] == "vit"
    # "resnet18.a1_in1k": what comes behind the point is the training
    name, known = str(said["architecture"]).partition(".")[0], TIMM_ARCHITECTURES[backbone]
    if name not in known:
        wanted = f"encoder.backbone={backbone} expects {' or '.join(known)}"
        raise _refuse(file, "architecture", said["architecture"], wanted)
    features = shape["hidden_size"] if vit else shape["hidden_sizes"][-1]
    top = {"num_features": features, "global_pool": "token" if vit else "avg"}
    images = said.get("pretrained_cfg", said)  # older versions have one level
    arguments = {**TIMM_ARGUMENTS, "global_pool": top["global_pool"]}
    if vit:
        heads, layers = shape["num_attention_heads"], shape["num_hidden_layers"]
        arguments |= {"embed_dim": features, "depth": layers, "num_heads": heads}
    else:
        arguments["layers"] = shape["depths"]
    about = {"architecture", "pretrained_cfg", "model_args"}
    if images is said:
        about |= {*images} - {*top}
    _check(file, {k: v for k, v in said.items() if k not in about}, top, TIMM_FREE)
    _check(file, said.get("model_args") or {}, arguments, TIMM_ARGUMENTS_FREE)
    own = {"mean", "std", "input_size", "model_args", *(top if images is said else ())}
    rest = {key: value for key, value in images.items() if key not in own}
    _check(file, rest, {}, TIMM_PRETRAINED_FREE)
    if (size := images.get("input_size")) is not None and (len(size) != 3 or size[0] != 3):
        raise _refuse(file, "input_size", size, "expected three channels")
    mean, std = (images.get(key) for key in ("mean", "std"))
    if mean is None and std is None:  # as PretrainedCfg has it
        return {}
    return _normalisation(file, ("mean", mean), ("std", std))


def _of_export(config: Config, said: Mapping[str, Any] | None, domain: str, file: Path) -> Facts:
    """Facts of a run that was exported: its domain's, and that its encoder was as the config's.

    Its config names a mean if one was asked for; what its images had is under `normalisation`.
    """
    if said is None:
        raise InputError(f"{file}: missing or damaged; expected that of an exported folder")
    run = said.get("config", {})
    theirs, mine = run.get("encoder", {}), dataclasses.asdict(config.encoder)
    same = ("backbone", "width", *(() if "vit" in mine["backbone"] else ("stem",)))
    _check(file, {key: theirs.get(key) for key in same}, mine, frozenset())
    encoder = run.get("model", {}).get("encoders", {}).get(domain, {})
    facts = {name: encoder[name] for name in _FIELDS if encoder.get(name)}
    used = said.get("normalisation", {}).get(domain)  # older exports have none
    if "mean" in facts or used is None:
        return facts
    where = f"normalisation of {domain}"
    return facts | _normalisation(
        file, (f"{where}, mean", used.get("mean")), (f"{where}, std", used.get("std"))
    )
