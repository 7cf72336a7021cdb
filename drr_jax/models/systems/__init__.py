"""The systems that DRR is compared with: baselines, multimodal and single-frame comparators.

Comes in and goes out: as for every system (models/system.py). A file for the baselines, and one for
each comparator; what several share lies beside them (au_places, au_regions, descriptions, reversal,
shapes). Open baselines.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
