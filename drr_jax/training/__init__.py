"""A run, from its parts to its score.

Comes in: a config and a work folder. Goes out: checkpoints, config.json, run.json, metrics,
predictions.csv, samples and results.json. Open stages.py first (the order), then experiment.py (the
parts), loop.py and evaluation.py.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
