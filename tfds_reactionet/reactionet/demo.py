"""The former name of `python -m tfds_reactionet.demo`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("tfds_reactionet.demo", run_name="__main__", alter_sys=True)
