"""Every system of the paper's tables, behind one contract.

Comes in: the config, the number of classes and their prior. Goes out: a Flax module that names its
inputs, gives its loss terms and its prediction. Open system.py (the contract) first, then
drr/drr.py; catalog.py finds a system by its name.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
