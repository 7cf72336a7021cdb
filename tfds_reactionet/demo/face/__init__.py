"""A drawn face that shows given action units, in colour, depth and warmth.

Comes in: an identity, a pose, action units. Goes out: pixels. Open shape.py first, then render.py.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
