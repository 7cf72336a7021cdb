"""The page of one run, and the relations that it was given and found.

Comes in: a run's folder. Goes out: report.html and pictures; relations as CSV files and PNGs. Open
write.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
