"""Exports and draws the relation that a run's graph was given and what training made of it.

    python -m drr_jax.relations --workdir=runs/demo --out=runs/demo/relations

Writes relation.csv (classes on rows and columns: the prior, and for each branch what it was given
and what it has after training, averaged over the domains), relation-nodes.csv (the same over the
nodes of all domains), relation.json (both) and relation.png. With graph.conv=cpgnn also the
compatibility of classes that it learns, before and after training: compatibility.csv and .png, and
in the JSON. A row says which classes (columns) a neighbour of its class speaks for; rows and
columns sum to 1. A run over all folds shows its first; give --workdir=DIR/fold1 for another.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from drr_jax import files
from drr_jax.arguments import Parser
from drr_jax.cells import table_csv
from drr_jax.errors import InputError
from drr_jax.models.drr import extended_adjacency, starting_compatibility
from drr_jax.report import relation_figures as figures
from drr_jax.report.samples import Run, read_finished

BRANCHES = ("homophily", "heterophily", "none")


@dataclasses.dataclass(frozen=True)
class Branch:
    """One graph branch's adjacency before and after training, over the nodes of all domains."""

    name: str  # homophily, heterophily or none
    learned: bool
    given: Float[np.ndarray, "nodes nodes"]  # the prior, lifted to all domains (method 5.3)
    used: Float[np.ndarray, "nodes nodes"]  # equals `given` unless learned
    # cpgnn's, before and after training; rows and columns sum to 1
    compatibility: tuple[np.ndarray, np.ndarray] | None = None

    def by_class(
        self, classes: int
    ) -> tuple[Float[np.ndarray, "classes classes"], Float[np.ndarray, "classes classes"]]:
        """`given` and `used`, averaged over the blocks of the domains."""
        blocks = len(self.used) // classes, classes, len(self.used) // classes, classes
        return self.given.reshape(blocks).mean((0, 2)), self.used.reshape(blocks).mean((0, 2))


def read_branches(run: Run) -> list[Branch]:
    """The graph branches of an evaluated run, from the relations that evaluation stored.

    Raises InputError if the run has none: no graph, or an evaluation by an older version.
    """
    samples = run.samples
    graph, prior = run.config.get("graph", {}), run.record.get("class_prior")
    names = [name for name in BRANCHES if f"relation_{name}" in samples]
    if not names or prior is None or not graph:
        raise InputError(
            f"{run.workdir}: no relation was stored with this run; it needs graph.enabled=true and "
            "an evaluation: python -m drr_jax.main --config=... --workdir=... --mode=evaluate"
        )
    prior = np.asarray(prior, np.float64)
    found = []
    for branch in names:
        used = np.asarray(samples[f"relation_{branch}"], np.float64)
        domains = len(used) // len(prior)
        given = extended_adjacency(prior, domains, branch, graph["het_form"], graph["semantics"])
        learned = graph["prior"] == "learned" and branch != "none"
        after = samples.get(f"compatibility_{branch}")
        if after is not None:
            before = starting_compatibility(jnp.asarray(given, jnp.float32), len(prior))
            # Both are zero-centred, as CPGNN computes with them.
            after = np.asarray(before) + 1 / len(prior), np.asarray(after) + 1 / len(prior)
        found.append(Branch(branch, learned, given, used, after))
    return found


def export(workdir: str | Path, out: str | Path) -> list[Branch]:
    """Writes the tables and the picture of the module's text to `out`; returns what they show.

    Raises InputError if `workdir` holds no evaluated run with a graph. Nothing is written then.
    """
    run, out = read_finished(Path(workdir)), Path(out)
    found = read_branches(run)
    classes, prior = run.names, np.asarray(run.record["class_prior"], np.float64)
    domains = str(run.config["domains"])
    nodes = figures.node_names(classes, len(found[0].used), domains)
    by_class, by_node = {"prior": prior}, {}
    for branch in found:
        state = "learned" if branch.learned else "fixed"
        states = [f"{branch.name} given", f"{branch.name} {state}"]
        by_class |= zip(states, branch.by_class(len(classes)), strict=True)
        by_node |= zip(states, (branch.given, branch.used), strict=True)
    relations = [(b.name, b.learned, *b.by_class(len(classes))) for b in found]
    pictures = {"relation.png": figures.branch_figure(relations, prior, classes)}
    texts = {
        "relation.csv": _csv("class", classes, by_class),
        "relation-nodes.csv": _csv("node", nodes, by_node),
        "relation.json": json.dumps(_description(run, found, nodes, prior), indent=1) + "\n",
    }
    pairs = {b.name: b.compatibility for b in found if b.compatibility}
    if pairs:
        states = [f"{name} {state}" for name in pairs for state in ("given", "learned")]
        table = zip(states, itertools.chain(*pairs.values()), strict=True)
        texts["compatibility.csv"] = _csv("class", classes, dict(table))
        rows = [(f"compatibility, {name}", True, *pair) for name, pair in pairs.items()]
        pictures["compatibility.png"] = figures.branch_figure(rows, prior, classes)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (texts | pictures).items():
        files.write_whole(out / name, content)
    return found


def _csv(kind: str, names: Sequence[str], matrices: Mapping[str, np.ndarray]) -> str:
    tables = {key: pd.DataFrame(matrix, [*names], [*names]) for key, matrix in matrices.items()}
    whole = pd.concat(tables, names=["relation", kind])
    return table_csv(whole, float_format="%.6g")


def _description(
    run: Run, found: Sequence[Branch], nodes: Sequence[str], prior: np.ndarray
) -> dict[str, Any]:
    described = {}
    for branch in found:
        given, used = branch.by_class(len(run.names))
        described[branch.name] = {
            "learned": branch.learned,
            "given": {"classes": given.tolist(), "nodes": branch.given.tolist()},
            "used": {"classes": used.tolist(), "nodes": branch.used.tolist()},
        }
        if branch.compatibility:
            before, after = (matrix.tolist() for matrix in branch.compatibility)
            described[branch.name]["compatibility"] = {"given": before, "learned": after}
    return {
        "dataset": run.results.get("dataset"),
        "fold": run.record.get("fold"),
        "step": run.results.get("step"),
        "graph": run.config["graph"],
        "classes": list(run.names),
        "nodes": list(nodes),
        "prior": prior.tolist(),
        "branches": described,
    }


def export_relations() -> int:
    """The command line; returns the exit code."""
    parser = Parser("python -m drr_jax.relations", description=__doc__)
    parser.add_argument("--workdir", required=True, help="folder of an evaluated run")
    parser.add_argument("--out", required=True, help="folder for the tables and the picture")
    args = parser.parse_args()
    for branch in export(args.workdir, args.out):
        if branch.learned:
            change = np.abs(branch.used - branch.given)[branch.given > 0]
            print(f"{branch.name}: learned, edges moved by {change.mean():.3f} in the mean")
        else:
            print(f"{branch.name}: fixed, the graph used what it was given")
        if branch.compatibility:
            before, after = branch.compatibility
            change = np.abs(after - before).mean()
            print(f"{branch.name}: compatibility of classes moved by {change:.3f} in the mean")
    print(f"written: {Path(args.out) / 'relation.png'} and the tables beside it")
    return 0
