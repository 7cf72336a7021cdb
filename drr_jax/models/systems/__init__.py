"""The systems that DRR is compared with: baselines, multimodal and single-frame comparators.

Comes in and goes out: as for every system (models/system.py). One file a system; open
baselines.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
