"""A run, from its parts to its score.

Comes in: a config, a fold of a prepared data set, a work folder. Goes out: checkpoints, metrics and
results.json. Open experiment.py first (the parts), then loop.py and evaluation.py.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
