"""The semi-automatic annotation of the supplement's sections 1.4 to 1.7.

Comes in: a raw release with OpenFace's CSVs (or OpenFace itself, to make them), an expert's
corrections, coders' labels, DeepFace's estimates. Goes out: frames to look at again, corrected key
frames, agreement of coders (Table 2), demographics (Table 1). Open command.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
