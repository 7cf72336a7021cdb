"""Drawn scenes of the eight major kinds: what the rendered people were watching.

Comes in: a sub-scene, an event, a time. Goes out: pixels. Open frame.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
