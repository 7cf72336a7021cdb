"""predictions.parquet from predictions.csv, a few rows at a time."""

import importlib.util
from pathlib import Path

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.predict import rows
from drr_jax.predict.model import Model

FORMATS = ("csv", "parquet")
PARQUET = "predictions.parquet"


def check_format(name: str) -> None:
    """Raises InputError for a format that is none, or that nothing here can write."""
    if name not in FORMATS:
        raise InputError(f"--format={name}: expected {' or '.join(FORMATS)}")
    if name == "csv":
        return
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "--format=parquet: pyarrow is not installed; pip install 'drr-jax[parquet]'"
        )


def write_parquet(folder: Path, model: Model) -> Path:
    """Writes the table of a folder as Parquet and removes the CSV; returns the new file."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    whole, text = {"frame", "face_id", "success"}, {"input", model.task}
    types = {
        name: pa.int32()
        if name in whole or name.endswith("_c")
        else pa.string()
        if name in text
        else pa.float64()
        for name in rows.columns(model)
    }
    source, target = folder / rows.TABLE, folder / PARQUET
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    names = csv.ParseOptions(newlines_in_values=True)  # of files
    with (
        csv.open_csv(source, parse_options=names, convert_options=options) as batches,
        files.whole(target) as file,
        parquet.ParquetWriter(file, batches.schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
    source.unlink()
    return target
