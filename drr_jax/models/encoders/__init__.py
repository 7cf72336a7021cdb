"""Encoders of images, captions and sounds, and the layers that they are made of.

Comes in: images [batch, height, width, channels], tokens [batch, tokens] or levels [batch, steps,
bands]. Goes out: a feature at each position. Open build.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
