"""Commands that are not `drr`'s, for who types them behind it."""

COMMANDS = {
    "weights": "python -m drr_jax.weights --help",
    "export": "python -m drr_jax.weights export --workdir=RUN --out=DIR",
    "push": "python -m drr_jax.weights push FOLDER hf:ORG/NAME",
    "show": "python -m drr_jax.weights show PATH",
    "stablehlo": "python -m drr_jax.weights stablehlo FOLDER",
    "page": "python -m drr_jax.page --model=RUN",
    "costs": "python -m drr_jax.costs --help",
    "relations": "python -m drr_jax.relations --workdir=RUN --out=DIR",
    "build": "python -m tfds_reactionet.build NAME",
    "annotation": "python -m tfds_reactionet.annotation --help",
    "openface": "python -m tfds_reactionet.openface --help",
    "statistics": "python -m tfds_reactionet.statistics NAME --out=DIR",
    "demo": "drr --config=reactionet:demo --workdir=runs/demo",
    "tables": "drr report --runs='runs/*'",
    "test": "drr evaluate --workdir=RUN",
    "resume": "drr --workdir=RUN",
    "help": "drr --help",
}


def instead(name: str) -> str:
    """The command that `drr NAME` stands for, as a message has it; "" if there is none."""
    return f"the command is {COMMANDS[name]}" if name in COMMANDS else ""
