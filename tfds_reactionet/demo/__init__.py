"""The rendered release: faces, stimuli, captions and labels drawn from random numbers.

Comes in: a seed and sizes. Goes out: a folder in the raw layout of ReactioNet, no person in it.
content.toml declares what is shown and told. Open affect.py (scene -> emotion -> action units)
first, then sequence.py and write.py.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
