"""Types that the signatures of several systems share."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float

from drr_jax.models.system import Terms

Batch = Mapping[str, Array]
Outputs = Mapping[str, Any]
ByClass = Float[Array, "batch classes"]
Nodes = Float[Array, "batch classes features"]
Edges = Float[Array, "batch classes classes"]
Loss = tuple[Float[Array, ""], Terms]
