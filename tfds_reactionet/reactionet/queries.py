"""Prints the searches for reaction videos: python -m tfds_reactionet.reactionet.queries."""

import sys

from drr_jax.arguments import Parser
from drr_jax.errors import run
from tfds_reactionet.reactionet.scenes import queries, read_pool


def main() -> int:
    """The command line; returns the exit code."""
    parser = Parser(
        "python -m tfds_reactionet.reactionet.queries",
        description='Prints the "Reaction to ..." searches, one a line (supplement 1.8).',
    )
    parser.add_argument("--scene", help="only this scene, e.g. film")
    parser.add_argument("--sub_scene", help="only this sub-scene, e.g. horror")
    args = parser.parse_args()
    sys.stdout.write("\n".join(queries(read_pool(), args.scene, args.sub_scene)) + "\n")
    return 0


if __name__ == "__main__":
    run(main)
