"""Where a run's prepared data set is, and the building of it where it is not yet prepared."""

from pathlib import Path

from drr_jax.config import Config
from drr_jax.errors import InputError


def find_data(config: Config, version: str = "", processes: int = 1) -> Path:
    """The prepared data set; built now if its raw release, or the demo, is asked for.

    A run goes on with the `version` that it began with, if that is still prepared: a later one may
    have the same people in other parts. Several `processes` at once build nothing.

    Raises InputError, naming the folders, if there is neither: never a stand-in unasked.
    """
    from tfds_reactionet import build

    data = config.data
    if version and (kept := build.find_prepared(data.name, data.data_dir, version)):
        return kept
    found = build.find_prepared(data.name, data.data_dir)
    if found:
        return found
    manual_dir = Path(data.manual_dir or build.default_manual_dir(data.name, data.data_dir))
    where = f"{build.other_versions(data.name, data.data_dir)} in {Path(data.data_dir).absolute()}"
    if not build.is_rendered(data.name) and not manual_dir.is_dir():
        raise InputError(
            f"no prepared data set {data.name}{where} and no raw release in "
            f"{manual_dir.absolute()}: put the release there or name it with "
            "--config.data.manual_dir=DIR; without it, the rendered demo runs with "
            "--config=reactionet:demo"
        )
    if processes > 1:
        raise InputError(
            f"no prepared data set {data.name}{where}: prepare it once before starting many hosts: "
            f"python -m tfds_reactionet.build {data.name}"
        )
    return build.prepare(data.name, data.data_dir, data.manual_dir or None)
