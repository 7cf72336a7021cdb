"""Weights of other people's models in, weights of trained runs out.

Comes in: safetensors by path or from the hub, or a run's folder. Goes out: parameters that fit,
every tensor accounted for, or an exported folder with its card. Open load.py first for
what comes in, export.py for what goes out.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
