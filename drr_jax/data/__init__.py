"""From a prepared data set on the disk to batches of NumPy arrays, augmented here or on the device.

Comes in: the folder that a builder wrote, and the config. Goes out: what the set says of a fold
(classes, rows, counts, priors), and Grain data sets that are a function of (seed, step). Open
prepared.py and fold.py first, then source.py and pipeline.py.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
