"""Many runs side by side: the paper's tables, paired differences, costs.

Comes in: folders of finished runs. Goes out: tables.html, .md, .csv and .json, ablation.csv, and
costs.json beside a run. Open write.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
