"""Names and order of action units, expressions and scenes, and their relation priors."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from drr_jax.errors import InputError, nearest
from drr_jax.facs import prior_file


def value_columns(task: str, names: Sequence[str]) -> list[str]:
    """What tables of predictions call what is said of each class.

    Probabilities are AU01_p or expression_happy, intensities AU01_r as OpenFace has them.
    """
    ending = {"au": "_p", "intensity": "_r"}.get(task, "")
    return [f"{name}{ending}" if ending else f"{task}_{name}" for name in names]


def au_names(*numbers: int) -> tuple[str, ...]:
    """Names of action units by FACS number: 1 -> "AU01"."""
    return tuple(f"AU{number:02d}" for number in numbers)


# The 17 AUs that ReactioNet's coders and OpenFace's intensities share (supplement 1.5).
REACTIONET_AUS = au_names(1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
OPENFACE_INTENSITY_AUS = REACTIONET_AUS
OPENFACE_OCCURRENCE_AUS = (*REACTIONET_AUS[:-1], "AU28", "AU45")
# The 12 evaluated AUs, in the order of supplement Figure 7.
REACTIONET_AUS_12 = au_names(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 26)
BP4D_AUS = au_names(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA_AUS = au_names(1, 2, 4, 6, 9, 12, 25, 26)
DISFA_PLUS_AUS = au_names(1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)  # all that DISFA codes
CK_PLUS_AUS = au_names(1, 2, 4, 5, 6, 7, 9, 12, 17, 23, 24, 25)
EMOTIONET_AUS_11 = au_names(1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26)

EXPRESSIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
EXPRESSIONS_8 = (*EXPRESSIONS, "contempt")  # as AffectNet and CK+ have them
FER_PLUS_EXPRESSIONS = (
    *("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "contempt"),
)
# What is recognised: AU occurrence by a sigmoid each, expressions and sub-scenes by a softmax, AU
# intensities by a number each.
TASKS = ("au", "expression", "scene", "intensity")
SOFTMAX_TASKS = ("expression", "scene")
HIGHEST = 5.0  # of intensities: 0 is absent, 1 to 5 are FACS A to E
# The level from which an AU counts as present: DISFA's protocol, "greater than 1" (supplement 3.1).
OCCURS_FROM = 2.0
SCENES = (
    *("sport", "show", "animation", "film", "game", "object", "self_made"),
    "interview_public_speech",
)

# Supplement Figure 7: related AUs of ReactioNet's twelve, each edge once. AU26's row is from FACS
# (supplement 2.2), the rest equals the 0.40 co-occurrence rule on BP4D (method 3.1).
_FIGURE_7 = """1-2 1-10 1-26 2-10 2-12 2-26 4-7 4-26 6-7 6-10 6-12 6-14 6-15 6-17 7-10 7-12 7-14
7-15 7-17 7-23 7-26 10-12 10-14 10-15 10-17 10-23 12-14 12-15 12-17 12-23 14-15 14-17 14-23 15-17
17-23"""
AU_EDGES = {
    REACTIONET_AUS_12: _FIGURE_7,
    # Figure 7's block plus AU24's companions by the same rule (method 3.1).
    BP4D_AUS: _FIGURE_7 + " 14-24 17-24",
    DISFA_AUS: "1-2 4-9 6-12 6-25 12-25 25-26",
    CK_PLUS_AUS: """1-2 1-5 2-5 2-12 4-5 4-7 4-9 5-7 6-7 6-12 6-17 6-25 7-12 7-17 7-23 12-17 12-23
    12-25 17-23 17-24""",
    EMOTIONET_AUS_11: """1-2 1-5 1-20 1-26 2-5 2-12 2-20 2-26 4-5 4-9 4-20 4-26 5-20 5-26 6-12 6-17
    6-25 12-17 12-25 20-26 25-26""",
}
# RAF-ML's co-occurrence under the same 0.40 rule (method 3.2; supplement 2.2 names the source).
# Neutral and contempt are not in RAF-ML and relate to themselves only (reconstruction).
_EXPRESSION_EDGES = "surprise-fear surprise-happy disgust-sad disgust-anger"
CO_OCCURRENCE_THRESHOLD = 0.40  # method 3.1: the rule that reproduces Figure 7


def _relation(
    names: Sequence[str], edges: Iterable[Sequence[str]]
) -> Bool[np.ndarray, "classes classes"]:
    related = {frozenset(edge) for edge in edges} | {frozenset([name]) for name in names}
    return np.array([[frozenset((a, b)) in related for b in names] for a in names], dtype=bool)


def au_prior(names: Sequence[str]) -> Bool[np.ndarray, "classes classes"]:
    """Relation prior P of a known AU set: symmetric, unit diagonal.

    Source: supplement Figure 7 for ReactioNet; method 3.1 for the benchmarks. Raises InputError
    for another set of AUs, whose prior comes from training labels (`relation`).
    """
    edges = AU_EDGES.get(tuple(names))
    if edges is None:
        raise InputError(
            f"the AUs {' '.join(names)} have no known relation prior, only one from training labels"
        )
    pairs = (edge.split("-") for edge in edges.split())
    return _relation(names, (au_names(int(a), int(b)) for a, b in pairs))


def expression_prior(names: Sequence[str] = EXPRESSIONS) -> Bool[np.ndarray, "classes classes"]:
    """Relation prior of expressions, from RAF-ML (supplement 2.2, method 3.2).

    Raises InputError for a name that is no expression.
    """
    known = sorted({*EXPRESSIONS, *FER_PLUS_EXPRESSIONS})
    for name in names:
        if name not in known:
            raise InputError(f"expression {name!r} is unknown: {nearest(name, known)}")
    return _relation(names, (edge.split("-") for edge in _EXPRESSION_EDGES.split()))


def scene_prior(sub_scenes: Sequence[str]) -> Bool[np.ndarray, "classes classes"]:
    """Relation prior of "scene/sub_scene" names: sub-scenes of one scene are related.

    Source: supplement 2.2. Raises InputError for a name without a known major scene.
    """
    majors = [name.split("/")[0] for name in sub_scenes]
    for name, major in zip(sub_scenes, majors, strict=True):
        if major not in SCENES or "/" not in name:
            raise InputError(f"scene {name!r} is unknown: {nearest(major, SCENES)}")
    return np.array([[a == b for b in majors] for a in majors], dtype=bool)


def conditional_half_sums(
    pairs: Int[np.ndarray, "classes classes"], given: Int[np.ndarray, "classes classes"]
) -> Float[np.ndarray, "classes classes"]:
    """Half-sums (C + C^T) / 2 of conditional co-occurrence C_ij = P(class j | class i).

    pairs[i, j] counts samples with i and j both present; given[i, j] those with i present and j
    known. A class that never occurs has 0 beside 1 on the diagonal. Source: method 3.1.
    """
    pairs, given = np.asarray(pairs, np.float64), np.asarray(given, np.float64)
    conditional = np.divide(pairs, given, out=np.zeros_like(pairs), where=given > 0)
    half = (conditional + conditional.T) / 2
    np.fill_diagonal(half, 1.0)
    return half


def count_pairs(
    labels: Int[np.ndarray, "samples classes"],
) -> tuple[Int[np.ndarray, "classes classes"], Int[np.ndarray, "classes classes"]]:
    """Counts (pairs, given) of `conditional_half_sums` from labels 0, 1 or -1 (unknown)."""
    # Sums of 0 and 1 are exact in double precision, whose products are fast.
    present, known = (labels == 1).astype(float), (labels >= 0).astype(float)
    pairs, given = (np.rint(present.T @ other).astype(np.int64) for other in (present, known))
    return pairs, given


def relation(
    choice: str,
    names: Sequence[str],
    pairs: Int[np.ndarray, "classes classes"],
    given: Int[np.ndarray, "classes classes"],
) -> Float[np.ndarray, "classes classes"]:
    """The relation P that `graph.prior` or `contrast.prior` names, for a set of AUs.

    on and learned: the known prior of the set, else the co-occurrence rule on the training counts;
    soft: their half-sums as weights; identity and all_ones: for ablations (method section 11);
    file:PATH.csv: what the file says. Raises InputError if that is not a prior of these classes.
    """
    half_sums = conditional_half_sums(pairs, given)
    if choice == "soft":
        return half_sums
    known = tuple(names) in AU_EDGES
    prior = au_prior(names) if known else half_sums >= CO_OCCURRENCE_THRESHOLD
    return fixed_relation(choice, prior.astype(float), names)


def fixed_relation(
    choice: str, prior: Float[np.ndarray, "classes classes"], names: Sequence[str]
) -> Float[np.ndarray, "classes classes"]:
    """`prior` itself (on, learned), or what an ablation or a file puts in its place.

    Raises InputError if `prior` or the file's is not [classes, classes], symmetric and of unit
    diagonal, or if the file has other classes than `names`.
    """
    if prior_file.is_prior_file(choice):
        return prior_file.load_prior_file(choice, names)
    check_prior(prior, len(names))
    others = {"identity": np.eye(len(prior)), "all_ones": np.ones_like(prior)}
    return others.get(choice, prior)


def strongest(
    prior: Float[np.ndarray, "classes classes"],
    strength: Float[np.ndarray, "classes classes"],
    count: int,
) -> Float[np.ndarray, "classes classes"]:
    """`prior` with the relations that are among a class's `count` strongest, for either class.

    A class's relation with itself stays and is not counted; of equal strengths the first classes
    come first. Source: reconstruction (method 5.7).
    """
    related = np.where((prior > 0) & ~np.eye(len(prior), dtype=bool), strength, -np.inf)
    ranks = np.argsort(np.argsort(-related, axis=1, kind="stable"), axis=1, kind="stable")
    kept = (ranks < count) & np.isfinite(related)
    return np.where(kept | kept.T | np.eye(len(prior), dtype=bool), prior, 0)


def check_prior(prior: np.ndarray, classes: int) -> None:
    """Raises InputError unless `prior` is [classes, classes], symmetric and of unit diagonal."""
    if prior.shape != (classes, classes):
        raise InputError(f"relation prior has shape {prior.shape}, expected ({classes}, {classes})")
    if not np.array_equal(prior, prior.T):
        row, column = np.argwhere(prior != prior.T)[0]
        raise InputError(f"relation prior is not symmetric: entry ({row}, {column}) differs")
    if not np.all(np.diag(prior) == 1):
        raise InputError("relation prior must have ones on its diagonal")
