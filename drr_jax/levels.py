"""ICC(3,1), MSE, MAE and PCC of AU intensities: sums on the device, float64 ratios on the host.

Source: docs/method.md 8.4. The sums run over all frames of the test part before any ratio is taken,
as FERA's do; unknown intensities (-1) and padded rows count nowhere. ICC(3,1) is Shrout and
Fleiss' (1979), two-way, of single ratings, for consistency: a coder and a model grade each frame,
k = 2, where (MSB - MSE) / (MSB + MSE) is 2 cov / (var + var). Where nothing varies, ICC and PCC are
0 and never NaN: who always says the same has found nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SUMS = ("count", "said", "true", "said^2", "true^2", "said true", "|error|", "error^2")
MEASURES = ("icc", "mse", "mae", "pcc")
TASK = "intensity"


def sums(
    said: Float[Array, "batch classes"],
    levels: Float[Array, "batch classes"],
    weight: Float[Array, "batch"],
) -> Float[Array, "classes sums"]:
    """The SUMS of every class over a batch; those of several batches add up, in float64.

    `levels` are 0 to 5, or -1 (unknown); `weight` is 0 for padding.
    """
    known = ((weight > 0)[:, None] & (levels >= 0)).astype(jnp.float32)
    error = said - levels
    columns = (
        *(jnp.ones_like(said), said, levels, said**2, levels**2, said * levels),
        *(jnp.abs(error), error**2),
    )
    return jnp.stack([(known * column).sum(0) for column in columns], axis=1)


def measures(total: Float[Any, "classes sums"]) -> dict[str, Float[np.ndarray, "classes"]]:
    """MEASURES of every class from its sums, 0 for one without a known intensity.

    Beside them mean, the mean level, and zero_mse and zero_mae, the errors of always saying 0.
    """
    count, x, y, xx, yy, xy, absolute, squared = np.moveaxis(np.asarray(total, np.float64), -1, 0)
    n = np.maximum(count, 1)
    # of whole sums, so that what never varies has a variance of exactly or nearly 0
    var_x, var_y, cov = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2, xy / n - x * y / n**2
    varies = 1e-5  # float32 sums say no more
    var_x, var_y = (np.where(var > varies, var, 0.0) for var in (var_x, var_y))
    cov = np.where((var_x > 0) & (var_y > 0), cov, 0.0)
    return {
        "icc": _ratio(2 * cov, var_x + var_y),
        "mse": squared / n,
        "mae": absolute / n,
        "pcc": _ratio(cov, np.sqrt(var_x * var_y)),
        "mean": y / n,
        "zero_mse": yy / n,
        "zero_mae": y / n,
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator > 0)


def summary(total: Float[Any, "classes sums"], names: Sequence[str]) -> dict[str, Any]:
    """The block of results.json: every AU's measures, count and sums, and the means over AUs.

    Raises ValueError if the number of names is not the number of classes.
    """
    table = np.asarray(total, np.float64)
    found = measures(table)
    block = {
        name: {
            **{key: float(values[n]) for key, values in found.items()},
            "count": int(table[n, 0]),
            "sums": table[n].tolist(),
        }
        for n, name in zip(range(len(table)), names, strict=True)
    }
    means = (*MEASURES, "zero_mse", "zero_mae")
    return {TASK: block, **{f"{key}_mean": float(found[key].mean()) for key in means}}


def fold_table(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One table over the folds: means over folds (plain keys), `*_std`, and `*_pooled`.

    Pooled are the measures of all folds' frames together, as many papers on DISFA have them.
    """
    names = list(results[0][TASK])
    pooled = summary(
        np.sum([[fold[TASK][name]["sums"] for name in names] for fold in results], axis=0), names
    )

    def over_folds(values: Sequence[float]) -> tuple[float, float]:
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return float(np.mean(values)), spread

    table: dict[str, Any] = {TASK: {}}
    for name in names:
        row = table[TASK][name] = dict(pooled[TASK][name])
        for key in MEASURES:
            row[f"{key}_pooled"] = row[key]
            row[key], row[f"{key}_std"] = over_folds([fold[TASK][name][key] for fold in results])
    for key in (key for key in pooled if key != TASK):
        table[f"{key}_pooled"] = pooled[key]
        table[key], table[f"{key}_std"] = over_folds([fold[key] for fold in results])
    return table
